"""The handlers of the image panel, without a browser."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.chat.archive import pack, unpack
from app.chat.session import ChatSession
from app.workbench.events import SKIP
from app.workbench.image.panel import (
    caption_image,
    card_label,
    on_accept,
    on_example,
    on_image_field,
    on_keep_image,
    on_upload,
)
from tests.app.visitor import ask, upload
from tests.fakes import FakeGenerator, fake_services


def test_caption_streams_and_the_image_is_encoded_once(session: ChatSession) -> None:
    generator = FakeGenerator(caption_text="a red bird")
    captions = [step.caption for step in caption_image(fake_services(generator), session)]
    assert captions == ["a", "a red", "a red bird", "a red bird"]
    ask(session, generator, "Who?")
    ask(session, generator, "Where?")
    assert generator.vision_calls == 1


def test_going_back_to_an_image_encodes_nothing(session: ChatSession, tmp_path: Path) -> None:
    generator = FakeGenerator()
    services = fake_services(generator)
    files = [
        upload(tmp_path, f"{colour}.png", Image.new("RGB", (40, 20), colour))
        for colour in ("blue", "red", "blue")
    ]
    list(caption_image(services, session))
    for file in files:
        on_upload(session, file)
        list(caption_image(services, session))
    assert generator.vision_calls == 2


def test_caption_of_an_image_that_was_replaced_is_given_up(
    session: ChatSession, tmp_path: Path
) -> None:
    services = fake_services(FakeGenerator(caption_text="a red bird"))
    looking = caption_image(services, session)
    assert next(looking).caption == "a"
    on_upload(session, upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue")))
    assert list(looking) == []
    assert session.image.caption == ""
    assert [*caption_image(services, session)][-1].caption == "a red bird"


def test_a_caption_is_by_one_model_whichever_is_chosen_meanwhile(session: ChatSession) -> None:
    services = fake_services(FakeGenerator(caption_text="a red bird"))
    models: Any = services.engine.models
    looking = caption_image(services, session)
    next(looking)
    session.model = "stickers-t5"
    list(looking)
    begun = models.asked[: models.asked.index("stickers-t5")]
    assert set(begun) == {"stickers-opt"} and len(begun) > 3, "to the end of the caption"
    assert session.image.caption == "a red bird"


def test_a_caption_from_a_file_is_of_its_conversation_alone(
    session: ChatSession, tmp_path: Path
) -> None:
    generator = FakeGenerator(caption_text="a red bird")
    services = fake_services(generator)
    ask(session, generator, "Who?")
    told = replace(session.image, caption="a lie", features=None)
    archive = pack(told, session.turns)
    fresh = ChatSession()
    fresh.receive_conversation(unpack(archive))
    assert fresh.image.caption == "a lie"
    ask(fresh, generator, "Who?")
    fresh.clear()
    other = upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue"))
    on_upload(fresh, other)
    own = upload(tmp_path, "own.png", session.image.data)
    on_upload(fresh, own)
    assert [*caption_image(services, fresh)][-1].caption == "a red bird"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"Dear diary,\n", "note.png: The file is not an image but a text."), (b"", "is empty")],
)
def test_wrong_file_is_named_and_the_image_stays(
    session: ChatSession, tmp_path: Path, content: bytes, message: str
) -> None:
    update = on_upload(session, upload(tmp_path, "note.png", content))
    assert message in update.notice
    assert str(tmp_path) not in update.notice
    assert session.image is not None and update.image is session.image.shown


def test_bomb_is_refused(session: ChatSession, tmp_path: Path) -> None:
    bomb = upload(tmp_path, "bomb.png", Image.new("1", (20_000, 20_000)))
    notice = on_upload(session, bomb).notice
    assert "bomb.png" in notice and "pixels" in notice


def test_image_is_shown_upright_and_small(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6  # stored lying on its side
    photo = upload(tmp_path, "photo.jpg", Image.new("CMYK", (2000, 1000)), exif=exif)
    shown = on_upload(ChatSession(), photo).image
    assert (shown.size, shown.mode) == ((384, 768), "RGB")


def test_what_was_done_to_an_image_is_said(tmp_path: Path) -> None:
    photo = upload(tmp_path, "photo.jpg", Image.new("CMYK", (40, 20)))
    assert "CMYK" in on_upload(ChatSession(), photo).notice


def test_cards_say_what_they_are() -> None:
    assert card_label(3, Path("samples/night-1.png")) == "Example 3: night"


def test_example_is_taken_like_an_upload(tmp_path: Path) -> None:
    file = upload(tmp_path, "sample.png", Image.new("RGB", (40, 20)))
    session = ChatSession()
    on_example(Path(file["path"]), session)
    assert session.image is not None


def test_message_cannot_bring_markup(session: ChatSession, tmp_path: Path) -> None:
    file = upload(tmp_path, "x.png", b"text") | {"orig_name": "<script>alert(1)</script>.png"}
    assert "<script>" not in on_upload(session, file).notice


def test_upload_of_nothing_changes_nothing(session: ChatSession) -> None:
    before = session.image
    on_upload(session, None)
    assert session.image is before


def test_pixels_reach_the_model_in_full_size(tmp_path: Path) -> None:
    generator, session, buffer = FakeGenerator(), ChatSession(), io.BytesIO()
    Image.new("RGB", (1500, 900)).save(buffer, "PNG")
    on_upload(session, upload(tmp_path, "large.png", buffer.getvalue()))
    list(caption_image(fake_services(generator), session))
    assert session.image.features.sizes == ((1500, 900),)


def test_emptied_field_says_what_is_talked_about(session: ChatSession) -> None:
    ask(session, FakeGenerator(), "Who?")
    assert "still talk" in on_image_field(session, None).notice


def test_field_that_an_image_fills_changes_nothing(session: ChatSession) -> None:
    before = session.image
    assert all(value == SKIP for value in on_image_field(session, {"path": "x"}))
    assert all(value == SKIP for value in on_image_field(ChatSession(), None))
    assert session.image is before


def test_offered_image_is_taken_or_left(session: ChatSession, tmp_path: Path) -> None:
    old = session.image
    ask(session, FakeGenerator(), "Who?")
    blue = upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue"))
    offered = on_upload(session, blue)
    assert offered.decision["visible"] and offered.image is not old.shown
    kept = on_keep_image(session)
    assert kept.image is old.shown and not kept.decision["visible"] and len(session.turns) == 1
    on_upload(session, blue)
    taken = on_accept(session)
    assert session.image.name == "blue.png" and session.turns == ()
    assert taken.image is session.image.shown and not taken.decision["visible"]
