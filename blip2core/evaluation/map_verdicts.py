"""Verdicts on maps: how often a map of a true text, and of a false one, is said to show what
counts.

Each scene has a true text, in turn its whole caption and the name of one of its groups, and a false
one, in turn the caption of another scene, its own caption with one word changed, something that is
not there, and words that the embedded models never learned.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from blip2core.evaluation.gallery import Figures, Gallery, mean
from blip2core.evaluation.pointing_game import named_group
from blip2core.explain import METHODS, Focus, Method, trace
from blip2core.explain.faithfulness import faithfulness
from blip2core.explain.heatmap import Heatmap
from blip2core.explain.sanity import sanity_check
from blip2core.models import ImageFeatures, Matcher
from blip2core.stickers.captions import CHANGES, SceneCaption, claim_of, full_caption
from blip2core.stickers.scene import Scene

FOREIGN = (
    "a woman in a space suit",
    "a dog playing the piano",
    "an old map of europe",
    "two people shaking hands",
    "a plate of spaghetti",
    "a steam train in a station",
    "a football match",
    "a vase with tulips",
    "a mountain road at dawn",
    "a page of a newspaper",
)
"""Texts of another world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedText:
    """A text about a scene, and what is said of its maps."""

    is_true: bool
    fits: bool
    """By the matcher."""
    good: Mapping[str, bool]
    """Method -> whether its map is said to show what counts, and to depend on the weights."""


def measure_verdicts(
    matcher: Matcher, gallery: Gallery, methods: Mapping[str, Method] = METHODS
) -> Figures:
    """Return for true texts, and for false ones, how many there are, the share that fits by the
    matcher, and the share whose map by each method is said to show what counts.
    """
    judged = list(judge_texts(matcher, gallery, methods))
    return {
        kind: {
            "texts": len(of),
            "fits": mean(one.fits for one in of),
            **{name: mean(one.good[name] for one in of) for name in methods},
        }
        for kind, of in (
            ("true", [one for one in judged if one.is_true]),
            ("false", [one for one in judged if not one.is_true]),
        )
    }


def judge_texts(
    matcher: Matcher, gallery: Gallery, methods: Mapping[str, Method]
) -> Iterator[JudgedText]:
    """Yield a true and a false text of each scene, with the verdicts on their maps."""
    captions = [full_caption(scene, _rng("caption", scene)) for scene in gallery.scenes]
    for index, scene in enumerate(gallery.scenes):
        features = gallery.features[[index]]
        named = SceneCaption(claims=(claim_of(named_group(scene)),), place=None, form="{list}")
        true = (captions[index], named)[index % 2].text
        false = _false_text(scene, captions, captions[index], named, index % 4)
        for is_true, text in ((True, true), (False, false)):
            seen = trace(matcher, features, text, gradients=True)
            good = {
                name: is_good(matcher, features, text, method, method(seen, Focus()))
                for name, method in methods.items()
            }
            yield JudgedText(
                is_true=is_true, fits=seen.fit is not None and seen.fit.fits, good=good
            )


def is_good(
    matcher: Matcher, features: ImageFeatures, text: str, method: Method, found: Heatmap
) -> bool:
    """Return whether the page would say that a map shows what counts, without reservation."""
    if found.is_flat:
        return False
    *_, last = faithfulness(matcher, features, text, found)
    if last.result is None or not last.result.shows_what_counts:
        return False
    *_, check = sanity_check(matcher, features, text, method)
    return check.depends_on_weights


def _false_text(
    scene: Scene,
    captions: Sequence[SceneCaption],
    caption: SceneCaption,
    named: SceneCaption,
    kind: int,
) -> str:
    """Return a text that is false of a scene: of another scene, one word changed, something that is
    not there, or, also where there is none of its kind, of another world.
    """
    rng = _rng("false", scene)
    if kind == 0:
        others = (one for one in rng.sample(captions, len(captions)) if not one.is_true_of(scene))
        false = next(others, None)
    elif kind == 1:
        changed = (
            caption.changed(scene, rng, change, held_out=True)
            for change in rng.sample(CHANGES, len(CHANGES))
        )
        false = next((one for one in changed if one is not None), None)
    else:
        false = named.changed(scene, rng, "noun", held_out=True) if kind == 2 else None
    return rng.choice(FOREIGN) if false is None else false.text


def _rng(purpose: str, scene: Scene) -> random.Random:
    return random.Random(f"verdicts {purpose} {scene.seed}")
