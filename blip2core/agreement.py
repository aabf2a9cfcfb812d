"""Cohen's kappa of two people, with an interval."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from sklearn.metrics import cohen_kappa_score

from blip2core.texts import count_of

RESAMPLED = 1_000
"""Bootstrap samples behind the interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of two people on the same texts."""

    texts: int
    same: float
    """Share of the texts with the same verdict, in [0, 1]."""
    kappa: float | None
    """Agreement beyond chance: 1 is perfect, 0 is chance; None where both gave one and the same
    verdict to everything, so that chance explains it all."""
    low: float | None
    """Lower end of the 95 % interval of kappa; None as above."""
    high: float | None

    def sentence(self) -> str:
        """Return what a dataset card says of the agreement."""
        texts = count_of(self.texts, "text")
        said = f"Two people both judged {texts} and agreed in {self.same:.0%} of the cases"
        if self.kappa is None or self.low is None or self.high is None:
            return f"{said}."
        interval = f"95 % interval {self.low:.2f} to {self.high:.2f}"
        return f"{said}: Cohen's kappa {self.kappa:.2f} ({interval})."


def agreement(pairs: Sequence[tuple[bool, bool]]) -> Agreement | None:
    """Return the agreement over texts, given as (first person's verdict, second person's verdict);
    None without any text.
    """
    if not pairs:
        return None
    verdicts = numpy.asarray(pairs)
    kappa = _kappa(verdicts)
    draws = numpy.random.default_rng(0)
    samples = (verdicts[draws.integers(0, len(pairs), len(pairs))] for _ in range(RESAMPLED))
    found = [value for sample in samples if (value := _kappa(sample)) is not None]
    known = kappa is not None and found
    low, high = numpy.quantile(found, [0.025, 0.975]).tolist() if known else (None, None)
    same = float((verdicts[:, 0] == verdicts[:, 1]).mean())
    return Agreement(texts=len(pairs), same=same, kappa=kappa, low=low, high=high)


def _kappa(verdicts: numpy.ndarray) -> float | None:
    if len(numpy.unique(verdicts)) == 1:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one person gave one verdict only: kappa is 0
        return float(cohen_kappa_score(verdicts[:, 0], verdicts[:, 1]))
