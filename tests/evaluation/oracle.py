"""Models that know the truth, and models that say the same of everything.

Features are real `ImageFeatures` whose numbers are only the index of a scene and its square, so
that an oracle recognises one image and sees nothing in an average of several.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace

import torch
from PIL import Image
from torch import Tensor

from blip2core.config import DecodeConfig
from blip2core.evaluation.gallery import Gallery
from blip2core.models import ImageFeatures, ModelSpec, find_spec
from blip2core.records import Generated
from blip2core.stickers.captions import parse
from blip2core.stickers.scene import Scene
from blip2core.stickers.words import PLACES
from tests.stickers.independent import SINGULAR, answer, listed


def gallery_of(scenes: Sequence[Scene]) -> Gallery:
    """Scenes with features that an oracle can read."""
    index = torch.arange(len(scenes), dtype=torch.float64)
    vision = torch.stack([index, index**2], dim=1)[:, None]  # (B, 1, 2)
    return Gallery(scenes=tuple(scenes), features=ImageFeatures(vision=vision, encoder="oracle"))


def seen(features: ImageFeatures, scenes: Sequence[Scene]) -> list[Scene | None]:
    """The scene of each image, None for an average of several."""
    pairs = [(int(i), i * i == square) for i, square in features.vision[:, 0].tolist()]
    return [scenes[index] if single else None for index, single in pairs]


@dataclass(kw_only=True)
class Writer:
    """A generator that says `constant`, or the truth where there is none."""

    scenes: Sequence[Scene]
    constant: str | None = None
    spec: ModelSpec = field(default_factory=lambda: find_spec("stickers-opt"))
    context_limit: int = 5_000
    prompts: list[str] = field(default_factory=list)
    encoded: int = 0

    def prompt_room(self, new_tokens: int) -> int:
        return self.context_limit - new_tokens

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def encode(self, images: Sequence[Image.Image]) -> ImageFeatures:
        self.encoded += len(images)
        return ImageFeatures(vision=torch.zeros(len(images), 1, 2), encoder="oracle")

    def answer(
        self, features: ImageFeatures, prompts: Sequence[str], *, decode: DecodeConfig
    ) -> list[Generated]:
        self.prompts += prompts
        assert decode.mode == "greedy" and len(features) == len(prompts) <= 64
        pairs = zip(seen(features, self.scenes), prompts, strict=True)
        return [Generated(text=self._say(scene, prompt), tokens=()) for scene, prompt in pairs]

    def _say(self, scene: Scene | None, prompt: str) -> str:
        if self.constant is not None or scene is None:
            return self.constant or ""
        if not prompt.endswith("Answer:"):
            return caption(scene, prompt)
        said, topic = "", None
        for turn in prompt.split("\n"):
            question = turn.removeprefix("Question: ").partition(" Answer:")[0]
            with suppress(KeyError):  # "it" is something that the prompt no longer names
                said, topic = answer(scene, question, topic)
        return said


def caption(scene: Scene, prompt: str) -> str:
    """All that the prompt has not said."""
    others = [
        group for group in scene.groups if group.noun not in map(SINGULAR.get, prompt.split())
    ]
    rest = Scene(seed=0, place=scene.place, groups=tuple(others))
    return f"{listed(rest)} {PLACES[scene.place]}"


@dataclass(kw_only=True)
class Scorer:
    """A matcher that scores truth high, or everything at `constant`."""

    scenes: Sequence[Scene]
    constant: float | None = None
    vision: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(fingerprint="oracle"))
    encoded: int = 0

    def encode(self, images: Sequence[Image.Image]) -> ImageFeatures:
        self.encoded += len(images)
        vision = torch.zeros(len(images), 1, 2)
        return ImageFeatures(vision=vision, encoder=self.vision.fingerprint)

    def itc(self, features: ImageFeatures, texts: Sequence[str]) -> Tensor:
        images = seen(features, self.scenes)
        return torch.tensor([[self._score(scene, text) for text in texts] for scene in images])

    def itm(self, features: ImageFeatures, texts: Sequence[str]) -> Tensor:
        pairs = zip(seen(features, self.scenes), texts, strict=True)
        return torch.tensor([self._score(scene, text) for scene, text in pairs])

    def _score(self, scene: Scene | None, text: str) -> float:
        if self.constant is not None or scene is None:
            return self.constant or 0.0
        meaning = parse(text)
        return float(
            meaning.place in (None, scene.place)
            and all(claim.is_true_of(scene) for claim in meaning.claims)
        )
