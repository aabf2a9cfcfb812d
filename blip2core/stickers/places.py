"""The painted backgrounds: a gradient and simple shapes, different for every random state."""

import math
import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from blip2core.stickers.scene import NOWHERE, SIDE

Colour = tuple[int, int, int]
Draw = ImageDraw.ImageDraw


def paint_place(place: str, rng: random.Random) -> Image.Image:
    """Paint the RGB background of a place, SIDE x SIDE pixels."""
    image = Image.new("RGB", (SIDE, SIDE))
    PAINTERS[place](ImageDraw.Draw(image), rng)
    return image


def _vary(rng: random.Random, colour: Colour, spread: int = 14) -> Colour:
    red, green, blue = (min(255, max(0, part + rng.randint(-spread, spread))) for part in colour)
    return red, green, blue


def _any_colour(rng: random.Random) -> Colour:
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)


def _gradient(draw: Draw, top: int, bottom: int, first: Colour, last: Colour) -> None:
    for y in range(top, bottom):
        share = (y - top) / max(1, bottom - top)
        red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, last, strict=True))
        draw.line((0, y, SIDE, y), fill=(red, green, blue))


def _sky(draw: Draw, rng: random.Random, horizon: int, high: Colour, low: Colour) -> None:
    _gradient(draw, 0, horizon, _vary(rng, high), _vary(rng, low))


def _waves(
    draw: Draw, rng: random.Random, top: int, bottom: int, colour: Colour, height: int
) -> None:
    for y in range(top, bottom, rng.randint(6, 10)):
        phase = rng.uniform(0, 6)
        points = [(x, y + height * math.sin(x / 7 + phase)) for x in range(0, SIDE + 4, 4)]
        draw.line(points, fill=_vary(rng, colour, 8), width=1)


def _beach(draw: Draw, rng: random.Random) -> None:
    horizon = rng.randint(30, 50)
    shore = horizon + rng.randint(14, 24)
    _sky(draw, rng, horizon, (150, 210, 245), (215, 238, 250))
    _gradient(draw, horizon, shore, _vary(rng, (60, 160, 200)), _vary(rng, (120, 205, 215)))
    _gradient(draw, shore, SIDE, _vary(rng, (240, 222, 170)), _vary(rng, (225, 200, 140)))
    for _ in range(40):
        x, y = rng.randint(0, SIDE), rng.randint(shore, SIDE)
        draw.point((x, y), fill=(200, 175, 120))


def _forest(draw: Draw, rng: random.Random) -> None:
    _gradient(draw, 0, SIDE, _vary(rng, (70, 120, 75)), _vary(rng, (40, 75, 40)))
    for _ in range(rng.randint(7, 11)):
        x, width = rng.randint(-4, SIDE), rng.randint(3, 7)
        draw.rectangle((x, 0, x + width, rng.randint(70, 105)), fill=_vary(rng, (80, 60, 42)))
    for _ in range(14):
        x, y, radius = rng.randint(0, SIDE), rng.randint(-5, 22), rng.randint(8, 16)
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, fill=_vary(rng, (48, 95, 50)))


def _sea(draw: Draw, rng: random.Random) -> None:
    horizon = rng.randint(12, 28)
    _sky(draw, rng, horizon, (140, 200, 240), (200, 230, 245))
    _gradient(draw, horizon, SIDE, _vary(rng, (50, 130, 190)), _vary(rng, (15, 65, 130)))
    _waves(draw, rng, horizon + 5, SIDE, (130, 190, 225), 2)


def _snow(draw: Draw, rng: random.Random) -> None:
    horizon = rng.randint(30, 55)
    _sky(draw, rng, horizon, (185, 205, 225), (225, 235, 245))
    _gradient(draw, horizon, SIDE, _vary(rng, (245, 248, 252), 5), _vary(rng, (225, 235, 245), 8))
    for _ in range(60):
        x, y = rng.randint(0, SIDE), rng.randint(0, SIDE)
        draw.ellipse((x, y, x + 1, y + 1), fill=(255, 255, 255))


def _desert(draw: Draw, rng: random.Random) -> None:
    horizon = rng.randint(28, 48)
    _sky(draw, rng, horizon + 8, (245, 190, 130), (250, 225, 180))
    draw.rectangle((0, horizon + 8, SIDE, SIDE), fill=_vary(rng, (222, 165, 95)))
    for y in range(horizon, SIDE, rng.randint(14, 20)):
        phase = rng.uniform(0, 6)
        crest = [(x, y + 6 * math.sin(x / 18 + phase)) for x in range(0, SIDE + 4, 4)]
        outline = [*crest, (SIDE + 4, SIDE), (0, SIDE)]
        draw.polygon(outline, fill=_vary(rng, (222, 165, 95)))


def _city(draw: Draw, rng: random.Random) -> None:
    _sky(draw, rng, SIDE, (175, 190, 205), (210, 212, 215))
    x = -rng.randint(0, 8)
    while x < SIDE:
        width, top = rng.randint(14, 26), rng.randint(8, 50)
        draw.rectangle((x, top, x + width, 92), fill=_vary(rng, (125, 128, 140), 22))
        for window_x in range(x + 3, x + width - 3, 6):
            for window_y in range(top + 4, 88, 8):
                draw.rectangle(
                    (window_x, window_y, window_x + 2, window_y + 3), fill=(235, 228, 180)
                )
        x += width + rng.randint(0, 3)
    draw.rectangle((0, 92, SIDE, SIDE), fill=_vary(rng, (90, 90, 95)))
    for x in range(rng.randint(0, 10), SIDE, 20):
        draw.rectangle((x, 101, x + 10, 102), fill=(230, 230, 225))


def _night(draw: Draw, rng: random.Random) -> None:
    _gradient(draw, 0, SIDE, _vary(rng, (14, 16, 48), 8), _vary(rng, (45, 40, 85), 10))
    for _ in range(50):
        x, y = rng.randint(0, SIDE), rng.randint(0, SIDE)
        draw.point((x, y), fill=_vary(rng, (225, 225, 235)))


def _meadow(draw: Draw, rng: random.Random) -> None:
    horizon = rng.randint(26, 45)
    _sky(draw, rng, horizon, (135, 195, 240), (200, 228, 245))
    _gradient(draw, horizon, SIDE, _vary(rng, (140, 195, 95)), _vary(rng, (95, 160, 65)))
    for _ in range(70):
        x, y = rng.randint(0, SIDE), rng.randint(horizon, SIDE)
        draw.line((x, y, x + rng.randint(-2, 2), y - 4), fill=_vary(rng, (75, 135, 50)))


def _nowhere(draw: Draw, rng: random.Random) -> None:
    first, last, third = (_any_colour(rng) for _ in range(3))
    _gradient(draw, 0, SIDE, first, last)
    for _ in range(rng.randint(0, 8)):
        x, y, radius = rng.randint(0, SIDE), rng.randint(0, SIDE), rng.randint(2, 40)
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((x - radius, y - radius, x + radius, y + radius), fill=_vary(rng, third, 40))


PAINTERS: dict[str, Callable[[Draw, random.Random], None]] = {
    "beach": _beach,
    "forest": _forest,
    "sea": _sea,
    "snow": _snow,
    "desert": _desert,
    "city": _city,
    "night": _night,
    "meadow": _meadow,
    NOWHERE: _nowhere,
}
