"""Image-text matching: true captions against those of other images and against one changed word."""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from blip2core.evaluation.gallery import Figures, Gallery, mean
from blip2core.models import Matcher
from blip2core.stickers.captions import CHANGES, SceneCaption, full_caption
from blip2core.stickers.scene import Scene

Pairs = list[tuple[int, str]]
"""Index of a scene, and a text to score against its image."""


def measure_matching(matcher: Matcher, gallery: Gallery) -> Figures:
    """Return the area under ROC of true captions against random ones and against captions with one
    word changed, and the accuracy at 0.5.

    Each scene has one true caption, of everything in it. A random text is such a caption of
    another scene, not true of this one; a change puts one false noun, colour, count or place into
    the true caption. Changes of the four kinds count in equal parts: the area for an even mix is
    the mean of the four areas. Accuracy is that of half true texts, a quarter random ones and a
    quarter changes.
    """
    captions = [full_caption(scene, _rng("true", scene)) for scene in gallery.scenes]
    true = _scores(matcher, gallery, [(i, caption.text) for i, caption in enumerate(captions)])
    other = _scores(matcher, gallery, _random_texts(gallery.scenes, captions))
    changed = {
        kind: _scores(matcher, gallery, pairs)
        for kind in CHANGES
        if (pairs := _changed_texts(gallery.scenes, captions, kind))
    }
    areas = {kind: area_under_roc(true, scores) for kind, scores in changed.items()}
    refused = {kind: mean(score < 0.5 for score in scores) for kind, scores in changed.items()}
    accepted_true = mean(score >= 0.5 for score in true)
    refused_random = mean(score < 0.5 for score in other)
    return {
        "auc_random": area_under_roc(true, other),
        "auc_changed": mean(areas.values()),
        "auc_changed_by_kind": areas,
        "accuracy": (2 * accepted_true + refused_random + mean(refused.values())) / 4,
        "accepted_true": accepted_true,
        "refused_random": refused_random,
        "refused_changed_by_kind": refused,
    }


def area_under_roc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Return the chance that a random positive scores above a random negative; a tie counts as
    half.
    """
    ordered = sorted(negative)
    wins = sum(bisect_left(ordered, score) + bisect_right(ordered, score) for score in positive)
    return wins / (2 * len(positive) * len(negative))


def _random_texts(scenes: Sequence[Scene], captions: Sequence[SceneCaption]) -> Pairs:
    """Return for each scene the caption of another one, not true of it; scenes without one are left
    out.
    """
    pairs = []
    for index, scene in enumerate(scenes):
        order = _rng("random", scene).sample(captions, len(captions))
        false = next((caption for caption in order if not caption.is_true_of(scene)), None)
        if false is not None:
            pairs.append((index, false.text))
    return pairs


def _changed_texts(scenes: Sequence[Scene], captions: Sequence[SceneCaption], kind: str) -> Pairs:
    """Return each caption with one false word; left out where it has none of this kind."""
    pairs = []
    for index, (scene, caption) in enumerate(zip(scenes, captions, strict=True)):
        changed = caption.changed(scene, _rng("changed", scene), kind, held_out=True)
        if changed is not None:
            pairs.append((index, changed.text))
    return pairs


def _scores(matcher: Matcher, gallery: Gallery, pairs: Pairs) -> list[float]:
    features = gallery.features[[index for index, _ in pairs]]
    scores: list[float] = matcher.itm(features, [text for _, text in pairs]).tolist()
    return scores


def _rng(purpose: str, scene: Scene) -> random.Random:
    return random.Random(f"itm {purpose} {scene.seed}")
