"""What an address opens for a visitor, and for nobody else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.chat.archive import pack
from app.chat.example import shipped_example
from app.chat.session import ChatSession
from app.roles import Visitor
from app.services import Services
from app.workbench.address.page_address import (
    NOT_YOURS,
    fields_update,
    on_visit,
    place_of,
    place_update,
)
from app.workbench.address.receipts import path_from, receipt_for
from app.workbench.chat_tab.saving import on_import
from app.workbench.events import SKIP
from app.workbench.image.panel import PanelUpdate, on_example, on_upload
from blip2core.bundled import SAMPLES
from tests.app.visitor import ask, upload
from tests.fakes import FakeGenerator, fake_services

TABS = ("chat", "match", "inside")
ANN, BEN = Visitor(role="visitor", name="ann"), Visitor(role="visitor", name="ben")


@pytest.fixture
def services() -> Services:
    return fake_services(FakeGenerator())


def arrive() -> ChatSession:
    return ChatSession("stickers-opt", shipped_example())


def uploaded(tmp_path: Path, colour: str = "red") -> ChatSession:
    session = arrive()
    on_upload(session, upload(tmp_path, f"{colour}.png", Image.new("RGB", (40, 20), colour)))
    return session


def visit(
    services: Services,
    session: ChatSession,
    query: str,
    receipt: Any = "",
    visitor: Visitor = ANN,
) -> tuple[Any, Any]:
    return on_visit(services, session, {"query": query, "receipt": receipt}, visitor, TABS)


def written(update: Mapping[str, Any]) -> dict[str, str]:
    """The fields that the browser writes into the address."""
    return {name: value for name, value in update["state"]["place"].items() if value}


def test_the_visitor_who_uploaded_an_image_finds_it_after_a_reload(
    services: Services, tmp_path: Path
) -> None:
    before = uploaded(tmp_path)
    address = place_of(before, services)
    assert address == {"model": "", "image": before.image.key, "item": ""}
    receipt = receipt_for("ann", before.image.key, before.image.path)
    session = arrive()
    shown, more = visit(services, session, f"?image={before.image.key}&tab=match", receipt)
    assert session.image.shown.getpixel((0, 0)) == (255, 0, 0) and session.turns == ()
    assert shown.notice == "" and shown.topic == session.topic
    assert more.tabs.selected == "match"
    assert written(more.address) == {"image": before.image.key}


def test_an_opened_archive_is_there_again_with_its_talk(services: Services, tmp_path: Path) -> None:
    first = uploaded(tmp_path, "blue")
    ask(first, FakeGenerator(), "Who?")
    before = arrive()
    on_import(before, upload(tmp_path, "talk.zip", pack(first.image, first.turns)))
    receipt, session = receipt_for("ann", before.image.key, before.image.path), arrive()
    shown, more = visit(services, session, f"?image={before.image.key}", receipt)
    assert shown.notice == "" and written(more.address) == {"image": first.image.key}
    assert [turn.question for turn in session.turns] == ["Who?"]


@pytest.mark.parametrize(
    "receipt", ["", "nonsense", None, 7, "0" * 64 + " /etc/passwd", "x" * 9999]
)
def test_the_hash_of_an_image_gives_nothing_to_others(
    services: Services, tmp_path: Path, receipt: Any
) -> None:
    before, session = uploaded(tmp_path), arrive()
    shown, more = visit(services, session, f"?image={before.image.key}&tab=inside", receipt)
    assert NOT_YOURS in shown.notice
    assert session.image.key == arrive().image.key and more.tabs.selected == "inside"
    assert written(more.address) == {}


def test_a_receipt_is_of_one_visitor_one_image_and_one_file(tmp_path: Path) -> None:
    receipt = receipt_for("ann", "k" * 64, "/uploads/a b.png")
    assert path_from(receipt, "ann", "k" * 64) == "/uploads/a b.png"
    assert path_from(receipt, "ben", "k" * 64) is None
    assert path_from(receipt, "ann", "l" * 64) is None
    assert path_from(receipt.replace("a b", "c"), "ann", "k" * 64) is None
    assert path_from("\ud800 /uploads/a b.png", "ann", "k" * 64) is None


def test_who_logs_in_after_somebody_else_does_not_get_their_image(
    services: Services, tmp_path: Path
) -> None:
    before = uploaded(tmp_path)
    receipt = receipt_for("ann", before.image.key, before.image.path)
    shown, _ = visit(services, arrive(), f"?image={before.image.key}", receipt, BEN)
    assert NOT_YOURS in shown.notice


def test_an_upload_that_has_expired_is_told(services: Services, tmp_path: Path) -> None:
    before, session = uploaded(tmp_path), arrive()
    receipt = receipt_for("ann", before.image.key, before.image.path)
    Path(before.image.path).unlink()
    shown, _ = visit(services, session, f"?image={before.image.key}", receipt)
    assert "not here any more" in shown.notice
    assert session.image.key == arrive().image.key


def test_a_sample_opens_for_everybody(services: Services) -> None:
    sample, session = arrive(), arrive()
    on_example(SAMPLES / "beach-1.png", sample)
    key = place_of(sample, services)["image"]
    shown, _ = visit(services, session, f"?image={key}", "", BEN)
    assert session.image.key == key and "role" not in shown.notice


def test_going_back_to_the_beginning_finds_what_was_there(
    services: Services, tmp_path: Path
) -> None:
    session = uploaded(tmp_path)
    _, more = visit(services, session, "")
    assert session.image.key == arrive().image.key and session.stored.kind == "example"
    assert more.tabs.selected == "chat" and written(more.address) == {}


def test_going_back_ends_no_conversation_unasked(tmp_path: Path) -> None:
    generator = FakeGenerator()
    services, session = fake_services(generator), uploaded(tmp_path)
    key = session.image.key
    ask(session, generator, "Who?")
    shown, more = visit(services, session, "")
    assert session.image.key == key and len(session.turns) == 1
    assert session.offered is not None and shown.decision["visible"]
    assert written(more.address) == {"image": key}, "of what is still talked about"


def test_an_address_without_an_image_leaves_what_is_chosen_on_arrival(
    services: Services, tmp_path: Path
) -> None:
    """Whoever is quick chooses an image before the server has read the address."""
    session = uploaded(tmp_path)
    key = session.image.key
    sent = {"query": "?tab=match", "receipt": "", "arrival": True}
    shown, more = on_visit(services, session, sent, ANN, TABS)
    assert session.image.key == key and shown == PanelUpdate()
    assert more.tabs.selected == "match" and written(more.address) == {"image": key}


def test_a_model_is_chosen_or_refused_in_a_sentence(services: Services) -> None:
    session = arrive()
    shown, more = visit(services, session, "?model=stickers-t5")
    assert session.model == "stickers-t5" and shown.notice == ""
    assert written(more.address) == {"model": "stickers-t5"}
    assert more.chooser == "stickers-t5"
    shown, more = visit(services, session, "?model=<b>../secret")
    assert "This model cannot be chosen here." in shown.notice and "<b>" not in shown.notice
    assert session.model == "stickers-t5" and written(more.address) == {"model": "stickers-t5"}
    visit(services, session, "")
    assert session.model == "stickers-opt", "as on arrival"


@pytest.mark.parametrize(
    "query",
    [
        *("?tab=nonsense", "?tab=", "?item=abc", "?item=-1", "?item=%00", "?item=" + "9" * 40),
        *("?text=7", "?" + "a=1&" * 99, "?tab=match&" + "x" * 9999, "?%ff%fe=\ud800", None, 7),
    ],
)
def test_what_cannot_be_read_is_left_out(services: Services, query: Any) -> None:
    session = arrive()
    shown, more = visit(services, session, query)
    assert shown.notice == "" and session.image.key == arrive().image.key
    assert more.tabs.selected == "chat"
    assert more.matched_texts == SKIP and more.item_text == ""


@pytest.mark.parametrize("key", ["<script>", "../../etc/passwd", "A" * 64, "a" * 63])
def test_an_image_is_named_by_its_hash_alone(services: Services, key: str) -> None:
    shown, _ = visit(services, arrive(), f"?image={key}")
    assert "in a way that no image is named" in shown.notice and "script" not in shown.notice


def test_a_place_that_was_seen_earlier_has_the_smaller_number(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, later = arrive(), []

    def read_slowly(*place: Any) -> dict[str, str]:
        monkeypatch.undo()
        later.append(place_update(*place))
        return place_of(*place)

    monkeypatch.setattr("app.workbench.address.page_address.place_of", read_slowly)
    earlier = place_update(session, services)
    assert 1e15 < earlier["state"]["number"] < later[0]["state"]["number"] < 2**53


def test_what_the_browser_is_told_of_a_place(services: Services, tmp_path: Path) -> None:
    session = uploaded(tmp_path)
    plain = place_update(session, services)["state"]
    assert (plain["step"], plain["visited"], plain["receipt"]) == (False, False, "")
    told = place_update(session, services, step=True, visited=True, receipt="ticket")["state"]
    assert (told["step"], told["visited"], told["receipt"]) == (True, True, "ticket")
    assert told["place"] == plain["place"] == place_of(session, services)
    assert told["place"]["image"]


def test_equal_settings_are_told_again(services: Services) -> None:
    first, second = (fields_update({"temperature": "0.5"})["state"] for _ in range(2))
    assert first["place"] == second["place"] == {"temperature": "0.5"}
    assert first["number"] < second["number"]
