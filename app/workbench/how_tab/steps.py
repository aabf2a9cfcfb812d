"""The steps from an image to an answer, as HTML, with the figures of one answer."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image, ImageDraw

from app.inference.answer_steps import AnswerSteps, QueryMap
from blip2core.texts import count_of

SHOWN_SIDE = 224
"""Pixels along each side of the image with its patches."""
MAP_SIDE = 112
"""Longer edge of a query's map, in pixels."""
LINKED = ("chat", "match", "inside")
"""Tabs that steps lead to."""
Figures = Sequence[tuple[str, str]]
"""What is counted, and the number with its unit."""


def steps_html(steps: AnswerSteps, image: Image.Image) -> str:
    """Return all steps of an answer about an image."""
    sections = [
        _image_step(steps, image),
        _encoder_step(steps),
        _query_step(steps),
        _looking_step(steps, image),
        _projection_step(steps),
        _word_step(steps),
        _match_step(steps),
    ]
    asked = steps.explained.question
    told = f"the question “{escape(asked)}”" if asked else "the caption"
    head = (
        f"<p>Followed: {told}, to which <b>{escape(steps.model)}</b> wrote "
        f"“{escape(steps.explained.answer)}”.</p>"
    )
    return f'{head}<ol class="how">{"".join(sections)}</ol>'


def _image_step(steps: AnswerSteps, image: Image.Image) -> str:
    sizes, (width, height), (rows, columns) = steps.sizes, steps.image_size, steps.grid
    source = _address(_with_patches(image, steps.grid))
    shown = f'<img class="patches" src="{source}" alt="The image as {rows} × {columns} patches">'
    return _step(
        "The image becomes patches",
        "The image is made a square, whatever its shape, and cut into patches. The model knows "
        "nothing smaller than a patch, so no map can be finer.",
        [
            ("your image", f"{width} × {height} pixels"),
            ("as the model reads it", f"{sizes.side} × {sizes.side} pixels"),
            ("patches", f"{rows} × {columns} = {rows * columns} of {sizes.patch} pixels"),
        ],
        extra=shown,
        link=("inside", "Hide patches in Look inside"),
    )


def _encoder_step(steps: AnswerSteps) -> str:
    sizes, patches = steps.sizes, steps.grid[0] * steps.grid[1]
    return _step(
        "The image encoder describes each patch",
        "A vision transformer, trained beforehand and frozen since, turns each patch into a row of "
        "numbers. Its patches see each other, so a row tells of what is around as well.",
        [
            ("weights", _millions(sizes.encoder_weights)),
            ("layers", str(sizes.encoder_layers)),
            ("what comes out", f"{patches} patches × {sizes.encoder_width} numbers"),
        ],
        link=("inside", "Ask without some patches in Look inside"),
    )


def _query_step(steps: AnswerSteps) -> str:
    sizes = steps.sizes
    return _step(
        "The Q-Former begins with its query tokens",
        "The Q-Former is the small transformer between the two large models, and what BLIP-2 "
        "trains. It begins with query tokens: rows of numbers that it has learned, the same for "
        "every image. By self-attention they see each other, so that they share the work.",
        [
            ("query tokens", f"{sizes.queries} × {sizes.qformer_width} numbers"),
            ("layers", str(sizes.qformer_layers)),
            ("weights", _millions(sizes.qformer_weights)),
        ],
        link=("inside", "Which queries see which, in Look inside"),
    )


def _looking_step(steps: AnswerSteps, image: Image.Image) -> str:
    maps = "".join(_map_html(one, image) for one in steps.maps)
    return _step(
        "By cross-attention the queries look at the image",
        "Each query gives every patch a share of its attention and takes that much from it. The "
        "attention maps below are of this image: bright is where a query looked. They are of the "
        "queries that the answer drew most from.",
        [
            ("layers that look", f"{steps.sizes.cross_layers} of {steps.sizes.qformer_layers}"),
            (
                "numbers about the image",
                f"{steps.grid[0] * steps.grid[1] * steps.sizes.encoder_width:,} become "
                f"{steps.sizes.queries * steps.sizes.qformer_width:,}",
            ),
        ],
        extra=f'<ul class="maps">{maps}</ul>',
        link=("inside", "See every query and layer in Look inside"),
    )


def _projection_step(steps: AnswerSteps) -> str:
    sizes = steps.sizes
    return _step(
        "A projection makes them words of the language model",
        "One matrix turns what each query has found into as many numbers as the language model "
        "reads for a word. It reads them as words in front of the prompt that no dictionary has: a "
        "soft prompt.",
        [
            ("matrix", f"{sizes.qformer_width} × {sizes.word_width}"),
            ("soft words of the image", str(sizes.queries)),
            ("tokens of the prompt", str(steps.prompt_tokens)),
        ],
        extra=_prompt_html(steps),
        link=("chat", "See what the model reads in Chat"),
    )


def _prompt_html(steps: AnswerSteps) -> str:
    image = f"[{count_of(steps.sizes.queries, 'soft word')}]"
    return f'<p class="prompt"><code>{image} {escape(steps.explained.prompt)}</code></p>'


def _word_step(steps: AnswerSteps) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_piece(word.written.piece)}</th>'
        f"<td>{_chance(word.written.probability)}</td><td>"
        + ", ".join(
            f"{_piece(other.piece)} {_chance(other.probability)}" for other in word.likeliest
        )
        + "</td></tr>"
        for word in steps.words
    )
    table = (
        f"<table><caption>The first {_places(len(steps.words))}</caption><thead><tr>"
        '<th scope="col">Written</th><th scope="col">Probability</th>'
        f'<th scope="col">Likeliest there</th></tr></thead><tbody>{rows}</tbody></table>'
    )
    return _step(
        "The language model writes, token by token",
        "At each place it gives every token that it knows a probability. Greedy decoding takes the "
        "likeliest, sampling draws one. What was written is read again for the next.",
        [
            ("weights", _millions(steps.sizes.language_weights)),
            ("attention on the image", f"{steps.image_share:.0%}, the rest on words"),
        ],
        extra=table,
        link=("chat", "Choose how tokens are drawn in the settings of Chat"),
    )


def _match_step(steps: AnswerSteps) -> str:
    match = steps.match
    return _step(
        "Another Q-Former scores texts",
        f"Writing and scoring are trained apart. {escape(steps.matcher)} reads the caption “"
        f"{escape(match.text)}” and says how well it fits: ITC compares image and text from afar, "
        "ITM reads both together. A low ITM says not to trust a caption; an answer of a word or two"
        " is none, and is not scored here.",
        [
            ("ITM", f"{match.itm:.3f} of 1"),
            ("ITC", f"{match.itc:.3f}, query {match.query}"),
        ],
        link=("match", "Score texts of your own in Match"),
    )


def _step(
    title: str, words: str, figures: Figures, *, link: tuple[str, str], extra: str = ""
) -> str:
    """Return one step; `words` and `extra` are HTML, the rest is plain text."""
    numbers = "".join(
        f"<div><dt>{escape(what)}</dt><dd>{escape(number)}</dd></div>" for what, number in figures
    )
    tab, label = link
    button = f'<button type="button" data-tab="{tab}">{escape(label)}</button>'
    head = f"<h3>{escape(title)}</h3><p>{words}</p><dl>{numbers}</dl>"
    return f"<li>{head}{extra}<div>{button}</div></li>"


def _map_html(one: QueryMap, image: Image.Image) -> str:
    from blip2core.explain.render import overlay

    drawn = overlay(_small(image, MAP_SIDE), one.found)
    return (
        f'<li><img src="{_address(_small(drawn, MAP_SIDE))}" alt="{escape(one.found.describe())}">'
        f"<span>query {one.query}, {one.share:.0%}</span></li>"
    )


def _with_patches(image: Image.Image, grid: tuple[int, int]) -> Image.Image:
    """Return the square that the model reads, with lines between its patches."""
    drawn = image.convert("RGB").resize((SHOWN_SIDE, SHOWN_SIDE))
    lines = ImageDraw.Draw(drawn)
    rows, columns = grid
    for row in range(1, rows):
        at = row * SHOWN_SIDE // rows
        lines.line((0, at, SHOWN_SIDE, at), fill="white")
    for column in range(1, columns):
        at = column * SHOWN_SIDE // columns
        lines.line((at, 0, at, SHOWN_SIDE), fill="white")
    return drawn


def _small(image: Image.Image, side: int) -> Image.Image:
    small = image.convert("RGB")
    small.thumbnail((side, side))
    return small


def _address(image: Image.Image) -> str:
    """Return an image as a data address, so that no file of a visitor is kept."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _piece(piece: str) -> str:
    """Return HTML of what a token adds; the one that ends a text adds nothing."""
    words = piece.strip()
    return f"<code>{escape(words)}</code>" if words else "<i>end</i>"


def _places(count: int) -> str:
    return "token" if count == 1 else f"{count} tokens"


def _chance(probability: float) -> str:
    """Return a probability in per cent, never 100 or 0 where it only comes near."""
    if 0.995 <= probability < 1:
        return "over 99 %"
    if 0 < probability < 0.005:
        return "under 1 %"
    return f"{probability * 100:.0f} %"


def _millions(weights: int) -> str:
    return f"{weights / 1e6:,.1f} million" if weights >= 50_000 else f"{weights:,}"
