"""Doubt: whether an image is unlike anything that a captioner has seen.

A model describes any image with confidence, also one that it knows nothing of. The sign of it is
how well its own captions fit: the contrastive cosine (ITC; Li et al. 2023, section 3.2) of captions
that it samples, by the matcher that goes with it. Where both know the image the cosines are high;
where neither does, the captioner writes what it would of images it knows, a different thing each
time, and the matcher does not find it there. docs/doubt.md compares this sign with others. It is a
doubt, not a verdict.

Below which mean cosine to doubt is measured for one captioner with one matcher: a
`DoubtCalibration`. It lies in the folder of the captioner's checkpoint, or, for a model from the
Hub, in the folder that BLIP2_DOUBT names. Without one nothing is doubted.
"""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from blip2core.config import DecodeConfig
from blip2core.errors import ModelError
from blip2core.models import Generator, ImageFeatures, Matcher, ModelSpec
from blip2core.records import Doubt

log = logging.getLogger(__name__)
FILE = "doubt.json"
"""Name of a calibration in the folder of its checkpoint."""
CAPTIONS = 3
"""Captions sampled of an image, as CapFilt does."""
DECODE = DecodeConfig(mode="sample", top_p=0.9, max_new_tokens=48, seed=0)
"""How they are sampled: nucleus sampling, the same texts each time."""
BATCH = 32
"""Images that are captioned together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strangers:
    """How well the sign tells one kind of unknown images from known ones."""

    name: str
    """What they are: "clip art"."""
    images: int
    area: float
    """Area under ROC against the known images: the chance that a known one fits better."""
    low: float
    high: float
    """Its interval, at 95 %."""
    doubted: float
    """Share of them that is doubted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtCalibration:
    """Below which cosine to doubt, for one captioner with one matcher."""

    captioner: str
    captioner_revision: str
    matcher: str
    matcher_revision: str
    threshold: float
    """Captions that fit worse on average are a reason to doubt; a cosine in [-1, 1]."""
    known: int
    """Known images that the threshold comes from."""
    doubted: float
    """Share of them that is doubted."""
    strangers: tuple[Strangers, ...] = ()

    def is_for(self, generator: Generator, matcher: Matcher | None = None) -> bool:
        """Return whether it was measured with exactly these weights; of the captioner alone, where
        no matcher is given.
        """
        matches = matcher is None or self.matcher_revision == matcher.revision
        return self.captioner_revision == generator.revision and matches


def doubts(
    calibration: DoubtCalibration,
    generator: Generator,
    matcher: Matcher,
    features: ImageFeatures,
    scored: ImageFeatures | None = None,
) -> list[Doubt]:
    """Return for each of B images whether it is in doubt.

    `features` are the captioner's; `scored` the matcher's, where it has another image encoder.
    """
    written = write(generator, features)
    fits = own_fits(matcher, features if scored is None else scored, written)
    return [
        Doubt(captions=tuple(texts), itc=itc, threshold=calibration.threshold)
        for texts, itc in zip(written, fits, strict=True)
    ]


def write(generator: Generator, features: ImageFeatures) -> list[list[str]]:
    """Return the different captions that are sampled of each image; none where all are empty."""
    found: list[list[str]] = []
    for start in range(0, len(features), BATCH):
        part = features[list(range(start, min(start + BATCH, len(features))))]
        found += [
            list(dict.fromkeys(one.text for one in texts if one.text.strip()))
            for texts in generator.caption(part, num=CAPTIONS, decode=DECODE)
        ]
    return found


def own_fits(
    matcher: Matcher, features: ImageFeatures, written: Sequence[Sequence[str]]
) -> list[float]:
    """Return how well the captions of each image fit it: their mean cosine, in [-1, 1].

    `features` are the matcher's. An image without captions has -1: there is nothing that fits.
    """
    every = [text for texts in written for text in texts]
    if not every:
        return [-1.0] * len(written)
    images, words = matcher.embed_images(features), matcher.embed_texts(every)
    fits, first = [], 0
    for queries, texts in zip(images, written, strict=True):  # queries (Q, E)
        own = words[first : first + len(texts)]  # (captions, E)
        first += len(texts)
        itc = (queries @ own.T).amax(dim=0).mean().item() if texts else -1.0
        fits.append(max(-1.0, min(1.0, itc)))  # rounding may exceed a cosine's range
    return fits


def find_calibration(spec: ModelSpec) -> DoubtCalibration | None:
    """Return the calibration of a captioner, None where there is none. Raises ModelError where its
    file cannot be read.
    """
    file = calibration_file(spec)
    return read_calibration(file) if file.is_file() else None


def calibration_for(
    generator: Generator, matcher: Matcher | None = None
) -> DoubtCalibration | None:
    """Return the calibration of a captioner where it was measured with these very weights; before a
    matcher is loaded, with the captioner's. One that cannot be read is logged once, and is none.
    """
    try:
        found = find_calibration(generator.spec)
    except ModelError as error:
        _tell_once(str(error))
        return None
    return found if found is not None and found.is_for(generator, matcher) else None


@lru_cache
def _tell_once(problem: str) -> None:
    log.warning("Images are not looked at for doubt: %s", problem)


def calibration_file(spec: ModelSpec) -> Path:
    """Return where the calibration of a captioner lies, whether there is one or not."""
    if isinstance(spec.checkpoint, Path):
        return spec.checkpoint / FILE
    folder = os.environ.get("BLIP2_DOUBT") or "~/.config/blip2-studio/doubt"
    return Path(folder).expanduser() / f"{spec.name}.json"


def read_calibration(file: Path) -> DoubtCalibration:
    """Read what `write_calibration` wrote. Raises ModelError where it is something else."""
    try:
        given: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        strangers = tuple(Strangers(**one) for one in given.pop("strangers", ()))
        calibration = DoubtCalibration(**given, strangers=strangers)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{file} is no calibration of doubt ({error}): write it anew with `blip2 doubt`."
        ) from error
    threshold: object = calibration.threshold
    is_number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not is_number or not -1 <= calibration.threshold <= 1:
        raise ModelError(f"{file}: the threshold ({threshold}) is no cosine.")
    return calibration


def write_calibration(calibration: DoubtCalibration, file: Path) -> None:
    """Write a calibration, in place of an older one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(calibration), indent=2) + "\n", encoding="utf-8")
