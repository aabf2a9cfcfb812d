"""Small charts as SVG text: a curve against the band of chance. Colours come from the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 320, 190
LEFT, RIGHT, TOP, BOTTOM = 40, 10, 12, 34
"""Margins in units of the drawing, wide enough for the numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One measurement over the share of patches, and what chance gives."""

    title: str
    across: str
    """What the horizontal axis counts."""
    up: str
    """What the vertical axis measures."""
    shares: Sequence[float]
    """Places on the horizontal axis, in [0, 1]."""
    values: Sequence[float]
    chance: Sequence[float]
    """Mean over random orders."""
    low: Sequence[float]
    """Lower end of the interval of `chance`."""
    high: Sequence[float]

    def __post_init__(self) -> None:
        rows = (self.values, self.chance, self.low, self.high)
        if any(len(row) != len(self.shares) for row in rows):
            raise ValueError("all rows of a curve are as long as its shares")


def draw_curve(curve: Curve) -> str:
    """An SVG figure of one curve, with a caption."""
    numbers = [*curve.values, *curve.low, *curve.high]
    low, high = min(numbers), max(numbers)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5

    def place(share: float, value: float) -> str:
        x = LEFT + share * (WIDTH - LEFT - RIGHT)
        y = TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f},{y:.1f}"

    def line(values: Sequence[float]) -> str:
        return " ".join(map(place, curve.shares, values))

    band = f"{line(curve.high)} {' '.join(reversed(line(curve.low).split()))}"
    ends = [(0.0, "0%", "start"), (1.0, "100%", "end")]
    return "\n".join(
        [
            f'<figure class="curve"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(_in_words(curve))}">',
            *(_height_label(value, high, low) for value in (low, (low + high) / 2, high)),
            f'<polygon class="band" points="{band}"/>',
            f'<polyline class="chance" points="{line(curve.chance)}"/>',
            f'<polyline class="measured" points="{line(curve.values)}"/>',
            *(
                f'<text x="{place(share, low).split(",")[0]}" y="{HEIGHT - BOTTOM + 14}" '
                f'text-anchor="{anchor}">{text}</text>'
                for share, text, anchor in ends
            ),
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">'
            f"{escape(curve.across)}</text>",
            "</svg>",
            f"<figcaption>{escape(curve.title)}</figcaption></figure>",
        ]
    )


def _height_label(value: float, high: float, low: float) -> str:
    y = TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)
    return (
        f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>'
    )


def _in_words(curve: Curve) -> str:
    """What a reader without the drawing needs of it."""
    mean = sum(curve.values) / len(curve.values)
    chance = sum(curve.chance) / len(curve.chance)
    return (
        f"{curve.title}. {curve.up} over {curve.across}: {curve.values[0]:.2f} at the start, "
        f"{curve.values[-1]:.2f} at the end, {mean:.2f} on average; random orders {chance:.2f}."
    )
