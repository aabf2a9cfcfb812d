"""All that a browser needs to draw a trace, as JSON values, without asking the server again.

`explorer_stack` gives a dict of plain JSON values. "bytes" below are base64 of unsigned 8-bit
numbers, 0 to 255, in the order of the brackets (last index fastest); byte b stands for the value
b / 255 * scale. Patches run row by row from the upper left; the grid covers the whole image,
whatever its shape: patch p is row p // cols, column p % cols, and a cell is width / cols by
height / rows of the image. The class token, which belongs to no patch, is in none of the maps.

    version       1
    model         name of the matcher
    text          the text, or null
    itm           matching probability 0..1, or null without text
    fits          whether the text fits by that, or null without text; false, too, where the
                  matcher never learned a word of it
    fit           both in one sentence, or null without text
    truncated     true: only the beginning of the text was read
    image         {"width", "height": of the original in pixels, "src": data URL of a JPEG of the
                  same shape, at most 1024 pixels on its longer side}
    rows, cols    the grid
    layers        numbers of the L layers with cross-attention, as the Q-Former counts: [0, 2]
    heads         H
    queries       Q
    scale         value of byte 255 in `values`: the largest in the whole stack
    values        bytes [layer, head, query, patch]: cross-attention
    class_share   numbers 0..1 [layer, head, query] as one flat list, or null: no class token
    entropy       numbers in bits [layer, head, query] as one flat list; most is log2(rows * cols)
    matrix        layer x head scalars, means over queries, each a list of L lists of H numbers:
                  {"entropy", "strongest", "class_share" (or null)}
    per_query     list of Q: {"entropy", "class_share" (or null), "twin", "likeness"}: means over
                  layers and heads; the query with the most similar maps and their cosine
    alts          list of L lists of Q texts: alternative text of each query's map, mean over heads
    cosines       list of Q ITC cosines, or null without text
    winner        {"query", "cosine", "runner_up" (or null), "margin" (or null)}, or null
    words         list of W: {"text", "tokens": [places]}; the same word twice is two entries
    tokens        the text's tokens as the model reads them
    between       query to query: {"layers": all layer numbers, "scale",
                  "values": bytes [layer, query that attends, query attended to]}, mean of heads
    from_words    word to query: {"layers", "scale", "values": bytes [layer, word, query]}, or null
    heard         query of word, the first hop of the word maps: {"scale", "values": bytes
                  [word, query]}: attention of a query to each word up to its last
                  cross-attention, weighted by the gradient; or null: no text or no gradients
    maps          list of {"kind", "query" (or null), "word" (or null), "label", "alt", "flat",
                  "scale", "values": bytes [patch]}, each with a scale of its own. Kinds:
                  "rollout" (one for each query, and one with query null: all of them),
                  "winner" (of the last layer, mean over heads; with a text),
                  "gradcam", "relevance", "text" (the whole text) and "word" (one for each word,
                  in the order of `words`): with a text and gradients
    default_map   index in `maps` of the map to show first, or null: show `values`
    flat          a map is flat where (max - min) <= flat * max: say so instead of stretching it
    palette       bytes [256, 3]: the colours of levels 0..255 (viridis)
    answer        null, or what `answer_stack` gives:
                  {"model", "prompt", "rows", "cols", "slots": Q' of the generator,
                  "tokens": list of {"text": with its white space, "token": id},
                  "scale", "values": bytes [token, slot]: share of each slot (one soft word of the
                  image) in what the token took from the image,
                  "image_share": list of numbers 0..1 for each token: how much of its attention
                  lay on the image's slots at all,
                  "maps": one for each token, in order, as in `maps`, kind "answer"}
"""

import base64
import io
from typing import Any

import numpy
import torch
from PIL import Image
from torch import Tensor

from blip2core.explain import METHODS
from blip2core.explain.answers import AnswerTrace
from blip2core.explain.cross_attention import cross_attention
from blip2core.explain.heatmap import FLAT, Focus, Heatmap
from blip2core.explain.rollout import rollout
from blip2core.explain.statistics import (
    Statistics,
    between_queries,
    from_words,
    statistics,
)
from blip2core.explain.trace import Trace
from blip2core.explain.viridis import viridis
from blip2core.explain.word_maps import heard_by_then

LONGEST_SIDE = 1024
"""Pixels of the longer side of the image in the stack."""
DIGITS = 4
"""Decimals of numbers that are not bytes."""
DEFAULT_KIND = "winner"
"""Kind of the map that is shown first, where there is one."""


def explorer_stack(
    trace: Trace, image: Image.Image, *, answer: AnswerTrace | None = None
) -> dict[str, Any]:
    """Return the payload above of one trace and its original image; `answer` adds that of a
    generator.

    JSON has no NaN: none is in it.
    """
    numbers = statistics(trace)
    patches = trace.patches(trace.shown.cross)
    maps = extra_maps(trace)
    kinds = [one["kind"] for one in maps]
    return {
        "version": 1,
        "model": trace.model,
        "text": trace.text,
        **trace.facts_of_fit,
        "truncated": trace.truncated,
        "image": image_part(image),
        "rows": trace.grid[0],
        "cols": trace.grid[1],
        "layers": list(trace.layers),
        "heads": trace.heads,
        "queries": trace.queries,
        **quantised(patches),
        **_statistics_part(trace, numbers),
        **_text_part(trace),
        "between": {"layers": _all_layers(trace)} | quantised(between_queries(trace)),
        "maps": maps,
        "default_map": kinds.index(DEFAULT_KIND) if DEFAULT_KIND in kinds else None,
        "flat": FLAT,
        "palette": base64.b64encode(viridis().tobytes()).decode(),
        "answer": None if answer is None else answer_stack(answer),
    }


def extra_maps(trace: Trace) -> list[dict[str, Any]]:
    """Return the maps beside the stack itself, as far as text and gradients allow."""
    maps = [map_part("rollout", rollout(trace))]
    maps += [
        map_part("rollout", rollout(trace, Focus(query=query)), query=query)
        for query in range(trace.queries)
    ]
    if trace.cosines is not None:
        found = METHODS["winner"](trace, Focus())
        maps.append(map_part("winner", found, query=trace.cosines.winner))
    if trace.together is not None and trace.together.cross_gradients is not None:
        for kind, method in (("gradcam", "gradcam"), ("relevance", "relevance"), ("text", "words")):
            maps.append(map_part(kind, METHODS[method](trace, Focus())))
        maps += [
            map_part("word", METHODS["words"](trace, Focus(word=word)), word=word)
            for word in range(len(trace.words))
        ]
    return maps


def answer_stack(answer: AnswerTrace) -> dict[str, Any]:
    """Return the `answer` part; also useful by itself, as each answer of a conversation has one."""
    tokens = zip(answer.pieces, answer.tokens, strict=True)
    return {
        "model": answer.model,
        "prompt": answer.prompt,
        "rows": answer.grid[0],
        "cols": answer.grid[1],
        "slots": answer.slots.shape[1],
        "tokens": [{"text": piece, "token": token} for piece, token in tokens],
        **quantised(answer.slots),
        "image_share": _numbers(answer.image_share),
        "maps": [
            map_part("answer", answer.token_map(token)) for token in range(len(answer.tokens))
        ],
    }


def map_part(
    kind: str, found: Heatmap, *, query: int | None = None, word: int | None = None
) -> dict[str, Any]:
    """Return one entry of `maps`."""
    return {
        "kind": kind,
        "query": query,
        "word": word,
        "label": found.title,
        "alt": found.describe(),
        "flat": found.is_flat,
        **quantised(found.values),
    }


def quantised(values: Tensor) -> dict[str, Any]:
    """Return `scale`, the largest value, and `values` as base64 bytes; all 0 for a map of 0."""
    scale = float(values.max()) if values.numel() else 0.0
    levels = (values / scale * 255).round().clamp(0, 255) if scale > 0 else values * 0
    raw = levels.numpy().astype(numpy.uint8).tobytes()
    return {"scale": scale, "values": base64.b64encode(raw).decode()}


def image_part(image: Image.Image) -> dict[str, Any]:
    """Return the original's size, and a JPEG of it small enough to send."""
    small = image.convert("RGB")
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=88)
    source = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
    return {"width": image.width, "height": image.height, "src": source}


def _statistics_part(trace: Trace, numbers: Statistics) -> dict[str, Any]:
    share = numbers.class_share
    over_queries = {
        "entropy": numbers.entropy,
        "strongest": numbers.strongest,
        "class_share": share,
    }
    entropies = numbers.entropy.mean(dim=(0, 1))
    shares = None if share is None else share.mean(dim=(0, 1))
    return {
        "class_share": None if share is None else _numbers(share.flatten()),
        "entropy": _numbers(numbers.entropy.flatten()),
        "matrix": {
            name: None if values is None else [_numbers(row) for row in values.mean(dim=-1)]
            for name, values in over_queries.items()
        },
        "per_query": [
            {
                "entropy": round(float(entropies[query]), DIGITS),
                "class_share": None if shares is None else round(float(shares[query]), DIGITS),
                "twin": int(numbers.twins[query]),
                "likeness": round(float(numbers.likeness[query]), DIGITS),
            }
            for query in range(trace.queries)
        ],
        "alts": [
            [
                cross_attention(trace, Focus(query=query, layer=layer)).describe()
                for query in range(trace.queries)
            ]
            for layer in trace.layers
        ],
    }


def _text_part(trace: Trace) -> dict[str, Any]:
    cosines = trace.cosines
    heard = from_words(trace)
    return {
        "cosines": None if cosines is None else _numbers(cosines.values),
        "winner": None
        if cosines is None
        else {
            "query": cosines.winner,
            "cosine": float(cosines.values[cosines.winner]),
            "runner_up": cosines.runner_up,
            "margin": cosines.margin,
        },
        "words": [{"text": word.text, "tokens": list(word.tokens)} for word in trace.words],
        "tokens": list(trace.tokens),
        "from_words": {"layers": _all_layers(trace)} | quantised(heard) if trace.words else None,
        "heard": _heard_part(trace),
    }


def _heard_part(trace: Trace) -> dict[str, Any] | None:
    if not trace.words or trace.together is None or trace.together.within_gradients is None:
        return None
    heard = [heard_by_then(trace, word)[-1] for word in range(len(trace.words))]
    return quantised(torch.stack(heard))


def _all_layers(trace: Trace) -> list[int]:
    return list(range(len(trace.shown.within)))


def _numbers(values: Tensor) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
