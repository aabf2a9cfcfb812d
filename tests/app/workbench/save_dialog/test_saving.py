"""What the dialog saves: an image with its texts, or pairs; once, whole or not at all."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select

from app.chat.session import ChatSession
from app.chat.text_writer import TextWriter
from app.inference.capfilt_tasks import CapFiltSession
from app.services import Services
from app.workbench.capfilt_tab.actions import on_decide, on_edit_text
from app.workbench.save_dialog.offers import SaveOffer, TextOffer
from app.workbench.save_dialog.saving import Saved, save_offer
from blip2core.config import CaptionConfig, DecodeConfig
from blip2core.curation import pairs as stored_pairs
from blip2core.errors import ImageError, StorageError
from blip2core.storage import Database, open_database
from blip2core.storage.runs import claim_run
from blip2core.storage.schema import Caption, DecisionEvent, Item, Run, Score, Verdict
from blip2core.storage.schema import Image as StoredFile
from tests.app.workbench.conftest import event

WRITER = TextWriter(
    model="stickers-opt",
    revision="r" * 40,
    captions=CaptionConfig(num=2, decode=DecodeConfig(mode="sample", seed=7), prompt="a photo of"),
)
CAPTION = TextOffer(label="Caption", words="a red thing", writer=WRITER)
ANSWER = TextOffer(label="Answer", words="What colour? red", question="What colour?", writer=WRITER)
TYPED = TextOffer(label="Text", words="a red square")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'saved.db'}")
    yield database
    database.close()


@pytest.fixture
def stored(services: Services, database: Database) -> Services:
    return replace(services, database=database)


@pytest.fixture
def offer(session: ChatSession) -> SaveOffer:
    """The red image and three texts."""
    texts = (CAPTION, ANSWER, TYPED)
    return SaveOffer(image=session.image, texts=texts, model=session.model)


def save(services: Services, offer: SaveOffer, *chosen: TextOffer, dataset: str = "mine") -> Saved:
    return save_offer(services, offer, chosen, dataset=dataset, annotator="ada")


def save_pairs(services: Services, pairs: CapFiltSession) -> Saved:
    return save(services, SaveOffer(pairs=pairs, cards=tuple(pairs.cards)))


def texts_in(database: Database) -> list[tuple[str, str, Any]]:
    with database.read() as session:
        found = select(Caption.source, Caption.text, Caption.data).order_by(Caption.id)
        return [tuple(row) for row in session.execute(found)]


def actions_in(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(DecisionEvent.action).order_by(DecisionEvent.id)))


def test_an_image_is_saved_with_who_wrote_its_texts(
    stored: Services, database: Database, offer: SaveOffer
) -> None:
    saved = save(stored, offer, CAPTION, ANSWER, TYPED)
    (image,) = saved.images
    assert (image.name, image.is_new, image.texts, image.known) == ("red.png", True, 3, 0)
    assert (saved.accepted, saved.rejected) == (3, 0)
    assert texts_in(database) == [
        ("synthetic", "a red thing", None),
        ("synthetic", "What colour? red", {"question": "What colour?"}),
        ("human", "a red square", None),
    ]
    with database.read() as session:
        runs = session.scalars(select(Run).where(Run.kind != "import").order_by(Run.id)).all()
        assert [(run.kind, run.status) for run in runs] == [("capfilt", "done"), ("score", "done")]
        written = runs[0]
        assert (written.model, written.revision, written.seed) == ("stickers-opt", "r" * 40, 7)
        assert written.parameters["captions"]["prompt"] == "a photo of"
        assert session.scalar(select(Item.status)) == "decided"
        assert set(session.scalars(select(Verdict.verdict))) == {"accept"}
        assert session.scalar(select(func.count()).select_from(Score)) == 2 * 3
        sha256 = session.scalars(select(StoredFile.sha256)).one()
    file = database.images.read(sha256, format="PNG")
    assert Image.open(io.BytesIO(file)).getpixel((0, 0)) == (255, 0, 0)


def test_what_is_there_already_is_told_and_is_not_there_twice(
    stored: Services, database: Database, offer: SaveOffer
) -> None:
    save(stored, offer, CAPTION, TYPED)
    before = texts_in(database), actions_in(database)
    (again,) = save(stored, offer, CAPTION, TYPED).images
    assert (again.is_new, again.texts, again.known) == (False, 0, 2)
    assert (texts_in(database), actions_in(database)) == before
    typed_caption = replace(TYPED, words=CAPTION.words)
    assert save(stored, offer, typed_caption).images[0].known == 1
    assert (texts_in(database), actions_in(database)) == before, "whoever says it, it is one text"


def test_an_image_alone_waits_for_its_texts(
    stored: Services, database: Database, offer: SaveOffer
) -> None:
    saved = save(stored, offer)
    assert saved.accepted == 0 and saved.images[0].is_new
    with database.read() as session:
        assert session.scalars(select(Item.status)).all() == ["pending"]
    assert texts_in(database) == []


def test_what_cannot_be_saved_leaves_nothing(
    stored: Services, services: Services, database: Database, offer: SaveOffer
) -> None:
    assert offer.image is not None
    broken = replace(offer, image=replace(offer.image, data=b"no image"))
    with pytest.raises(ImageError):
        save(stored, broken, CAPTION)
    with pytest.raises(StorageError, match="Name the dataset first"):
        save(stored, offer, CAPTION, dataset="")
    with pytest.raises(StorageError, match="no database"):
        save(services, offer, CAPTION)
    with pytest.raises(StorageError, match="no image"):
        save(stored, SaveOffer())
    assert texts_in(database) == []
    with database.read() as session:
        assert session.scalars(select(Item)).all() == []


def test_judged_pairs_are_saved_once_however_often(
    stored: Services, database: Database, pairs: CapFiltSession
) -> None:
    with pytest.raises(StorageError, match="Accept or reject"):
        save_pairs(stored, pairs)
    on_decide(pairs, event(pairs, card=0, text=0, verdict="rejected"))
    on_decide(pairs, event(pairs, card=0, text=1, verdict="accepted"))
    on_edit_text(stored, pairs, {"run": pairs.name, "card": 0, "text": 0, "words": "a big dog"})
    number = pairs.cards[0].texts[-1].number
    on_decide(pairs, event(pairs, card=0, text=number, verdict="accepted"))
    for known in (0, 3):
        saved = save_pairs(stored, pairs)
        assert (saved.accepted, saved.rejected) == (2, 1)
        assert [(one.name, one.known) for one in saved.images] == [("a.png", known)]
    texts = {(text.source, text.words, None) for text in pairs.cards[0].texts}
    assert set(texts_in(database)) == texts and len(texts_in(database)) == len(texts)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Item)) == 1
        assert session.scalar(select(func.count()).select_from(Score)) == 2 * len(texts)
    assert sorted(actions_in(database)) == ["accept", "edit", "reject"]


def test_a_verdict_that_changes_and_changes_back_is_what_it_is_now(
    stored: Services, database: Database, pairs: CapFiltSession
) -> None:
    for verdict in ("accepted", "rejected", "accepted"):
        on_decide(pairs, event(pairs, card=0, text=0, verdict=verdict))
        save_pairs(stored, pairs)
        with database.read() as session:
            assert session.scalars(select(Verdict.verdict)).all() == [verdict.removesuffix("ed")]
    assert actions_in(database) == ["accept", "reject", "accept"]


def test_where_saving_fails_no_run_is_left_for_the_worker_to_go_on_with(
    stored: Services,
    database: Database,
    pairs: CapFiltSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for card in pairs.cards:
        on_decide(pairs, event(pairs, card=card.number, text=0, verdict="accepted"))

    def breaks(session: Any, **scores: Any) -> None:
        with database.read() as other:  # what the worker would see meanwhile
            assert claim_run(other, kinds=("capfilt",), stale_after=0.0) is None
        raise StorageError("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(stored_pairs, "add_scores", breaks)
        with pytest.raises(StorageError, match="The disk is full"):
            save_pairs(stored, pairs)
    with database.write() as session:
        assert claim_run(session, kinds=("capfilt",), stale_after=0.0) is None
        assert session.scalars(select(DecisionEvent)).all() == []
    assert save_pairs(stored, pairs).accepted == len(pairs.cards)
    with database.read() as session:
        runs = session.scalars(select(Run).where(Run.kind == "capfilt")).all()
        assert [run.status for run in runs] == ["done"]
        assert len(session.scalars(select(DecisionEvent)).all()) == len(pairs.cards)


def test_an_edited_text_that_was_rejected_is_not_saved(
    stored: Services, database: Database, pairs: CapFiltSession
) -> None:
    on_edit_text(stored, pairs, {"run": pairs.name, "card": 0, "text": 0, "words": "a big dog"})
    number = pairs.cards[0].texts[-1].number
    on_decide(pairs, event(pairs, card=0, text=number, verdict="rejected"))
    on_decide(pairs, event(pairs, card=0, text=1, verdict="accepted"))
    saved = save_pairs(stored, pairs)
    assert (saved.accepted, saved.rejected) == (1, 0)
    assert actions_in(database) == ["accept"]
    assert "a big dog" not in [text for _, text, _ in texts_in(database)]
