"""A heat map drawn over its image: colours, a bar with numbers, a line of words.

The image keeps its shape: the encoder sees it squashed to a square, so the grid of patches
stretches over all of it, whatever its width and height.
"""

import io
import textwrap
from dataclasses import dataclass

import numpy
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

from blip2core.errors import ConfigError
from blip2core.explain.heatmap import Heatmap
from blip2core.explain.viridis import viridis

SMALLEST, LARGEST = 448, 1600
"""Pixels of the longer side of a drawn image."""
BAR, GAP, LINE = 18, 10, 18
"""Pixels: width of the colour bar, free space, height of a line of words."""
LABEL = 64
"""Pixels for the numbers beside the bar."""
Colours = npt.NDArray[numpy.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a map is drawn."""

    smooth: bool = True
    """Bicubic between the patches; False shows the patches as they are."""
    opacity: float = 0.6
    """Of the map over the grey image, 0 to 1."""
    scale: float | None = None
    """Value of the brightest colour, to compare maps; None: the map's own largest."""
    words: bool = True
    """A line under the image that says what it shows."""

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise ConfigError(f"opacity ({self.opacity}) must be from 0 to 1")
        if self.scale is not None and not self.scale > 0:
            raise ConfigError(f"scale ({self.scale}) must be above 0")


PLAIN = Look()


def render(image: Image.Image, found: Heatmap, look: Look = PLAIN) -> Image.Image:
    """Return the map over its image, with a colour bar and a caption, in RGB."""
    seen = overlay(image, found, look)
    words = _lines(found.describe(), max(20, seen.width // 7)) if look.words else []
    height = seen.height + (GAP + LINE * len(words) if words else 0)
    page = Image.new("RGB", (seen.width + GAP + BAR + LABEL, height), "white")
    page.paste(seen, (0, 0))
    _draw_bar(page, seen.width + GAP, seen.height, brightest(found, look))
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(words):
        place = (4, seen.height + GAP // 2 + LINE * number)
        draw.text(place, line, fill="black", font=ImageFont.load_default(13))
    return page


def _lines(said: str, width: int) -> list[str]:
    """Break text into lines, but not between a number and its percent sign; the font lacks that
    space's glyph.
    """
    wrapped = textwrap.wrap(said.replace(" %", "\N{NO-BREAK SPACE}%"), width)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in wrapped]


def render_png(image: Image.Image, found: Heatmap, look: Look = PLAIN) -> bytes:
    """Return the same as a PNG file."""
    file = io.BytesIO()
    render(image, found, look).save(file, "PNG")
    return file.getvalue()


def overlay(image: Image.Image, found: Heatmap, look: Look = PLAIN) -> Image.Image:
    """Return the map's colours over the grey image, in the image's shape; a flat map has none."""
    grey = ImageOps.grayscale(_sized(image)).convert("RGB")
    if found.is_flat:
        return grey
    levels = stretched(found, grey.size, smooth=look.smooth) / brightest(found, look)
    colours = viridis()[(levels.clip(0, 1) * 255).round().astype(numpy.uint8)]
    return Image.blend(grey, Image.fromarray(colours), look.opacity)


def stretched(found: Heatmap, size: tuple[int, int], *, smooth: bool) -> npt.NDArray[numpy.float32]:
    """Return a map as pixels: (height, width) for a `size` of (width, height); never below 0."""
    small = Image.fromarray(found.values.numpy())
    way = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    large = numpy.asarray(small.resize(size, way), dtype=numpy.float32)
    return large.clip(min=0)


def brightest(found: Heatmap, look: Look) -> float:
    """Return the value of the last colour."""
    return float(found.values.max()) if look.scale is None else look.scale


def _sized(image: Image.Image) -> Image.Image:
    """Return the image large enough to read and small enough to keep; its shape stays."""
    longer = max(image.size)
    target = min(max(longer, SMALLEST), LARGEST)
    if target == longer:
        return image
    width, height = (max(1, round(side * target / longer)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _draw_bar(page: Image.Image, left: int, height: int, most: float) -> None:
    """Draw the colours from most (top) to 0, and their numbers."""
    levels = numpy.linspace(255, 0, max(2, height)).round().astype(numpy.uint8)
    bar = numpy.repeat(viridis()[levels][:, None], BAR, axis=1)
    page.paste(Image.fromarray(bar), (left, 0))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for share in (1.0, 0.5, 0.0):
        top = (1 - share) * (height - LINE)
        draw.text((left + BAR + 5, top), f"{most * share:.2g}", fill="black", font=font)
