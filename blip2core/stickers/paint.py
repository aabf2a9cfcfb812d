"""From a `Scene` to its pixels: emoji glyphs, tinted where they come in colours, on painted places.

Painting needs the Noto Color Emoji font (Debian: fonts-noto-color-emoji); everything else in the
project runs without it.
"""

import random
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, features

from blip2core.errors import FontError
from blip2core.stickers.places import paint_place
from blip2core.stickers.scene import SIDE, Box, Scene
from blip2core.stickers.words import COLOURS, NOUNS

FONT_NAME = "NotoColorEmoji.ttf"
_FONT_FOLDERS = (
    "/usr/share/fonts/truetype/noto",
    "/usr/share/fonts/noto",
    "/usr/share/fonts/google-noto-emoji",
    "~/.local/share/fonts",
    "~/.fonts",
    ".fonts",
)
_STRIKE = 109
"""The one size, in pixels, at which the font's bitmaps exist."""

Pixels = npt.NDArray[np.uint8]


def find_font() -> Path:
    """Return the path of the emoji font. Raises FontError, naming the package,
    where it is missing.
    """
    for folder in _FONT_FOLDERS:
        path = Path(folder).expanduser() / FONT_NAME
        if path.is_file():
            return path
    raise FontError(
        f"{FONT_NAME} was not found. Painting new sticker scenes needs it: install the package "
        "fonts-noto-color-emoji (Debian, Ubuntu), or put the file into ~/.fonts."
    )


def paint(scene: Scene) -> Image.Image:
    """Paint the image of a scene: RGB, SIDE x SIDE pixels, the same for the same scene.

    Raises FontError where the emoji font is missing.
    """
    rng = random.Random(f"paint {scene.seed}")
    image = paint_place(scene.place, rng)
    for group in scene.groups:
        for box in group.boxes:
            glyph = _glyph(group.noun, group.colour, box.side, rng.random() < 0.3)
            image.paste(glyph, _corner(box, glyph), glyph)
    return Image.fromarray(_photograph(np.asarray(image), rng))


def _corner(box: Box, glyph: Image.Image) -> tuple[int, int]:
    return box.x - glyph.width // 2, box.y - glyph.height // 2


def _photograph(pixels: Pixels, rng: random.Random) -> Pixels:
    """Add brightness and sensor noise, so that no two images share their exact values."""
    noise = np.random.default_rng(rng.getrandbits(32)).standard_normal(
        (SIDE, SIDE, 3), dtype=np.float32
    )
    light = pixels * np.float32(rng.uniform(0.88, 1.1)) + noise * np.float32(rng.uniform(1, 6))
    return np.clip(light, 0, 255).astype(np.uint8)


@lru_cache(maxsize=8192)
def _glyph(noun: str, colour: str | None, side: int, mirrored: bool) -> Image.Image:
    """Return an RGBA glyph whose longer edge is `side` pixels."""
    glyph = _tinted(noun, colour).copy()
    glyph.thumbnail((side, side), Image.Resampling.LANCZOS)
    return glyph.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else glyph


@lru_cache(maxsize=512)
def _tinted(noun: str, colour: str | None) -> Image.Image:
    glyph = _drawn(NOUNS[noun].glyph)
    if colour is None:
        return glyph
    hue, saturation, value = (np.asarray(band) for band in glyph.convert("HSV").split())
    tinted = saturation > 255 * 0.18
    hue = np.where(tinted, COLOURS[colour] * 255 // 360, hue).astype(np.uint8)
    lively = np.clip(saturation, int(255 * 0.62), int(255 * 0.95))
    saturation = np.where(tinted, lively, saturation).astype(np.uint8)
    bands = [Image.fromarray(band) for band in (hue, saturation, value)]
    painted = Image.merge("HSV", bands).convert("RGB")
    painted.putalpha(glyph.getchannel("A"))
    return painted


def _drawn(glyph: str) -> Image.Image:
    if not features.check("freetype2"):
        raise FontError("This Pillow has no FreeType support, so no emoji can be drawn.")
    font = ImageFont.truetype(str(find_font()), _STRIKE)
    canvas = Image.new("RGBA", (150, 150), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).text((4, 4), glyph, font=font, embedded_color=True)
    return canvas.crop(canvas.getbbox())
