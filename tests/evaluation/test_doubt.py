"""The figures of doubt: areas with intervals, and the threshold that they are measured with."""

import random

import numpy
import pytest
from PIL import Image

from blip2core.doubt import own_fits, write
from blip2core.evaluation.doubt import (
    SIGNS,
    area_with_interval,
    calibrate,
    itc_of,
    measure_doubt,
    signs_of,
)
from blip2core.evaluation.matching import area_under_roc
from blip2core.models import Generator, Matcher
from tests.capfilt.conftest import tiny_pair


@pytest.fixture(scope="module")
def pair() -> tuple[Generator, Matcher]:
    return tiny_pair()


def pictures(count: int, seed: int) -> list[Image.Image]:
    pixels = numpy.random.default_rng(seed).integers(0, 256, (count, 28, 28, 3), dtype=numpy.uint8)
    return [Image.fromarray(one) for one in pixels]


def test_the_area_lies_in_its_interval_which_narrows_with_more_images() -> None:
    draws = random.Random(0)
    known = [draws.gauss(1, 1) for _ in range(400)]
    strangers = [draws.gauss(0, 1) for _ in range(300)]
    few, many = area_with_interval(known[:40], strangers[:30]), area_with_interval(known, strangers)
    assert many.value == area_under_roc(known, strangers)
    assert 0 <= many.low < many.value < many.high <= 1
    assert many.high - many.low < few.high - few.low


def test_the_interval_covers_the_true_area() -> None:
    true, covered, draws = 0.7602, 0, random.Random(1)  # Phi(1 / sqrt(2)) of two normals
    for _ in range(100):
        known = [draws.gauss(1, 1) for _ in range(60)]
        strangers = [draws.gauss(0, 1) for _ in range(60)]
        area = area_with_interval(known, strangers)
        covered += area.low <= true <= area.high
    assert 88 <= covered <= 100


def test_ties_count_as_half_in_area_and_interval() -> None:
    area = area_with_interval([0.5] * 20, [0.5] * 20)
    assert (area.value, area.low, area.high) == (0.5, 0.5, 0.5)


def test_images_that_are_told_apart_wholly_have_an_area_of_one() -> None:
    area = area_with_interval([2.0, 3.0, 4.0], [0.0, 1.0])
    assert (area.value, area.low, area.high) == (1.0, 1.0, 1.0)


def test_every_sign_has_a_value_for_each_image_and_itc_is_the_one_that_is_used(
    pair: tuple[Generator, Matcher],
) -> None:
    captioner, matcher = pair
    images = pictures(5, 0)
    signs = signs_of(captioner, matcher, images)
    features = captioner.encode(images)
    assert tuple(signs) == SIGNS
    assert {len(values) for values in signs.values()} == {5}
    assert signs["itc"] == pytest.approx(own_fits(matcher, features, write(captioner, features)))
    assert itc_of(captioner, matcher, iter(images)) == pytest.approx(signs["itc"])
    assert all(value <= 0 for value in signs["logprob"])


def test_the_threshold_comes_from_one_half_of_the_known_and_is_tried_on_the_other(
    pair: tuple[Generator, Matcher],
) -> None:
    captioner, matcher = pair
    known, strangers = pictures(40, 1), pictures(10, 2)
    fits = itc_of(captioner, matcher, known)
    found = calibrate(captioner, matcher, known, {"noise": strangers}, 0.2)
    assert found.threshold == pytest.approx(float(numpy.quantile(fits[::2], 0.2)))
    assert found.doubted == numpy.mean([fit < found.threshold for fit in fits[1::2]])
    assert (found.known, found.captioner_revision) == (40, captioner.revision)
    (noise,) = found.strangers
    others = itc_of(captioner, matcher, strangers)
    assert (noise.name, noise.images) == ("noise", 10)
    assert noise.area == area_under_roc(fits[1::2], others)
    assert noise.doubted == numpy.mean([fit < found.threshold for fit in others])


def test_the_task_tells_each_sign_with_its_interval(pair: tuple[Generator, Matcher]) -> None:
    captioner, matcher = pair
    figures = measure_doubt(captioner, matcher, pictures(6, 3), {"noise": pictures(4, 4)}, 2.0)
    assert figures["known"] == {"images": 6, "doubted": 1.0}
    noise = figures["strangers"]["noise"]
    assert noise["images"] == 4
    assert all(noise[sign]["low"] <= noise[sign]["area"] <= noise[sign]["high"] for sign in SIGNS)
    without = measure_doubt(captioner, matcher, pictures(6, 3), {"noise": pictures(4, 4)})
    assert without["known"] == {"images": 6}
    assert "doubted" not in without["strangers"]["noise"]
