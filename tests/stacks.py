"""A stack as the explorer gets it, made by hand: every peak is where a test puts it."""

import base64
import io
from typing import Any

import numpy
from PIL import Image, ImageDraw

HOSTILE = '<img src=x onerror="window.broken=1">'
LAYERS, HEADS, QUERIES, ROWS, COLS = (0, 2, 4), 2, 6, 4, 4
FLAT_QUERY = 5
WORDS = ("a", "car", "and", "a", HOSTILE)


def peak(query: int) -> int:
    """The patch at which a query looks hardest, in every layer and head."""
    return (query * 5 + 1) % (ROWS * COLS)


def word_peak(word: int) -> int:
    """The patch that a word of the text is about; the two "a" differ."""
    return 15 - 2 * word


def striped(width: int = 96, height: int = 96) -> Image.Image:
    """A quiet grey picture, so that colour on the screen comes from the map alone."""
    picture = Image.new("RGB", (width, height), (120, 120, 120))
    ImageDraw.Draw(picture).rectangle((0, 0, width // 2, height // 2), fill=(128, 128, 128))
    return picture


def make_stack(picture: Image.Image | None = None) -> dict[str, Any]:
    """All kinds of map, small; layer and head change how sharp a map is, never its peak."""
    picture = picture or striped()
    maps = numpy.full((len(LAYERS), HEADS, QUERIES, ROWS * COLS), 0.01)
    for query in range(QUERIES):
        for layer in range(len(LAYERS)):
            maps[layer, :, query, peak(query)] = 0.1 + 0.1 * layer
    maps[:, :, FLAT_QUERY] = 0.06
    words = numpy.full((len(WORDS), ROWS * COLS), 0.001)
    for word in range(len(WORDS)):
        words[word, word_peak(word)] = 0.02
    shares = numpy.linspace(0, 1, len(WORDS) * QUERIES).reshape(len(WORDS), QUERIES)
    return {
        "picture": {"src": data_url(picture), "width": picture.width, "height": picture.height},
        "layers": list(LAYERS),
        "heads": HEADS,
        "queries": QUERIES,
        "rows": ROWS,
        "cols": COLS,
        **packed(maps),
        "class_shares": numpy.full((len(LAYERS), HEADS, QUERIES), 0.25).tolist(),
        "cosines": [0.1, 0.2, 0.5, 0.4, -0.1, 0.0],
        "pairs": numpy.full((QUERIES, QUERIES), 1 / QUERIES).tolist(),
        "signals": [
            {"id": "attention", "label": "Attention", "unit": "share", "hint": "Where it looked."},
            {
                "id": "rollout",
                "label": "Rollout",
                "unit": "share",
                "hint": "",
                **packed(maps[0, 0]),
            },
        ],
        "texts": [
            {
                "id": "text",
                "title": "The text",
                "hint": "Word, queries, picture.",
                "tokens": list(WORDS),
                "shares": shares.tolist(),
                **packed(words),
            }
        ],
    }


def packed(maps: numpy.ndarray) -> dict[str, Any]:
    """Numbers as bytes of one scale."""
    levels = numpy.round(maps / maps.max() * 255).astype(numpy.uint8)
    return {"maps": base64.b64encode(levels.tobytes()).decode(), "scale": float(maps.max())}


def data_url(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
