"""A studio to be broken: a database of either kind with images, made quickly."""

import hashlib
import io
import itertools
import random
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from blip2core.curation import import_images
from blip2core.records import WebImage
from blip2core.storage import Database, open_database
from blip2core.storage.people import get_or_create_annotator
from tests.resilience.postgres_server import PostgresServer

DATASET = "web"
PEOPLE = ("ann", "bob", "cleo", "dan")
FIRST_IMAGES = range(12)
"""Numbers of the images that a new studio has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """Where a studio keeps everything."""

    url: str
    folder: Path
    """Images, exports and backups lie here, and the file of SQLite."""

    def open(self) -> Database:
        """Open it as its owner, as a start of the program does."""
        return open_database(self.url, data=self.folder)

    @property
    def exports(self) -> Path:
        return self.folder / "exports"

    @property
    def backups(self) -> Path:
        return self.folder / "backups"


class Studios:
    """Makes studios that are all alike, by copying the first one."""

    def __init__(self, folder: Path, server: PostgresServer | None = None) -> None:
        self._folder, self._server = folder, server
        self._names = itertools.count(1)
        self._template = self._empty("template")
        fill(self._template)

    def new(self) -> Studio:
        """Return a studio with the images FIRST_IMAGES, which nobody has captioned yet."""
        name = f"studio_{next(self._names)}"
        folder = self._folder / name
        shutil.copytree(self._template.folder, folder)
        if self._server is None:
            return Studio(url=str(folder / "studio.db"), folder=folder)
        return Studio(url=self._server.new_url(name, template="template_studio"), folder=folder)

    def _empty(self, name: str) -> Studio:
        folder = self._folder / name
        folder.mkdir(parents=True)
        if self._server is None:
            return Studio(url=str(folder / "studio.db"), folder=folder)
        return Studio(url=self._server.new_url("template_studio"), folder=folder)


def fill(studio: Studio) -> None:
    """Import the first images, and write down the people."""
    database = studio.open()
    try:
        list(import_images(database, dataset=DATASET, inputs=web_images(FIRST_IMAGES)))
        with database.write() as session:
            for name in PEOPLE:
                get_or_create_annotator(session, handle=name)
    finally:
        database.close()


def web_images(numbers: Iterable[int]) -> list[WebImage]:
    """Return images of noise, each with a text; the same number is the same image."""
    return [
        WebImage(name=f"{number}.png", data=image_file(number), texts=(f"image {number}",))
        for number in numbers
    ]


def image_file(number: int) -> bytes:
    """Return the PNG file of a number."""
    noise = random.Random(number).randbytes(16 * 12 * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (16, 12), noise).save(file, "PNG", compress_level=0)
    return file.getvalue()


def sha256_of(number: int) -> str:
    """Return the name under which the image of a number is stored."""
    return hashlib.sha256(image_file(number)).hexdigest()
