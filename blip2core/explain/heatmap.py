"""A heat map over the patches of an image.

R rows and C columns of patches, P = R * C.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

FLAT = 1e-3
"""A map whose values differ by less than this share of the largest one shows nothing."""
SMALL_PART = 0.05
"""Part of the image whose share `describe` reports."""
_REGIONS = (
    ("upper left", "top", "upper right"),
    ("left", "centre", "right"),
    ("lower left", "bottom", "lower right"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """Which part of a trace to map; None is the method's own choice, mostly the mean over all."""

    query: int | None = None
    layer: int | None = None
    """Number of a layer with cross-attention, as in `Trace.layers`."""
    head: int | None = None
    word: int | None = None
    """Position among `Trace.words`, so that a word said twice is two words."""


EVERYTHING = Focus()
"""The method's own choice of everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap:
    """One number for each patch; only their proportions mean something."""

    values: Tensor
    """(R, C), on the CPU, float32, 0 or more."""
    title: str
    """What is mapped, in words: "query 7, layer 2"."""
    kind: str = "the map"
    """What the numbers are shares of: "attention" where they are probabilities."""
    class_share: float | None = None
    """Share of attention on the class token, which belongs to no patch; None: not attention, or
    the encoder has no such token."""

    @property
    def is_flat(self) -> bool:
        """True where no patch stands out, so that there is no peak to speak of."""
        most = float(self.values.max())
        return most - float(self.values.min()) <= FLAT * abs(most)

    @property
    def peak(self) -> tuple[int, int]:
        """Row and column of the largest value; the first of equals."""
        row, column = divmod(int(self.values.argmax()), self.values.shape[1])
        return row, column

    @property
    def peak_point(self) -> tuple[float, float]:
        """Centre of the peak as (x, y), in shares of the image's width and height."""
        row, column = self.peak
        rows, columns = self.values.shape
        return (column + 0.5) / columns, (row + 0.5) / rows

    def share_of_top(self, part: float = SMALL_PART) -> tuple[float, float]:
        """Return the share of the whole inside the strongest `part` of the patches (at least one),
        and the part that those really are.
        """
        flat = self.values.flatten()
        count = max(1, round(part * len(flat)))
        return float(flat.topk(count).values.sum() / flat.sum()), count / len(flat)

    def describe(self) -> str:
        """Return one line for those who do not see the map: where it is strongest,
        and how much so.
        """
        if self.is_flat:
            return f"{self.title}: a flat map, no part of the image stands out"
        x, y = self.peak_point
        place = _REGIONS[min(2, int(y * 3))][min(2, int(x * 3))]
        share, part = self.share_of_top()
        strongest = f"strongest at the {place}" if " " not in place else f"strongest at {place}"
        inside = f"{share * 100:.0f} % of {self.kind} inside {part * 100:.0f} % of the image"
        return f"{self.title}: {strongest}, {inside}"


def heatmap(values: Tensor, grid: tuple[int, int], title: str, **known: Any) -> Heatmap:
    """Return a `Heatmap` of values (P,) of any device and type, with rounding errors below 0 cut
    off.
    """
    laid_out = values.detach().to("cpu", torch.float32).reshape(grid).clamp(min=0)
    return Heatmap(values=laid_out, title=title, **known)
