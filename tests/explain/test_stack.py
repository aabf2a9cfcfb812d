"""The payload is what its description says, to the byte."""

import base64
import io
import json
import re
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from blip2core.explain import Focus, Trace, stack, trace
from blip2core.explain.answers import trace_answer
from blip2core.explain.cross_attention import cross_attention
from blip2core.explain.stack import explorer_stack
from blip2core.explain.viridis import viridis
from blip2core.explain.word_maps import word_map
from blip2core.models import Generator, ImageFeatures, Matcher

IMAGE = Image.new("RGB", (3000, 1000), "red")


def levels(part: dict[str, Any]) -> numpy.ndarray:
    return numpy.frombuffer(base64.b64decode(part["values"]), dtype=numpy.uint8)


@pytest.fixture
def payload(traced: Trace) -> dict[str, Any]:
    return explorer_stack(traced, IMAGE)


def test_keys_are_those_described(payload: dict[str, Any]) -> None:
    described = re.findall(r"^    (\w[\w, ]*?)  +\S", stack.__doc__, re.MULTILINE)
    assert {name for line in described for name in line.split(", ")} == set(payload)


def test_it_is_json_without_nan(payload: dict[str, Any]) -> None:
    json.dumps(payload, allow_nan=False)


def test_values_are_the_attention(payload: dict[str, Any], traced: Trace) -> None:
    shape = [len(payload["layers"]), payload["heads"], payload["queries"]]
    read = levels(payload).reshape(*shape, payload["rows"] * payload["cols"])
    patches = traced.together.cross[..., 1:].numpy()
    assert payload["scale"] == pytest.approx(patches.max())
    numpy.testing.assert_allclose(
        read / 255 * payload["scale"], patches, atol=payload["scale"] / 500
    )
    numpy.testing.assert_allclose(
        numpy.reshape(payload["class_share"], shape), traced.together.cross[..., 0], atol=1e-4
    )
    assert numpy.shape(payload["entropy"]) == (numpy.prod(shape),)
    assert numpy.shape(payload["matrix"]["class_share"]) == (1, 2)


def test_maps_are_those_of_the_methods(payload: dict[str, Any], traced: Trace) -> None:
    kinds = [one["kind"] for one in payload["maps"]]
    assert kinds == ["rollout"] * 5 + ["winner", "gradcam", "relevance", "text"] + ["word"] * 6
    assert payload["maps"][payload["default_map"]]["kind"] == "winner"
    word = payload["maps"][-1]
    expected = word_map(traced, Focus(word=5))
    assert (word["word"], word["label"], word["alt"]) == (5, 'word "car"', expected.describe())
    read = levels(word) / 255 * word["scale"]
    numpy.testing.assert_allclose(read, expected.values.flatten(), atol=word["scale"] / 500)


def test_several_layers_are_told_apart(deep_traced: Trace) -> None:
    payload = explorer_stack(deep_traced, IMAGE)
    assert payload["layers"] == [0, 2, 4]
    shown = payload["maps"][payload["default_map"]]
    assert shown["kind"] == "winner" and shown["label"].endswith("layer 4")
    best = deep_traced.cosines.winner
    last = deep_traced.alone.cross[2, :, best, 1:].mean(dim=0)
    assert shown["scale"] == pytest.approx(float(last.max()))
    numpy.testing.assert_allclose(levels(shown) / 255 * shown["scale"], last, atol=2e-3)
    for row, layer in enumerate((0, 2, 4)):
        described = cross_attention(deep_traced, Focus(query=1, layer=layer)).describe()
        assert payload["alts"][row][1] == described
    assert len({texts[1] for texts in payload["alts"]}) == 3
    # A query had heard of a word all that came before it looked for the last time, in layer 4.
    slopes = deep_traced.together.within * deep_traced.together.within_gradients
    heard = slopes.clamp(min=0).mean(dim=1)[:5].sum(dim=0)[:4]  # (Q, N)
    words = torch.stack([heard[:, [4 + t for t in w.tokens]].sum(1) for w in deep_traced.words])
    part = payload["heard"]
    numpy.testing.assert_allclose(
        levels(part).reshape(6, 4) / 255 * part["scale"], words, atol=part["scale"] / 255
    )


def test_texts_and_numbers(payload: dict[str, Any], traced: Trace) -> None:
    focus = Focus(query=3, layer=0)
    assert payload["alts"][0][3] == cross_attention(traced, focus).describe()
    assert payload["words"][4] == {"text": "red", "tokens": [7, 8, 9]}
    assert payload["winner"]["query"] == traced.cosines.winner
    assert len(payload["cosines"]) == payload["queries"] == len(payload["per_query"])
    assert len(levels(payload["between"])) == 2 * 4 * 4
    assert len(levels(payload["from_words"])) == 2 * 6 * 4
    assert len(levels(payload["heard"])) == 6 * 4
    assert base64.b64decode(payload["palette"]) == viridis().tobytes()


def test_the_image_travels_small_and_in_shape(payload: dict[str, Any]) -> None:
    part = payload["image"]
    assert (part["width"], part["height"]) == (3000, 1000)
    sent = Image.open(io.BytesIO(base64.b64decode(part["src"].partition(",")[2])))
    assert (sent.format, sent.size) == ("JPEG", (1024, 341))
    assert IMAGE.size == (3000, 1000)  # it was not shrunk itself


def test_an_image_alone(tiny_matcher: Matcher, features: ImageFeatures) -> None:
    payload = explorer_stack(trace(tiny_matcher, features), IMAGE)
    nothing = (
        "text",
        "itm",
        "fits",
        "fit",
        "cosines",
        "winner",
        "from_words",
        "heard",
        "default_map",
        "answer",
    )
    assert [payload[name] for name in nothing] == [None] * len(nothing)
    assert {one["kind"] for one in payload["maps"]} == {"rollout"}


def test_an_answer_joins(
    tiny_generator: Generator, traced: Trace, images: list[Image.Image]
) -> None:
    seen = trace_answer(tiny_generator, tiny_generator.encode(images[:1]), "Who?", [20, 30])
    part = explorer_stack(traced, IMAGE, answer=seen)["answer"]
    assert [token["token"] for token in part["tokens"]] == [20, 30]
    assert len(levels(part)) == 2 * part["slots"]
    assert [one["kind"] for one in part["maps"]] == ["answer", "answer"]
    json.dumps(part, allow_nan=False)
