"""A captioner and a scorer that take no time: the harness is about what is stored, not written.

Each text is new, so that an image which is captioned twice has too many of them.
"""

import uuid
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from blip2core.capfilt import CapFilt
from blip2core.config import CaptionConfig, DecodeConfig
from blip2core.records import Generated

CAPTIONS = CaptionConfig(num=2, decode=DecodeConfig(mode="sample", seed=7, max_new_tokens=4))
SCORED = 0.7
"""Probability that every text gets."""


class QuickVision:
    """Stands for the image encoder: a pixel for each image."""

    image_processor = SimpleNamespace(to_dict=dict)

    def prepare(self, images: Sequence[Any]) -> Tensor:
        return torch.zeros(len(images), 3, 1, 1)


class QuickModel:
    """What `judge` needs of a generator and of a matcher, in one."""

    spec: Any = SimpleNamespace(name="quick", checkpoint="quick", revision="4" * 40)
    model: Any = SimpleNamespace(config=SimpleNamespace(_commit_hash="4" * 40))
    dtype: torch.dtype = torch.float32
    vision: Any = QuickVision()
    text_limit: int = 32

    def __init__(self, before: Callable[[str], None]) -> None:
        self.before = before
        """Called with the name of a method before it works: may raise, or take its time."""

    def encode(self, pixels: Tensor) -> Tensor:
        self.before("encode")
        return pixels.flatten(1)[:, None]

    def caption(self, features: Tensor, *, num: int, **_: object) -> list[list[Generated]]:
        self.before("caption")
        return [
            [Generated(text=f"an image {uuid.uuid4().hex}", tokens=(1,)) for _ in range(num)]
            for _ in range(len(features))
        ]

    def embed_images(self, features: Tensor) -> Tensor:
        return torch.ones(len(features), 1, 1)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        return torch.full((len(texts), 1), SCORED / 2)

    def itm(self, features: Tensor, texts: Sequence[str]) -> Tensor:
        self.before("itm")
        return torch.full((len(texts),), SCORED)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def quick_capfilt(before: Callable[[str], None] = lambda method: None) -> CapFilt:
    """Both models as a run of CapFilt uses them, two images at a time."""
    model: Any = QuickModel(before)
    return CapFilt(matcher=model, generator=model, captions=CAPTIONS, batch=2, workers=1)
