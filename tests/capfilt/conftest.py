"""A tiny captioner and filter on one image encoder, image files, and a counter of images."""

import io
from collections.abc import Iterator

import numpy
import pytest
from PIL import Image

from blip2core.capfilt import Task
from blip2core.capfilt.pipeline import CapFilt
from blip2core.config import CaptionConfig, DecodeConfig
from blip2core.models import Generator, Matcher
from blip2core.models.vision import share_encoder
from blip2core.records import Candidate, Scored
from tests import tiny

CAPTIONS = CaptionConfig(num=3, decode=DecodeConfig(mode="sample", seed=5, max_new_tokens=6))


class Seen:
    """How many images an image encoder was shown."""

    def __init__(self, model: Generator | Matcher) -> None:
        self.images = 0
        embeddings = model.vision.model.embeddings
        self.hook = embeddings.register_forward_hook(self._count)

    def _count(self, module: object, inputs: tuple, output: object) -> None:
        self.images += len(inputs[0])


def tiny_pair() -> tuple[Generator, Matcher]:
    """Both with the same image encoder, shared."""
    captioner = tiny.generator(tiny.blip2())
    model, processor = tiny.retrieval()
    model.vision_model.load_state_dict(captioner.model.vision_model.state_dict())
    matcher = tiny.matcher((model, processor))
    matcher.sharing = share_encoder(captioner, matcher)
    assert matcher.sharing.shared
    return captioner, matcher


@pytest.fixture(scope="session")
def pair() -> tuple[Generator, Matcher]:
    return tiny_pair()


@pytest.fixture
def models(pair: tuple[Generator, Matcher]) -> CapFilt:
    captioner, matcher = pair
    return CapFilt(matcher=matcher, generator=captioner, captions=CAPTIONS, batch=2, workers=2)


@pytest.fixture
def seen(pair: tuple[Generator, Matcher]) -> Iterator[Seen]:
    counter = Seen(pair[0])
    yield counter
    counter.hook.remove()


def image_bytes(number: int) -> bytes:
    noise = numpy.random.default_rng(number).integers(0, 256, (20, 30, 3), dtype=numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def task(number: int, *texts: str, data: bytes | None = None) -> Task:
    return Task(
        key=number,
        name=f"{number}.png",
        data=image_bytes(number) if data is None else data,
        sha256=f"{number:064x}",
        texts=tuple(Candidate(text=text, source="web") for text in texts),
    )


def scored(text: str, itm: float, itc: float = 0.0, source: str = "web") -> Scored:
    candidate = Candidate(text=text, source=source)
    return Scored(candidate=candidate, itm=itm, itc=itc, tokens=3, truncated=False)
