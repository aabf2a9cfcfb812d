"""CapFilt on images with known truth: what the filter keeps, and what the captioner writes.

After Tables 2 and 4 of the BLIP paper (2201.12086), which report a model trained on the outcome;
here the outcome itself is judged, because every fact of a sticker image is known.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from blip2core.capfilt import decide, score, write_captions
from blip2core.capfilt.captioner import image_seed
from blip2core.config import BLIP2_RANKING, CaptionConfig, DecodeConfig, FilterConfig
from blip2core.evaluation.captions import is_exact, is_true
from blip2core.evaluation.gallery import BATCH, Figures, mean
from blip2core.evaluation.matching import area_under_roc
from blip2core.evaluation.partial_texts import measure_partial_texts
from blip2core.evaluation.stage1_captioner import Stage1Captioner
from blip2core.evaluation.web_gallery import WebGallery
from blip2core.models import Generator, ImageFeatures, Matcher
from blip2core.records import Candidate, Scored
from blip2core.stickers.captions import parse
from blip2core.stickers.scene import Scene

Value = TypeVar("Value")
ScoredTexts = list[list[Scored]]
"""Scored texts of each image."""
CaptionFunction = Callable[[ImageFeatures, list[str]], list[list[Candidate]]]
"""Features of some images and a name for each -> texts."""

RULES = FilterConfig()
"""The paper's: ITM of at least 0.5."""
ONE_WORD = ("wrong object", "wrong count or colour")
NUCLEUS = CaptionConfig(num=1, decode=DecodeConfig(mode="sample", seed=0, max_new_tokens=48))
DECODING_MODES: dict[str, CaptionConfig] = {
    "nucleus": NUCLEUS,
    "beam": CaptionConfig(num=1, decode=DecodeConfig(mode="beam", beams=3, max_new_tokens=48)),
    "greedy": CaptionConfig(num=1, decode=DecodeConfig(max_new_tokens=48)),
}
"""How the captioner writes; the paper compares the first two."""
FIVE_CAPTIONS = CaptionConfig(num=5, decode=NUCLEUS.decode)


def measure_capfilt(generator: Generator, matcher: Matcher, web: WebGallery) -> Figures:
    """Return all figures of this module, with each image encoded once."""
    beside = _score_all(matcher, web, lambda _, names: _web_texts(web, names))
    written = {
        way: _score_all(matcher, web, _writer(generator, config))
        for way, config in DECODING_MODES.items()
    }
    several = _score_all(matcher, web, _writer(generator, FIVE_CAPTIONS))
    scenes = web.gallery.scenes
    return {
        "web": measure_web_texts(web, beside),
        "synthetic": {
            way: measure_synthetic_texts(scenes, listed) for way, listed in written.items()
        },
        "arrangements": measure_weight_sharing(generator, matcher, web, written["nucleus"]),
        "sets": measure_datasets(web, beside, written, several),
        "partial": measure_partial_texts(generator, matcher, web),
    }


def measure_web_texts(web: WebGallery, beside: ScoredTexts) -> Figures:
    """Measure the filter on the texts beside the images, by kind of noise.

    recall: right texts that are kept. precision: kept texts that are right; by kind, as if all
    wrong texts were of that one kind. The areas under ROC compare right texts, junk around them or
    not, with wrong ones; without_junk leaves out right texts with junk around them.
    """
    rows = [
        (text, listed[0], decide(listed, RULES)[0].kept)
        for text, listed in zip(web.texts, beside, strict=True)
        if listed
    ]
    kinds = sorted({text.kind for text, _, _ in rows})
    kept = {kind: [keep for text, _, keep in rows if text.kind == kind] for kind in kinds}
    scores = {kind: [one.itm for text, one, _ in rows if text.kind == kind] for kind in kinds}
    right = [kind for kind in kinds if kind in ("right", "wordy")]
    wrong = [kind for kind in kinds if kind not in right]
    kept_right = sum(sum(kept[kind]) for kind in right)
    true = [one for kind in right for one in scores[kind]]
    plain = scores.get("right", [])
    return {
        "texts": {kind: len(kept[kind]) for kind in kinds},
        "kept": {kind: mean(kept[kind]) for kind in kinds},
        "precision": _share(kept_right, kept_right + sum(sum(kept[kind]) for kind in wrong)),
        "precision_by_kind": {
            kind: _share(kept_right, kept_right + sum(kept[kind])) for kind in wrong
        },
        "recall": mean(keep for kind in right for keep in kept[kind]),
        "auc": _area(true, [one for kind in wrong for one in scores[kind]]),
        "auc_one_word": _area(true, [one for kind in ONE_WORD for one in scores.get(kind, [])]),
        "auc_by_kind": {kind: _area(true, scores[kind]) for kind in wrong},
        "without_junk": {
            "recall": _mean(kept.get("right", [])),
            "auc": _area(plain, [one for kind in wrong for one in scores[kind]]),
            "auc_one_word": _area(
                plain, [one for kind in ONE_WORD for one in scores.get(kind, [])]
            ),
            "auc_by_kind": {kind: _area(plain, scores[kind]) for kind in wrong},
        },
    }


def measure_synthetic_texts(
    scenes: Sequence[Scene], listed: ScoredTexts, rules: FilterConfig = RULES
) -> Figures:
    """Measure written texts before and after the filter.

    right: all that is said is true. exact: and all there is, is said. rejected: what BLIP's tables
    call the noise ratio. wrong_kept: wrong texts that the filter lets pass. auc: right texts
    against wrong ones.
    """
    rows = [
        (scene, decision.scored.candidate.text, decision.kept)
        for scene, texts in zip(scenes, listed, strict=True)
        for decision in decide(texts, rules)
    ]
    scores = [one.itm for texts in listed for one in texts]
    right = [is_true(text, scene) for scene, text, _ in rows]
    exact = [is_exact(parse(text), scene) for scene, text, _ in rows]
    kept = [keep for _, _, keep in rows]
    return {
        "texts": len(rows),
        "right_before": _mean(right),
        "right_after": _mean(_where(right, kept)),
        "exact_before": _mean(exact),
        "exact_after": _mean(_where(exact, kept)),
        "rejected": 1 - _mean(kept),
        "wrong_kept": _mean(_where(kept, [not one for one in right])),
        "right_dropped": 1 - _mean(_where(kept, right)),
        "auc": _area(_where(scores, right), _where(scores, [not one for one in right])),
        "facts": _mean([len(parse(text).claims) for _, text, _ in rows]),
    }


def measure_weight_sharing(
    generator: Generator, matcher: Matcher, web: WebGallery, written: ScoredTexts
) -> Figures:
    """Compare a captioner and a filter with separate weights with two ways of sharing weights.

    separate: the language model writes, the stage-1 model filters. own likelihood: the same texts,
    filtered by what the captioner itself thinks of them, as many rejected. one Q-Former: the
    stage-1 model both writes and filters. auc: right texts against wrong ones, by the filter's
    score.
    """
    scenes = web.gallery.scenes
    likely = _by_likelihood(generator, web, written)
    rejected = [not one.kept for texts in written for one in decide(texts, RULES)]
    order = sorted(one.itm for texts in likely for one in texts)
    own = FilterConfig(threshold=order[min(sum(rejected), len(order) - 1)])
    shared = _score_all(matcher, web, _shared(matcher))
    return {
        "separate": measure_synthetic_texts(scenes, written),
        "own likelihood": measure_synthetic_texts(scenes, likely, own),
        "one Q-Former": measure_synthetic_texts(scenes, shared),
    }


def measure_datasets(
    web: WebGallery, beside: ScoredTexts, written: dict[str, ScoredTexts], several: ScoredTexts
) -> Figures:
    """Return, for each way of bootstrapping, the dataset it gives: texts, share that is right, and
    images with at least one text. BLIP-2's variant ranks five written texts and the web text by
    ITC.
    """
    figures: dict[str, Figures] = {
        "web": _set(web, beside, None),
        "web, filtered": _set(web, beside, RULES),
    }
    for way in ("nucleus", "beam"):
        both = _together(beside, written[way])
        figures[f"web and {way}"] = _set(web, both, None)
        figures[f"web and {way}, filtered"] = _set(web, both, RULES)
    figures["BLIP-2: best two of six by ITC"] = _set(web, _together(beside, several), BLIP2_RANKING)
    figures["five texts, filtered"] = _set(web, several, RULES)
    return figures


def _set(web: WebGallery, listed: ScoredTexts, rules: FilterConfig | None) -> Figures:
    rules = rules or FilterConfig(threshold=None, drop_duplicates=False)
    right, images = [], 0
    for scene, text, texts in zip(web.gallery.scenes, web.texts, listed, strict=True):
        kept = [one.scored.candidate for one in decide(texts, rules) if one.kept]
        images += bool(kept)
        right += [text.right if one.source == "web" else is_true(one.text, scene) for one in kept]
    return {"texts": len(right), "right": _mean(right), "pictures": images}


def _score_all(matcher: Matcher, web: WebGallery, write: CaptionFunction) -> ScoredTexts:
    """Write and score, in batches, on features that are there already."""
    listed: ScoredTexts = []
    features = web.gallery.features
    for start in range(0, len(features), BATCH):
        rows = range(start, min(start + BATCH, len(features)))
        part = features[list(rows)].to(matcher.device)
        listed += score(matcher, part, write(part, [str(row) for row in rows]))
    return listed


def _writer(generator: Generator, config: CaptionConfig) -> CaptionFunction:
    return lambda features, names: write_captions(generator, features, names, config)


def _shared(matcher: Matcher) -> CaptionFunction:
    writer = Stage1Captioner(matcher)

    def write(features: ImageFeatures, names: list[str]) -> list[list[Candidate]]:
        texts = writer.write(features, seeds=[image_seed(0, name) for name in names])
        return [[Candidate(text=text, source="synthetic")] if text else [] for text in texts]

    return write


def _web_texts(web: WebGallery, names: Sequence[str]) -> list[list[Candidate]]:
    texts = [web.texts[int(name)].text for name in names]
    return [[Candidate(text=text, source="web")] if text.strip() else [] for text in texts]


def _together(first: ScoredTexts, second: ScoredTexts) -> ScoredTexts:
    return [[*one, *other] for one, other in zip(first, second, strict=True)]


def _by_likelihood(generator: Generator, web: WebGallery, written: ScoredTexts) -> ScoredTexts:
    """Return the same nucleus texts, scored by their mean probability per token under the
    captioner.
    """
    listed: ScoredTexts = []
    for start in range(0, len(written), BATCH):
        rows = range(start, min(start + BATCH, len(written)))
        texts = generator.caption(
            web.gallery.features[list(rows)],
            decode=NUCLEUS.decode,
            seeds=[image_seed(0, str(row)) for row in rows],
            logprobs=True,
        )
        for row, (text,) in zip(rows, texts, strict=True):
            likelihood = math.exp(mean(text.logprobs or (0.0,)))
            listed.append([replace(one, itm=likelihood) for one in written[row]])
    return listed


def _where(values: Sequence[Value], wanted: Sequence[bool]) -> list[Value]:
    return [value for value, want in zip(values, wanted, strict=True) if want]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _mean(values: Sequence[float]) -> float:
    return mean(values) if values else 0.0


def _area(true: Sequence[float], false: Sequence[float]) -> float:
    return area_under_roc(true, false) if true and false else 0.5
