"""The dialog that saves to a dataset: who sees what, what is refused, and what it says."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.chat.conversation import ChatTurn
from app.chat.session import ChatSession
from app.chat.text_writer import TextWriter
from app.roles import VISITOR_HEADER, Visitor, header_of
from app.services import Services
from app.workbench.save_dialog import saving
from app.workbench.save_dialog.dialog import (
    GONE,
    MOST_LINKS,
    NOT_ALLOWED,
    SaveUpdate,
    build_save_dialog,
    offer_html,
    on_submit,
    saved_html,
    show_offer,
    show_to_curators,
)
from app.workbench.save_dialog.offers import SaveOffer, TextOffer, offer_of_chat, offer_of_row
from app.workbench.save_dialog.saving import Saved
from blip2core.config import CaptionConfig
from blip2core.curation.pairs import StoredImage
from blip2core.records import DOUBT_WARNING, Doubt
from blip2core.storage import Database, open_database
from blip2core.storage.datasets import get_or_create_dataset

HOSTILE = '"><img src=x onerror=alert(1)>'
WRITER = TextWriter(model="stickers-opt", revision="r" * 40, captions=CaptionConfig())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'saved.db'}")
    yield database
    database.close()


@pytest.fixture
def stored(services: Services, database: Database) -> Services:
    return replace(services, database=database)


def asked_by(role: Any, name: str = "ada") -> Any:
    told = header_of(Visitor(role=role, name=name)).decode()
    return SimpleNamespace(headers={VISITOR_HEADER: told})


CURATOR, VISITOR = asked_by("curator"), asked_by("visitor")


def submitted(
    services: Services, offer: SaveOffer | None, who: Any = CURATOR, /, **sent: Any
) -> SaveUpdate:
    uid = offer.uid if offer else ""
    return on_submit(services, offer, {"offer": uid, "dataset": "mine", "texts": [0], **sent}, who)


def test_only_curators_save(
    stored: Services, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "save_offer", None)  # a call would fail
    offer = offer_of_chat(session)
    for update in (
        show_offer(stored, VISITOR, lambda: offer),
        submitted(stored, offer, VISITOR),
    ):
        assert update.offer is None and NOT_ALLOWED in update.dialog
        assert "<form" not in update.dialog
    assert not show_to_curators(VISITOR)["visible"] and show_to_curators(CURATOR)["visible"]


def test_without_a_database_there_is_no_dialog(services: Services) -> None:
    nowhere: Any = None
    assert build_save_dialog(services, nowhere) is None


def test_it_offers_what_is_on_screen_and_the_datasets_there_are(
    stored: Services, database: Database, session: ChatSession
) -> None:
    for name in ("zebras", HOSTILE):
        database.run_write(lambda write, name=name: get_or_create_dataset(write, name=name).id)
    text = TextOffer(label="Text", words=HOSTILE, chosen=True)
    offer = SaveOffer(image=session.image, texts=(text,), model=session.model)
    shown = show_offer(stored, CURATOR, lambda: offer)
    assert shown.offer is offer and f'data-offer="{offer.uid}"' in shown.dialog
    assert "The image <b>red.png</b>" in shown.dialog and "<option>zebras</option>" in shown.dialog
    assert shown.dialog.count("&lt;img src=x") == 2 and "<img" not in shown.dialog
    assert 'value="0" checked' in shown.dialog


def test_what_has_nothing_to_save_says_so(stored: Services) -> None:
    update = show_offer(stored, CURATOR, lambda: offer_of_chat(ChatSession()))
    assert update.offer is None and "Choose an image first." in update.dialog


def test_what_was_chosen_is_saved_and_linked(stored: Services, session: ChatSession) -> None:
    texts = (TextOffer(label="Text", words="a red square"), TextOffer(label="Text", words="a bus"))
    offer = SaveOffer(image=session.image, texts=texts, model=session.model)
    update = submitted(stored, offer, dataset="  a & b/c  ", texts=[1])
    assert update.offer is None
    assert "Saved to a &amp; b/c: 1 image with 1 accepted text." in update.dialog
    assert 'href="curator/review?dataset=a%20%26%20b%2Fc&amp;item=1"' in update.dialog
    again = submitted(stored, offer, dataset="a & b/c", texts=[0, 1]).dialog
    assert "1 image with 2 accepted texts. Of these 1 image and 1 text were there before." in again


@pytest.mark.parametrize("sent", [{"texts": "0"}, {"texts": [7, -1, "0", None]}, {"texts": None}])
def test_texts_that_were_not_offered_are_not_saved(
    stored: Services, session: ChatSession, sent: Any
) -> None:
    offer = SaveOffer(
        image=session.image, texts=(TextOffer(label="Text", words="a"),), model=session.model
    )
    assert "1 image." in submitted(stored, offer, **sent).dialog


def test_another_offer_than_the_one_on_screen_saves_nothing(
    stored: Services, session: ChatSession
) -> None:
    offer = offer_of_chat(session)
    assert GONE in submitted(stored, offer, offer="made up").dialog
    assert GONE in submitted(stored, None).dialog


@pytest.mark.parametrize(
    ("dataset", "told"),
    [("", "Name the dataset first."), ("x" * 201, "at most 200 characters"), (None, "Name the")],
)
def test_a_dataset_without_a_good_name_is_asked_for_again(
    stored: Services, session: ChatSession, dataset: Any, told: str
) -> None:
    offer = offer_of_chat(session)
    update = submitted(stored, offer, dataset=dataset)
    assert told in update.dialog and "<form" in update.dialog and update.offer is offer


def test_many_images_are_linked_up_to_a_bound() -> None:
    images = tuple(
        StoredImage(item_id=number, name=HOSTILE, is_new=True) for number in range(MOST_LINKS + 3)
    )
    shown = saved_html(Saved(images=images, accepted=15, rejected=1), "mine")
    assert "15 images with 15 accepted texts and 1 rejected text." in shown
    assert shown.count("<a ") == MOST_LINKS and "and 3 more" in shown
    assert "before" not in shown and "<img" not in shown


def test_a_row_says_who_wrote_it(session: ChatSession) -> None:
    assert session.image is not None
    session.note_written(session.image.key, ["a red\x00 thing "], WRITER)
    (written,) = offer_of_row(session, "a red thing").texts
    assert (written.label, written.writer, written.chosen) == ("Caption", WRITER, True)
    (typed,) = offer_of_row(session, " a\x00 bus ").texts
    assert (typed.label, typed.words, typed.writer) == ("Text", "a bus", None)
    assert offer_of_row(session, "\u2060").texts == ()
    assert len(offer_of_row(session, "x" * 5000).texts[0].words) == 1000


def test_a_chat_offers_its_caption_and_its_whole_answers(session: ChatSession) -> None:
    assert session.image is not None
    session.learn(session.image, caption="a red thing")
    assert offer_of_chat(session).texts == (), "nobody knows who wrote the caption"
    session.note_written(session.image.key, ["a red thing"], WRITER)
    whole = {"model": "stickers-opt", "revision": "r" * 40, "state": "answered"}
    session.turns = (
        ChatTurn(question="What?", answer="a bus", prompt="Question: What? Answer:", **whole),
        ChatTurn(question="Where?", answer="here", **whole | {"state": "stopped"}),
        ChatTurn(question="Who?", answer="nobody", **whole | {"revision": ""}),
        ChatTurn(question="Long?", answer="x" * 1000, **whole),
        ChatTurn(question="When?", answer="now", **whole),
    )
    texts = offer_of_chat(session).texts
    assert [(one.words, one.question, one.chosen) for one in texts] == [
        ("a red thing", "", True),
        ("What? a bus", "What?", False),
        ("When? now", "When?", False),
    ]
    assert texts[1].writer is not None
    assert texts[1].writer.captions.prompt == "Question: What? Answer:"


def test_of_an_image_in_doubt_nothing_that_a_model_wrote_is_ticked(session: ChatSession) -> None:
    assert session.image is not None
    session.note_written(session.image.key, ["a red thing"], WRITER)
    for itc, ticked in ((0.6, False), (0.8, True)):
        doubt = Doubt(captions=("a",), itc=itc, threshold=0.7)
        session.learn(session.image, caption="a red thing", doubts={session.model: doubt})
        for offer in (offer_of_chat(session), offer_of_row(session, "a red thing")):
            assert [text.chosen for text in offer.texts] == [ticked]
            assert (DOUBT_WARNING in offer_html(offer, [])) == (not ticked)
        (typed,) = offer_of_row(session, "a bus").texts
        assert typed.chosen, "somebody looked at the image"


def test_how_texts_were_written_is_remembered_up_to_a_bound() -> None:
    session = ChatSession()
    session.note_written("key", (f"text {number}" for number in range(501)), WRITER)
    assert session.writer_of("key", "text 0") is None
    assert session.writer_of("key", "text 500") is WRITER
    assert session.writer_of("other image", "text 500") is None
