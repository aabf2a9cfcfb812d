"""A conversation as one ZIP file: conversation.json, the image, and Markdown to read."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from zipfile import ZIP_DEFLATED, ZipFile

from pydantic import ValidationError

from app.chat.archive_schema import SavedConversation, saved, turns_of
from app.chat.conversation import ChatTurn, StoredConversation, StoredKind
from app.chat.image import ChatImage, image_from
from app.chat.markdown import as_markdown
from blip2core.errors import ConfigError, ImageError, IntakeError
from blip2core.image_files import open_file

JSON_NAME, MARKDOWN_NAME = "conversation.json", "conversation.md"
JSON_BYTES = 5_000_000
"""Largest conversation.json that is read."""
IMAGE_BYTES = 100_000_000
"""Largest image that is unpacked."""
SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "HEIF": "heic"}
"""Format as Pillow names it -> end of a file's name, where it is not the format itself."""


def pack(image: ChatImage, turns: tuple[ChatTurn, ...]) -> bytes:
    """Return a ZIP file with the whole conversation; questions without an answer are left out."""
    with open_file(image.data) as opened:
        kind = opened.format or "PNG"
    file = f"image.{SUFFIXES.get(kind, kind.lower())}"
    conversation = saved(image, file, turns)
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        archive.writestr(JSON_NAME, conversation.model_dump_json(indent=2))
        archive.writestr(MARKDOWN_NAME, as_markdown(conversation, file))
        archive.writestr(file, image.data)
    return packed.getvalue()


def unpack(data: bytes, path: str = "") -> StoredConversation:
    """Return the conversation in a ZIP file that `pack` wrote, or that claims to be one; `path` is
    that of an upload.

    Two members are read, by name and never beyond their limits; nothing is written to disk.
    Raises IntakeError where the file is no such archive.
    """
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            conversation = parse_conversation(_member(archive, JSON_NAME, JSON_BYTES))
            image = _member(archive, conversation.image.file, IMAGE_BYTES)
    except IntakeError:
        raise
    except Exception as error:  # a decoder given hostile bytes may raise anything
        raise IntakeError(
            "The file is no ZIP archive, or a damaged or encrypted one. Choose an export."
        ) from error
    found = stored_conversation(conversation, image, "import")
    return replace(found, image=replace(found.image, path=path))


def is_archive(data: bytes) -> bool:
    """Return whether a file begins as a ZIP archive does, which no image does."""
    return data.startswith(b"PK\x03\x04")


def parse_conversation(text: bytes) -> SavedConversation:
    """Read conversation.json. Raises IntakeError with the name of the first wrong field."""
    try:
        return SavedConversation.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        if place == "version":
            raise IntakeError(
                f"{JSON_NAME} is of another version of the studio, probably a newer one."
            ) from error
        raise IntakeError(
            f"{JSON_NAME} does not describe a conversation: {place or 'all of it'}: "
            f"{problem['msg']}."
        ) from error


def stored_conversation(
    conversation: SavedConversation, data: bytes, kind: StoredKind
) -> StoredConversation:
    """Return a saved conversation with its image, ready for a session.

    Raises IntakeError where the image is another one or a setting is out of its range.
    """
    if hashlib.sha256(data).hexdigest() != conversation.image.sha256:
        raise IntakeError("The image is not the one that was talked about.")
    try:
        image = image_from(data, conversation.image.name, conversation.image.caption)
        turns = turns_of(conversation)
    except (ImageError, ConfigError) as error:
        raise IntakeError(str(error)) from error
    return StoredConversation(image=image, turns=turns, kind=kind)


def _member(archive: ZipFile, name: str, most: int) -> bytes:
    """Return the bytes of one member; at most `most`, whatever size it claims to have."""
    if name not in archive.namelist():
        raise IntakeError(f"There is no {name} in the archive. Choose an export.")
    with archive.open(name) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise IntakeError(f"{name} is larger than {most // 1_000_000} MB.")
    return data
