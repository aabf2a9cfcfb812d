"""Whether a captioner knows when it does not know: signs of doubt, on images of kinds it was
trained on and on strangers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy
import torch
from PIL import Image

from blip2core.calibration import LEVEL, Estimate
from blip2core.config import DecodeConfig
from blip2core.doubt import DECODE, DoubtCalibration, Strangers, own_fits, write
from blip2core.errors import ConfigError
from blip2core.evaluation.gallery import BATCH, Figures, mean
from blip2core.evaluation.matching import area_under_roc
from blip2core.models import Generator, ImageFeatures, Matcher
from blip2core.texts import count_of

DRAWS = 2_000
"""Bootstrap samples for an interval."""
GREEDY = DecodeConfig(mode="greedy", max_new_tokens=DECODE.max_new_tokens)
SIGNS = ("itc", "greedy_itc", "greedy_itm", "agreement", "logprob")
"""itc: how well the sampled captions fit on average, which is the sign that is used; greedy_itc,
greedy_itm: how well the greedy caption fits; agreement: the mean cosine among the sampled captions,
as texts; logprob: the mean log-probability of the greedy caption's tokens. The higher, the better
known."""
LEAST_KNOWN = 40
"""Known images from which a threshold can be read: one in twenty of their half is one image."""
NO_WORDS = "nothing"
"""Stands for a caption that has none."""

Signs = dict[str, list[float]]
"""Sign -> its value for each image."""


def measure_doubt(
    generator: Generator,
    matcher: Matcher,
    known: Iterable[Image.Image],
    strangers: Mapping[str, Iterable[Image.Image]],
    threshold: float | None = None,
) -> Figures:
    """Return for each kind of strangers how well each of `SIGNS` tells the known images from them.

    The area under ROC with its interval; and, where there is a threshold of the own captions' ITC,
    the share that it doubts. Raises ConfigError where there is no image of a kind.
    """
    signs = signs_of(generator, matcher, known)
    _check_number("known images", signs["itc"], 1)
    figures: dict[str, Figures] = {}
    for name, images in strangers.items():
        found = signs_of(generator, matcher, images)
        _check_number(name, found["itc"], 1)
        rows: dict[str, float | Figures] = {"images": len(found["itc"])}
        for sign in SIGNS:
            area = area_with_interval(signs[sign], found[sign])
            rows[sign] = {"area": area.value, "low": area.low, "high": area.high}
        if threshold is not None:
            rows["doubted"] = share_below(found["itc"], threshold)
        figures[name] = rows
    all_known: dict[str, float | Figures] = {"images": len(signs["itc"])}
    if threshold is not None:
        all_known["doubted"] = share_below(signs["itc"], threshold)
    return {"known": all_known, "strangers": figures}


def calibrate(
    generator: Generator,
    matcher: Matcher,
    known: Iterable[Image.Image],
    strangers: Mapping[str, Iterable[Image.Image]],
    share: float,
) -> DoubtCalibration:
    """Return the cosine below which the share `share` of half of the known images lies; and, on the
    other half and on the strangers, what it does.

    Raises ConfigError for fewer than LEAST_KNOWN known images, or no stranger of a kind.
    """
    every = itc_of(generator, matcher, known)
    _check_number("known images", every, LEAST_KNOWN)
    chosen_by, tried_on = every[::2], every[1::2]
    threshold = float(numpy.quantile(chosen_by, share))
    found = []
    for name, images in strangers.items():
        others = itc_of(generator, matcher, images)
        _check_number(name, others, 1)
        area = area_with_interval(tried_on, others)
        found.append(
            Strangers(
                name=name,
                images=len(others),
                area=area.value,
                low=area.low,
                high=area.high,
                doubted=share_below(others, threshold),
            )
        )
    return DoubtCalibration(
        captioner=generator.spec.name,
        captioner_revision=generator.revision,
        matcher=matcher.spec.name,
        matcher_revision=matcher.revision,
        threshold=threshold,
        known=len(every),
        doubted=share_below(tried_on, threshold),
        strangers=tuple(found),
    )


def _check_number(what: str, images: Sequence[float], least: int) -> None:
    """Raise ConfigError where there are too few images for a figure."""
    if len(images) < least:
        told = count_of(len(images), "image")
        raise ConfigError(f"{what}: {told} that can be read, and at least {least} needed.")


def signs_of(generator: Generator, matcher: Matcher, images: Iterable[Image.Image]) -> Signs:
    """Return the values of all `SIGNS` for each image."""
    signs: Signs = {sign: [] for sign in SIGNS}
    for features, scored in _encoded(generator, matcher, images):
        sampled = write(generator, features)
        signs["itc"] += own_fits(matcher, scored, sampled)
        signs["agreement"] += [_agreement(matcher, texts) for texts in sampled]
        written = [texts[0] for texts in generator.caption(features, decode=GREEDY, logprobs=True)]
        greedy = [text.text or NO_WORDS for text in written]
        signs["greedy_itc"] += own_fits(matcher, scored, [[text] for text in greedy])
        signs["greedy_itm"] += matcher.itm(scored, greedy).tolist()
        signs["logprob"] += [mean(text.logprobs or (0.0,)) for text in written]
    return signs


def _agreement(matcher: Matcher, texts: Sequence[str]) -> float:
    """Return the mean cosine among texts; 1 where there is but one."""
    if len(texts) < 2:
        return 1.0
    words = matcher.embed_texts(texts)  # (N, E)
    return float(((words @ words.T).sum() - len(texts)) / (len(texts) * (len(texts) - 1)))


def itc_of(generator: Generator, matcher: Matcher, images: Iterable[Image.Image]) -> list[float]:
    """Return how well the captioner's own captions fit each image on average, as a cosine."""
    found: list[float] = []
    for features, scored in _encoded(generator, matcher, images):
        found += own_fits(matcher, scored, write(generator, features))
    return found


def _encoded(
    generator: Generator, matcher: Matcher, images: Iterable[Image.Image]
) -> Iterator[tuple[ImageFeatures, ImageFeatures]]:
    """Yield the features of both models, batch by batch; a shared image encoder runs once."""
    rest = iter(images)
    shared = matcher.vision.fingerprint == generator.vision.fingerprint
    encoders = [generator.vision] if shared else [generator.vision, matcher.vision]
    # Made small one by one: 64 photographs as they are would take gigabytes.
    while batch := [
        [encoder.prepare([image]) for encoder in encoders] for image in islice(rest, BATCH)
    ]:
        pixels = [torch.cat(parts) for parts in zip(*batch, strict=True)]
        features = generator.encode(pixels[0])
        yield features, features if shared else matcher.encode(pixels[1])


def share_below(values: Sequence[float], threshold: float) -> float:
    """Return the share of values below a threshold."""
    return mean(value < threshold for value in values)


def area_with_interval(known: Sequence[float], strangers: Sequence[float]) -> Estimate:
    """Return the area under ROC of known images above strangers, with its interval by bootstrap.

    Both kinds of images are drawn with replacement; the same values give the same interval.
    """
    draws = numpy.random.default_rng(0)
    ordered = numpy.sort(numpy.asarray(known))
    below = numpy.searchsorted(ordered, strangers, side="left")
    not_above = numpy.searchsorted(ordered, strangers, side="right")
    counts = draws.multinomial(len(ordered), numpy.full(len(ordered), 1 / len(ordered)), DRAWS)
    less = numpy.concatenate([numpy.zeros((DRAWS, 1)), counts.cumsum(axis=1)], axis=1)  # (DRAWS, K)
    wins = len(ordered) - (less[:, below] + less[:, not_above]) / 2  # known images above each
    chosen = draws.multinomial(
        len(strangers), numpy.full(len(strangers), 1 / len(strangers)), DRAWS
    )
    areas = (wins * chosen).sum(axis=1) / (len(ordered) * len(strangers))
    low, high = numpy.quantile(areas, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value=area_under_roc(known, strangers), low=float(low), high=float(high))
