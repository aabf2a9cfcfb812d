"""Initialisation of stage 2 for the sticker models: queries that describe the cells of an image.

Their language models learned to read descriptions, one fused vector per cell of the image
(`language_model.py`), and their queries each began at one cell (`models/anchors.py`). So the
target vectors are known, and the Q-Former can be trained towards them without the language model:
first the projection by least squares, then all of it by regression. This is ours, not the paper's;
a few minutes of it save stage 2 an hour. For a language model that read no descriptions stage 2
starts at random.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from tqdm.auto import trange

from blip2core.models.anchors import least_squares
from blip2core.stickers.captions import NOTHING, read_cells
from blip2core.training.data import Order
from blip2core.training.images import Data
from blip2core.training.language_model import WordFuser, fuse
from blip2core.training.optimizer import build_optimizer, clip_gradients, set_lr
from blip2core.training.schedule import lr_at
from blip2core.training.stage2 import Stage2Model
from blip2core.training.sticker_pairs import StickerPairs

_PROJECTION_IMAGES = 3_000
"""Images from which the first projection is computed."""
_EMPTY_WEIGHT = 0.2
"""Weight of a cell that holds nothing, as most do."""
_STEPS, _BATCH, _LEARNING_RATE = 2_400, 64, 1e-3


class DescribedImages:
    """Images with the target vectors of their queries; N images, C cells."""

    def __init__(self, model: Stage2Model, data: Data, tokenizer: Any) -> None:
        assert isinstance(data.source, StickerPairs)
        self._source, self._features = data.source, data.features
        self._fuser = WordFuser(tokenizer)
        self._embeddings = model.language_model.get_input_embeddings()

    def read(self, indices: Iterable[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return (N, P, V) features, (N, C, E) fused words, and (N, C, 1) their weights."""
        indices = list(indices)
        scenes = [self._source.scene(index) for index in indices]
        word_ids = self._fuser.word_ids(scenes).to(self._embeddings.weight.device)
        full = [[words != NOTHING for _, words in read_cells(scene)] for scene in scenes]
        weights = torch.where(torch.tensor(full), 1.0, _EMPTY_WEIGHT)[..., None]
        words = fuse(self._embeddings, word_ids)
        return self._features.read(indices).to(words.device), words, weights.to(words.device)


def fit_to_descriptions(
    model: Stage2Model, data: Data, tokenizer: Any, *, steps: int = _STEPS
) -> None:
    """Train the queries and their projection to reproduce the descriptions of the images in `data`.

    The queries must be as many as the cells of a description.
    """
    images = DescribedImages(model, data, tokenizer)
    fit_projection(model, images, len(data.source))
    optimizer = build_optimizer(model, lr=_LEARNING_RATE, weight_decay=0.05)
    order = Order(seed=0, length=len(data.source), batch=_BATCH)
    model.train()
    for step in (bar := trange(steps, desc="descriptions", disable=None)):
        set_lr(
            optimizer, lr_at(step, steps=steps, warmup_steps=50, peak=_LEARNING_RATE, floor=1e-5)
        )
        vision, words, weights = images.read(order.index(at) for at in order.positions(step))
        error = unexplained_variance(model.soft_words(vision), words, weights)
        error.backward()  # type: ignore[no-untyped-call]
        clip_gradients(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            bar.set_postfix(unexplained=f"{error.item():.3f}", refresh=False)


def unexplained_variance(soft: Tensor, words: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted share of unexplained variance, (): (N, C, E) vectors, (N, C, E) targets,
    (N, C, 1) weights.
    """
    spread = (words - words.mean(dim=(0, 1))).square()
    return ((soft - words).square() * weights).sum() / (spread * weights).sum()


@torch.no_grad()
def fit_projection(model: Stage2Model, images: DescribedImages, count: int) -> None:
    """Set the projection to the least-squares solution on some of the first `count` images."""
    some = range(min(_PROJECTION_IMAGES, count))
    rows: list[Tensor] = []
    wanted: list[Tensor] = []
    for start in some[::100]:
        vision, words, weights = images.read(some[start : start + 100])
        queries = functional.pad(model.read(vision), (0, 1), value=1.0)  # (n, Q, D + 1): the bias
        rows.append((queries * weights.sqrt()).double())
        wanted.append((words * weights.sqrt()).double())
    solved = least_squares(torch.cat(rows), torch.cat(wanted))
    model.language_projection.weight.copy_(solved[:, :-1])
    model.language_projection.bias.copy_(solved[:, -1])
