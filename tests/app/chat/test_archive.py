"""Conversations survive a file; files that are none, or worse, are refused in words."""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from app.chat import archive
from app.chat.archive import JSON_NAME, pack, unpack
from blip2core.errors import IntakeError
from tests.app.chat.conversations import ANSWERED, FAILED, OPEN, STOPPED, photo, talked


def exported() -> bytes:
    session = talked(ANSWERED, STOPPED, FAILED, OPEN)
    return pack(session.image, session.turns)


def members(archive: bytes) -> dict[str, bytes]:
    with ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def archive_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    """An export with another conversation.json."""
    files = members(exported())
    content = json.loads(files[JSON_NAME])
    change(content)
    return archive_of(files | {JSON_NAME: json.dumps(content).encode()})


def test_everything_comes_back() -> None:
    stored = unpack(exported())
    expected = tuple(replace(turn, number=-1) for turn in (ANSWERED, STOPPED, FAILED))
    assert stored.turns == expected
    assert stored.kind == "import"
    assert stored.image.data == photo()
    assert (stored.image.name, stored.image.caption) == (
        "../My <b>photo</b>.jpg",
        "a red thing",
    )


def test_what_is_written_says_how_each_answer_came_about() -> None:
    files = members(exported())
    assert set(files) == {JSON_NAME, "conversation.md", "image.jpg"}
    written = json.loads(files[JSON_NAME])
    assert set(written) == {"format", "version", "saved_at", "picture", "turns"}  # as 0.1 had it
    turn = written["turns"][0]
    assert turn["decode"]["seed"] == 7 and turn["decode"]["mode"] == "sample"
    assert (turn["model"], turn["revision"], turn["prompt"]) == ("stickers-opt", "0" * 64, "Who?:")
    assert (turn["seconds"], turn["feedback"]["liked"]) == (0.25, False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(extra=1), "extra: Extra inputs are not permitted"),
        (lambda c: c["turns"][0].update(run="rm"), "turns.0.run"),
        (lambda c: c["turns"][0]["decode"].update(beams=64), "beams"),
        (lambda c: c["turns"][0]["decode"].update(temperature=1e9), "temperature"),
        (lambda c: c["turns"][0].update(custom="no place"), "must contain"),
        (lambda c: c["turns"][0].update(question="x" * 2001), "question"),
        (lambda c: c["turns"][0].update(question=" \n"), "question"),
        (lambda c: c.update(turns=c["turns"] * 100), "turns"),
        (lambda c: c.update(version=2), "another version of the studio"),
        (lambda c: c["picture"].update(file="../../etc/passwd"), "picture.file"),
        (lambda c: c["picture"].update(file="other.png"), "no other.png"),
        (lambda c: c["picture"].update(sha256="0" * 64), "not the one that was talked about"),
        (lambda c: c.clear(), "does not describe a conversation"),
    ],
)
def test_other_content_is_refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(IntakeError, match=message):
        unpack(edited(change))


@pytest.mark.parametrize("data", [b"", b"Dear diary", b"PK\x03\x04" + bytes(100), photo()])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(IntakeError, match="no ZIP archive"):
        unpack(data)


def test_damaged_and_empty_archives_are_refused() -> None:
    whole = bytearray(exported())
    whole[60:90] = bytes(30)
    for data in (bytes(whole), exported()[:-30], archive_of({})):
        with pytest.raises(IntakeError):
            unpack(data)


def test_deeply_nested_json_is_refused() -> None:
    files = members(exported()) | {JSON_NAME: b"[" * 100_000}
    with pytest.raises(IntakeError):
        unpack(archive_of(files))


def test_bombs_are_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "IMAGE_BYTES", 1_000_000)
    files = members(exported()) | {"image.jpg": bytes(50_000_000)}
    bomb = archive_of(files)
    assert len(bomb) < 100_000
    with pytest.raises(IntakeError, match=r"image.jpg is larger than 1 MB"):
        unpack(bomb)
    with pytest.raises(IntakeError, match="larger than 5 MB"):
        unpack(archive_of(files | {JSON_NAME: b" " * 6_000_000}))


def test_a_text_in_place_of_the_image_is_refused() -> None:
    text = b"Dear diary,\n"
    digest = hashlib.sha256(text).hexdigest()
    files = members(edited(lambda c: c["picture"].update(sha256=digest)))
    with pytest.raises(IntakeError, match="not an image but a text"):
        unpack(archive_of(files | {"image.jpg": text}))
