"""Retrieval by ITC cosine: the text of an image, and the image of a text, in a pool."""

import random

import torch
from torch import Tensor

from blip2core.evaluation.gallery import Figures, Gallery, mean
from blip2core.models import Matcher
from blip2core.stickers.captions import full_caption

POOL = 500
"""Images, and as many texts, that are searched together."""
DEPTHS = (1, 5)
"""Ranks k of Recall@k."""


def measure_retrieval(matcher: Matcher, gallery: Gallery) -> Figures:
    """Return Recall@1 and @5 in both directions, the mean over pools of 500 scenes.

    Scenes that fill no pool are left out, but fewer than 500 make one smaller pool.

    Each scene gives its image and one caption of everything in it. What counts is truth: a hit
    is a text that is true of the image, be it drawn from this scene or from a like one.
    """
    size = min(POOL, len(gallery.scenes))
    starts = range(0, len(gallery.scenes) - size + 1, size)
    pools = [_recalls(matcher, gallery, start, start + size) for start in starts]
    figures = {name: mean(pool[name] for pool in pools) for name in pools[0]}
    return {**figures, "pool": size, "pools": len(pools)}


def recall(cosines: Tensor, truth: Tensor, depth: int) -> float:
    """Return the share of rows with a true pair among the `depth` highest, of (N, M) cosines and
    (N, M) bool.
    """
    best = cosines.topk(min(depth, cosines.shape[1]), dim=1).indices
    return truth.gather(1, best).any(dim=1).float().mean().item()


def _recalls(matcher: Matcher, gallery: Gallery, start: int, end: int) -> dict[str, float]:
    scenes = gallery.scenes[start:end]
    captions = [full_caption(scene, random.Random(f"itc {scene.seed}")) for scene in scenes]
    texts = [caption.text for caption in captions]
    cosines = matcher.itc(gallery.features[start:end], texts).cpu()  # (images, texts)
    truth = torch.tensor([[text.is_true_of(scene) for text in captions] for scene in scenes])
    directions = {"image_to_text": (cosines, truth), "text_to_image": (cosines.T, truth.T)}
    return {
        f"{name}_at_{depth}": recall(*pair, depth)
        for name, pair in directions.items()
        for depth in DEPTHS
    }
