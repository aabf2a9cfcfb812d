"""A database with images and texts, and the tiny captioner and filter of the CapFilt tests."""

import io
from collections.abc import Iterator

import numpy
import pytest
from PIL import Image

from blip2core.capfilt import CapFilt
from blip2core.curation import import_images
from blip2core.models import Generator
from blip2core.records import Problem, WebImage
from blip2core.storage import Database
from blip2core.storage.datasets import find_dataset
from tests.capfilt.conftest import CAPTIONS, Seen, tiny_pair
from tests.storage.conftest import (  # each test runs on SQLite and on PostgreSQL
    database,
    database_url,
    postgres_cluster,
    postgres_url,
    sqlite_template,
)

__all__ = ["database", "database_url", "postgres_cluster", "postgres_url", "sqlite_template"]


@pytest.fixture(scope="session")
def pair() -> tuple[Generator, object]:
    return tiny_pair()


@pytest.fixture
def models(pair: tuple[Generator, object]) -> CapFilt:
    captioner, matcher = pair
    return CapFilt(matcher=matcher, generator=captioner, captions=CAPTIONS, batch=2, workers=2)


@pytest.fixture
def seen(pair: tuple[Generator, object]) -> Iterator[Seen]:
    counter = Seen(pair[0])
    yield counter
    counter.hook.remove()


def web_image(number: int, *texts: str) -> WebImage:
    """Noise of its own for each number; no two are near duplicates."""
    noise = numpy.random.default_rng(number).integers(0, 256, (24, 30, 3), dtype=numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    url = f"https://example.org/{number}.png"
    return WebImage(name=f"{number}.png", data=file.getvalue(), texts=texts, url=url)


def filled(database: Database, inputs: list[WebImage | Problem], name: str = "web") -> int:
    """Imports -> the number of the dataset."""
    list(import_images(database, dataset=name, inputs=inputs))
    with database.read() as session:
        return find_dataset(session, name=name).id
