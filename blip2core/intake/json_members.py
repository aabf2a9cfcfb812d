"""The JSON files among others: annotation files, wherever they lie, and files of a single image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from blip2core.errors import IntakeError
from blip2core.file_names import base_name, stem, suffix
from blip2core.formats import format_of
from blip2core.formats.conversations import CONVERSATIONS
from blip2core.formats.files import NamedFile
from blip2core.formats.text_maps import TEXT_MAP, names_images
from blip2core.formats.vqa import is_vqa_answers
from blip2core.intake.annotation_files import read_document
from blip2core.intake.archives import Archive
from blip2core.intake.columns import Columns
from blip2core.intake.companions import is_companion, what_it_is
from blip2core.intake.entries import Entry
from blip2core.intake.limits import Limits
from blip2core.intake.pairing import key
from blip2core.intake.question_files import QuestionFiles
from blip2core.intake.rows_of_formats import names_images_inside, rows_in
from blip2core.intake.tables import json_entries
from blip2core.records import Told

ANNOTATIONS = ("image", "images")
"""Fields in which a conversation names its image."""


class JsonMembers:
    """The JSON files of a folder or archive, and what became of each."""

    def __init__(
        self, archive: Archive, images: Iterable[str], limits: Limits, *, webdataset: bool
    ) -> None:
        """Take the names of the images; `webdataset`: those of one key belong together."""
        self._archive, self._limits = archive, limits
        self._webdataset = webdataset
        self._owners: dict[str, str] = {}
        for name in images:
            for one in (name, stem(name), *((key(name),) if webdataset else ())):
                self._owners.setdefault(one, name)
        self.used: set[str] = set()
        """Those that were read, or say nothing about single images."""
        self.unread: dict[str, str] = {}
        """Those of no image and no known format -> why nothing was read of them."""
        self.known: dict[str, str] = {}
        """Those without texts about images -> what they are."""

    def owner(self, name: str) -> str | None:
        """Return the image that a file belongs to by its name."""
        of_key = self._owners.get(key(name)) if self._webdataset else None
        return self._owners.get(stem(name)) or of_key

    def is_annotation(self, name: str) -> bool:
        """Return whether a file is taken for annotations of several images: it has the name of
        none, or a format in which images are named.
        """
        if (image := self.owner(name)) is None:
            return True
        try:
            file = self._archive.file(name, self._limits.table_bytes)
            return is_annotation(self._document(file, image))
        except IntakeError:
            return False

    def entries(
        self, names: Iterable[str], columns_in: Callable[[NamedFile], Columns | None]
    ) -> Iterator[tuple[str, Iterable[Entry | Told]]]:
        """Yield the annotation files among `names`, each with its entries; questions last, with
        the answers to them. `columns_in` tells what was said of the columns of a file.
        """
        files = QuestionFiles()
        for name in names:
            image = self.owner(name)
            try:
                file = self._archive.file(name, self._limits.table_bytes)
                document = self._document(file, image)
                if image is not None and not is_annotation(document):
                    continue
                if files.takes(name, document):
                    self.used.add(name)
                else:
                    yield from self._known(name, document, columns_in(file))
            except IntakeError as error:
                self._not_read(name, error)
        documents, problems = files.joined()
        for name, document in documents:
            file = self._archive.file(name, self._limits.table_bytes)
            yield from self._known(name, document, columns_in(file))
        for problem in problems:
            yield problem.name, [problem]

    def _known(
        self, name: str, document: Any, columns: Columns | None
    ) -> Iterator[tuple[str, Iterable[Entry | Told]]]:
        """Yield a document with its entries, where its format is known."""
        try:
            entries = self._entries(name, document, columns)
        except IntakeError as error:
            self.used.discard(name)
            self._not_read(name, error)
        else:
            self.used.add(name)
            yield name, entries

    def _not_read(self, name: str, error: IntakeError) -> None:
        if is_companion(name, None):
            self.used.add(name)
        elif self.owner(name) is None:
            self.unread[name] = str(error)

    def _entries(self, name: str, document: Any, columns: Columns | None) -> Iterable[Entry | Told]:
        """Return the entries of a document. Raises IntakeError where it has no known format."""
        try:
            return json_entries(name, document, columns, self._limits)
        except IntakeError:
            if is_companion(name, document):
                return ()
            if (known := what_it_is(document)) is not None:
                self.known[name] = known
            raise

    def _document(self, file: NamedFile, image: str | None) -> Any:
        """Return the content of a file; one conversation beside an image is about that image."""
        document = read_document(file, self._limits)
        is_one = isinstance(document, Mapping) and CONVERSATIONS.is_row(document)
        if image is None or not is_one or any(document.get(field) for field in ANNOTATIONS):
            return document
        return {**document, "image": base_name(image)}


def json_names(names: Iterable[str]) -> Iterator[str]:
    """Yield the names that end as those of JSON files do."""
    return (name for name in names if suffix(name) == ".json")


def is_annotation(document: Any) -> bool:
    """Return whether the .json beside an image is about more than that image, or says by itself
    which image it is about.
    """
    if (format := format_of(document)) is not None:
        is_map = format is TEXT_MAP
        return not is_map or names_images(document) or names_images_inside(document)
    if isinstance(document, dict) and CONVERSATIONS.is_row(document):
        return True
    return is_vqa_answers(document) or rows_in(document) is not None
