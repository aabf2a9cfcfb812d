"""Texts that say less than there is to say: how many of the true ones the filter keeps.

Texts of the web mostly name one thing of several. Each text here names some groups of a scene with
count and colour, and nothing else: "two red cars". Beside each stands the same with a word changed.
"""

import random
from collections.abc import Sequence

from blip2core.capfilt import decide, says_less, score, write_captions
from blip2core.config import CaptionConfig, DecodeConfig, FilterConfig
from blip2core.evaluation.gallery import BATCH, Figures, mean
from blip2core.evaluation.web_gallery import WebGallery
from blip2core.models import Generator, Matcher
from blip2core.records import Candidate, Scored
from blip2core.stickers.captions import SceneCaption, claim_of
from blip2core.stickers.scene import Scene

WRITTEN = CaptionConfig(
    num=3, decode=DecodeConfig(mode="sample", top_p=0.9, seed=0, max_new_tokens=48)
)
"""The captions of the same image that compete with the texts, as on the page."""


def partial_texts(scene: Scene) -> list[tuple[int, bool, str]]:
    """Return texts that name 1, 2 ... all groups of a scene: how many, whether true, the text.

    True and false ones in turn; a false one has another noun, colour or count.
    """
    rng = random.Random(f"partial {scene.seed}")
    found = []
    for named in range(1, len(scene.groups) + 1):
        claims = tuple(claim_of(group) for group in rng.sample(scene.groups, named))
        true = SceneCaption(claims=claims, place=None, form="{list}")
        kind = rng.choice(("noun", "colour", "count"))
        wrong = true.changed(scene, rng, kind) or true.changed(scene, rng, "count")
        found.append((named, True, true.text))
        if wrong is not None:
            found.append((named, False, wrong.text))
    return found


def measure_partial_texts(generator: Generator, matcher: Matcher, web: WebGallery) -> Figures:
    """Measure the filter on texts that name some of the groups of a scene.

    kept and wrong_kept: share of the true and of the false ones, by "named of groups". told: share
    of the dropped true ones that name less than all of which `says_less` tells; told_wrong: of the
    dropped false ones.
    """
    kept: dict[tuple[bool, str], list[bool]] = {}
    told: dict[bool, list[bool]] = {True: [], False: []}
    scenes = web.gallery.scenes
    for start in range(0, len(scenes), BATCH):
        rows = range(start, min(start + BATCH, len(scenes)))
        part = web.gallery.features[list(rows)].to(matcher.device)
        written = write_captions(generator, part, [str(row) for row in rows], WRITTEN)
        texts = [partial_texts(scenes[row]) for row in rows]
        given = [[Candidate(text=text, source="web") for _, _, text in one] for one in texts]
        both = [[*one, *other] for one, other in zip(given, written, strict=True)]
        for row, asked, scored in zip(rows, texts, score(matcher, part, both), strict=True):
            _count(len(scenes[row].groups), asked, scored, kept, told)
    return {
        name: {of: mean(kept[key, of]) for key, of in sorted(kept) if key is is_true}
        for name, is_true in (("kept", True), ("wrong_kept", False))
    } | {
        "told": mean(told[True]) if told[True] else 0.0,
        "told_wrong": mean(told[False]) if told[False] else 0.0,
    }


def _count(
    groups: int,
    asked: Sequence[tuple[int, bool, str]],
    scored: Sequence[Scored],
    kept: dict[tuple[bool, str], list[bool]],
    told: dict[bool, list[bool]],
) -> None:
    """Count what becomes of each text beside the written captions, as if it came alone."""
    written = list(scored[len(asked) :])
    for (named, is_true, _), one in zip(asked, scored, strict=False):
        decisions = decide([one, *written], FilterConfig())
        keeps = one.itm >= 0.5
        kept.setdefault((is_true, f"{named} of {groups}"), []).append(keeps)
        if not keeps and named < groups:
            told[is_true].append(says_less(decisions)[0])
