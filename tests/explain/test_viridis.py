"""The colours grow brighter without a step back, so that more is always seen as more."""

import numpy

from blip2core.explain.viridis import viridis


def test_brightness_grows() -> None:
    colours = viridis().astype(float) / 255
    linear = numpy.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    light = linear @ (0.2126, 0.7152, 0.0722)
    assert (numpy.diff(light[::4]) > 0).all()  # single levels are rounded to whole numbers


def test_ends_are_those_of_viridis() -> None:
    assert viridis().shape == (256, 3)
    assert viridis()[[0, 255]].tolist() == [[68, 1, 84], [253, 231, 37]]
