"""Save a conversation to a file: nothing to save is said, and what is saved can be opened."""

import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from app.chat.session import ChatSession
from app.workbench.chat_tab.saving import ExportUpdate, on_export_markdown, on_export_zip
from app.workbench.image.panel import on_upload
from tests.app.visitor import ask, upload
from tests.fakes import FakeGenerator

Export = Callable[[ChatSession], Iterator[ExportUpdate]]
both = pytest.mark.parametrize("export", [on_export_zip, on_export_markdown])


@pytest.fixture
def session(tmp_path: Path) -> ChatSession:
    """A visitor who brought an image."""
    session = ChatSession()
    on_upload(session, upload(tmp_path, "my dog.png", Image.new("RGB", (40, 20), "blue")))
    return session


@both
def test_nothing_to_save_is_said(session: ChatSession, export: Export) -> None:
    for visitor in (ChatSession(), session):
        (update,) = export(visitor)
        assert update.download is None and "no conversation" in update.saving_message


@both
def test_the_file_is_named_after_the_image(session: ChatSession, export: Export) -> None:
    ask(session, FakeGenerator(answers={"Who?": "a dog"}), "Who?")
    for update in export(session):
        assert update.download is not None and update.saving_message == ""
        path = Path(update.download)
        assert path.name.startswith("my-dog-") and b"a dog" in text_of(path)


@both
def test_a_long_name_is_cut(tmp_path: Path, export: Export) -> None:
    session = ChatSession()
    name = f"{'long ' * 30}.png"
    on_upload(session, upload(tmp_path, name, Image.new("RGB", (40, 20), "blue")))
    ask(session, FakeGenerator(), "Who?")
    (update,) = export(session)
    stem = Path(update.download or "").name.partition("-20")[0]
    assert stem == ("long-" * 30)[:40].strip("-")


class Spent:
    """A visitor whose share of everything is used up."""

    def take_room(self, size: int) -> str:
        return f"No room for {size} bytes."

    def take_rating(self) -> str:
        return "No more ratings today."


@both
def test_a_file_takes_of_the_share_of_a_visitor(
    session: ChatSession, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(session, FakeGenerator(), "Who?")
    monkeypatch.setattr("app.shares._shares", [Spent()])
    (update,) = export(session)
    assert update.download is None and "No room for" in update.saving_message


@both
def test_a_full_disk_is_told_with_its_place(
    session: ChatSession, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(session, FakeGenerator(), "Who?")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    (update,) = export(session)
    assert update.download is None
    place = tempfile.gettempdir()
    assert f"No space left on device: {place}; free some space there" in update.saving_message


def text_of(path: Path) -> bytes:
    if path.suffix == ".md":
        return path.read_bytes()
    with ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return archive.read("conversation.json")
