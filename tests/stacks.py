"""A stack as the explorer gets it, of a trace made by hand: every peak is where a test puts it."""

from typing import Any

import torch
from PIL import Image, ImageDraw

from blip2core.explain.answers import AnswerTrace
from blip2core.explain.stack import explorer_stack
from blip2core.explain.trace import AttentionMaps, Trace, Word, rank_cosines

HOSTILE = '<img src=x onerror="window.broken=1">'
LAYERS, HEADS, QUERIES, ROWS, COLS = (0, 2, 4), 2, 6, 4, 4
SELF_LAYERS = 5
PATCHES = ROWS * COLS
FLAT_QUERY = 5
CLASS_SHARE = 0.25
WORDS = ("a", "car", "and", "a", HOSTILE)
COSINES = (0.1, 0.2, 0.5, 0.4, -0.1, 0.0)


def peak(query: int) -> int:
    """The patch at which a query looks hardest, in every layer and head."""
    return (query * 5 + 1) % PATCHES


def striped(width: int = 96, height: int = 96) -> Image.Image:
    """A quiet grey image, so that colour on the screen comes from the map alone."""
    image = Image.new("RGB", (width, height), (120, 120, 120))
    ImageDraw.Draw(image).rectangle((0, 0, width // 2, height // 2), fill=(128, 128, 128))
    return image


def make_trace() -> Trace:
    """Layer and head change how sharp a map is, never its peak; query w alone heard of word w."""
    cross = torch.full((len(LAYERS), HEADS, QUERIES, 1 + PATCHES), 0.01)
    cross[..., 0] = CLASS_SHARE
    for query in range(QUERIES):
        for layer in range(len(LAYERS)):
            cross[layer, :, query, 1 + peak(query)] = 0.1 + 0.1 * layer
    cross[:, :, FLAT_QUERY, 1:] = 0.06
    size = QUERIES + len(WORDS) + 2
    within = torch.full((SELF_LAYERS, HEADS, size, size), 0.01)
    for word in range(len(WORDS)):
        within[:, :, word, QUERIES + 1 + word] = 0.5
    slopes = torch.zeros_like(within)
    slopes[:, :, :QUERIES, QUERIES + 1 : QUERIES + 1 + len(WORDS)] = 1.0
    slopes *= within > 0.1
    pair = AttentionMaps(
        cross=cross,
        within=within,
        cross_gradients=torch.ones_like(cross),
        within_gradients=slopes,
    )
    return Trace(
        model="stickers-itm",
        revision="main",
        grid=(ROWS, COLS),
        class_token=True,
        layers=LAYERS,
        alone=AttentionMaps(cross=cross, within=within[:, :, :QUERIES, :QUERIES]),
        text=" ".join(WORDS),
        tokens=("[CLS]", *WORDS, "[SEP]"),
        words=tuple(Word(text=text, tokens=(place,)) for place, text in enumerate(WORDS, 1)),
        together=pair,
        cosines=rank_cosines(torch.tensor(COSINES)),
        itm=0.9,
    )


def make_answer() -> AnswerTrace:
    """Two words; the first came from the first patch, the second from the last."""
    looks = torch.full((4, PATCHES), 0.01)
    looks[0, 0] = looks[1, -1] = 0.5
    return AnswerTrace(
        model="stickers-opt",
        prompt="Question: What? Answer:",
        tokens=(7, 8),
        pieces=("an", " octopus"),
        grid=(ROWS, COLS),
        slots=torch.eye(4)[:2],
        image_share=torch.tensor([0.4, 0.6]),
        looks=looks,
    )


def make_stack(
    image: Image.Image | None = None, trace: Trace | None = None, **changes: Any
) -> dict[str, Any]:
    """What the server sends of it."""
    stack = explorer_stack(trace or make_trace(), image or striped(), answer=make_answer())
    return {**stack, "default_map": None, **changes}
