"""Parts that training starts from, tiny and random, and images whose colour is the answer."""

import random
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from blip2core.records import Passage, Segment
from blip2core.training.data import Statement
from blip2core.training.features import FeatureCache, build_features
from tests import tiny

COLOURS = ("red", "green", "blue", "white")


class ColourPairs:
    """A `PairSource` of plain images; `painted` counts how often one was asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.painted = 0

    @property
    def identity(self) -> str:
        return f"{self.count} colours"

    def __len__(self) -> int:
        return self.count

    def colour(self, index: int) -> str:
        return COLOURS[index % len(COLOURS)]

    def image(self, index: int) -> Image.Image:
        self.painted += 1
        return Image.new("RGB", (30, 20 + index), self.colour(index))

    def text(self, index: int, rng: random.Random) -> Statement:
        form = rng.choice(("a {} square", "{}", "all is {}"))
        return Statement(text=form.format(self.colour(index)), meaning=self.colour(index))

    def hard_text(self, index: int, rng: random.Random) -> str | None:
        return None if self.colour(index) == "white" else "a black square"

    def passage(self, index: int, rng: random.Random) -> Passage:
        if rng.random() < 0.5:
            return (Segment(text=f"a {self.colour(index)} square\n", target=True),)
        return (
            Segment(text="Question: what colour? Answer:", target=False),
            Segment(text=f" {self.colour(index)}\n", target=True),
        )

    def matches(self, index: int, statement: Statement) -> bool:
        return statement.meaning == self.colour(index)


@dataclass(frozen=True)
class Start:
    """Folders as the runs before training leave them."""

    vision: Path
    stage1: Path
    opt: Path
    t5: Path
    wordpiece: Path


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    root = tmp_path_factory.mktemp("start")
    places = Start(*(root / name for name in ("vision", "stage1", "opt", "t5", "wordpiece")))
    retrieval, processor = tiny.retrieval()
    retrieval.save_pretrained(places.stage1)
    processor.save_pretrained(places.stage1)
    retrieval.vision_model.save_pretrained(places.vision)
    processor.image_processor.save_pretrained(places.vision)
    for folder, language in ((places.opt, tiny.OPT), (places.t5, tiny.T5)):
        model, processor = tiny.blip2(language)
        model.language_model.save_pretrained(folder)
        tiny.byte_tokenizer(ends=language is tiny.T5).save_pretrained(folder)
    tiny.letter_tokenizer().save_pretrained(places.wordpiece)
    return places


@pytest.fixture
def encoder() -> Any:
    """A tiny image encoder."""
    model, _ = tiny.retrieval()
    return model.vision_model


@pytest.fixture
def pairs() -> ColourPairs:
    return ColourPairs(10)


@pytest.fixture
def features(tmp_path: Path, pairs: ColourPairs, encoder: Any) -> FeatureCache:
    """The features of `pairs`."""
    return build_features(tmp_path / "f.npy", pairs, encoder, tiny.image_processor())


@pytest.fixture
def make_pairs() -> Any:
    """Number -> `ColourPairs` of that many images."""
    return SimpleNamespace(of=ColourPairs)
