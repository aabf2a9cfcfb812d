"""Where the embedded models look on the sample images, whose stickers have known places.

The shares asked for lie well below what was measured (docs/explaining.md) and well above chance.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from blip2core.explain import METHODS, Focus, trace
from blip2core.explain.answers import trace_answer
from blip2core.explain.occlusion import hide_patches
from blip2core.images import open_image
from blip2core.models import Generator, ImageFeatures, Matcher, load_generator, load_matcher
from blip2core.stickers.captions import claim_of, noun_of
from blip2core.stickers.scene import SIDE, Box, Group

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text("utf-8").splitlines()
]
CHANCE = 0.11
"""Share of the patches inside the boxes of a group, on average."""


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return load_matcher("stickers-itm")


@pytest.fixture(scope="module")
def encoded(matcher: Matcher) -> ImageFeatures:
    return matcher.encode([open_image(SAMPLES / row["file"]) for row in ROWS])


def groups(row: dict[str, Any]) -> list[Group]:
    return [
        Group(**(group | {"boxes": tuple(Box(**box) for box in group["boxes"])}))
        for group in row["truth"]["groups"]
    ]


def points_at(group: Group, point: tuple[float, float]) -> bool:
    return any(box.contains(point[0] * SIDE, point[1] * SIDE) for box in group.boxes)


def test_words_point_at_their_stickers(matcher: Matcher, encoded: ImageFeatures) -> None:
    """Each noun of a caption of everything, by its place among the words."""
    hits = []
    for index, row in enumerate(ROWS):
        seen = trace(matcher, encoded[index], row["caption"], gradients=True)
        found = {group.noun: group for group in groups(row)}
        for place, word in enumerate(seen.words):
            group = found.get(noun_of(word.text) or "")
            if group is not None:
                found_map = METHODS["words"](seen, Focus(word=place))
                hits.append(points_at(group, found_map.peak_point))
    assert len(hits) >= 40
    assert sum(hits) / len(hits) > 3 * CHANCE


def test_the_winner_points_at_what_is_named(matcher: Matcher, encoded: ImageFeatures) -> None:
    hits = []
    for index, row in enumerate(ROWS):
        for group in groups(row):
            seen = trace(matcher, encoded[index], claim_of(group).phrase())
            hits.append(points_at(group, METHODS["winner"](seen, Focus()).peak_point))
    assert sum(hits) / len(hits) > 0.8


@pytest.mark.parametrize("name", ["stickers-opt", "stickers-t5"])
def test_written_nouns_point_at_their_stickers(name: str) -> None:
    generator = load_generator(name)
    hits = []
    encoded = generator.encode([open_image(SAMPLES / row["file"]) for row in ROWS])
    captions = generator.caption(encoded)
    for index, row in enumerate(ROWS):
        prompt, tokens = generator.spec.template.caption, captions[index][0].tokens
        seen = trace_answer(generator, encoded[index], prompt, tokens)
        found = {group.noun: group for group in groups(row)}
        for token, piece in enumerate(seen.pieces):
            group = found.get(noun_of(piece.strip()) or "") if piece.strip() else None
            if group is not None:
                hits.append(points_at(group, seen.token_map(token).peak_point))
    assert len(hits) >= 15
    assert sum(hits) / len(hits) > 0.7


def test_what_is_hidden_is_not_found_again(matcher: Matcher) -> None:
    """Hiding a sticker's patches costs the texts about it more than hiding as many others."""
    generator: Generator = load_generator("stickers-opt")
    row = next(row for row in ROWS if row["file"] == "beach-1.png")
    image = open_image(SAMPLES / row["file"])
    key = groups(row)[0]
    inside = {
        patch
        for patch in range(64)
        if points_at(key, ((patch % 8 + 0.5) / 8, (patch // 8 + 0.5) / 8))
    }
    elsewhere = set(range(64 - len(inside), 64))
    assert not inside & elsewhere
    features = matcher.encode([image])
    whole, hidden, other = (
        float(matcher.itm(seen, ["a pink key"]))
        for seen in (
            features,
            hide_patches(features, inside, (8, 8)),
            hide_patches(features, elsewhere, (8, 8)),
        )
    )
    assert hidden < other
    assert hidden < whole / 2
    written = generator.encode([image])
    captions = [
        generator.caption(seen)[0][0].text
        for seen in (written, hide_patches(written, inside, (8, 8)))
    ]
    assert "key" in captions[0]
    assert captions[0] != captions[1]
