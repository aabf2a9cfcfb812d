"""Maps as images: in the right place whatever the shape, in the right colours."""

import io
from collections.abc import Callable

import numpy
import pytest
from PIL import Image, ImageDraw, ImageFont

from blip2core.errors import ConfigError
from blip2core.explain import Heatmap
from blip2core.explain.render import Look, overlay, render, render_png, stretched
from blip2core.explain.viridis import viridis

Build = Callable[..., Heatmap]


def spot(row: int, column: int, side: int = 4) -> list[list[float]]:
    return [[float((r, c) == (row, column)) for c in range(side)] for r in range(side)]


@pytest.mark.parametrize("size", [(900, 300), (300, 900), (640, 640)])
@pytest.mark.parametrize("smooth", [True, False])
def test_the_peak_lands_where_it_is(map_of: Build, size: tuple[int, int], smooth: bool) -> None:
    seen = overlay(
        Image.new("RGB", size, "grey"), map_of(spot(1, 2)), Look(opacity=1, smooth=smooth)
    )
    assert seen.size == size
    yellow = numpy.asarray(seen).astype(int) @ (1, 1, -2)
    rows, columns = numpy.where(yellow > 0.98 * yellow.max())
    assert columns.mean() / size[0] == pytest.approx(0.625, abs=0.03)
    assert rows.mean() / size[1] == pytest.approx(0.375, abs=0.03)


def test_patches_are_shown_as_they_are(map_of: Build) -> None:
    found = map_of([[0.0, 1.0], [0.5, 0.25]])
    pixels = stretched(found, (6, 4), smooth=False)
    assert pixels.tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[0.5] * 3 + [0.25] * 3] * 2


def test_smoothing_never_goes_below_zero(map_of: Build) -> None:
    pixels = stretched(map_of(spot(1, 1)), (80, 80), smooth=True)
    assert pixels.min() == 0  # bicubic would swing below beside the peak
    assert pixels.max() > 0.9


def test_opacity_mixes_with_the_grey_image(map_of: Build) -> None:
    image, found = Image.new("RGB", (500, 500), (200, 0, 0)), map_of(spot(0, 0))
    for opacity in (0.0, 0.5, 1.0):
        corner = overlay(image, found, Look(opacity=opacity, smooth=False)).getpixel((499, 499))
        grey, dark = numpy.array([60] * 3), viridis()[0].astype(int)
        expected = grey * (1 - opacity) + dark * opacity
        assert numpy.abs(numpy.array(corner) - expected).max() <= 1


def test_a_shared_scale_keeps_weak_maps_dark(map_of: Build) -> None:
    image, found = Image.new("RGB", (500, 500)), map_of([[0.0, 0.1]])
    own, shared = (
        overlay(image, found, Look(opacity=1, smooth=False, scale=scale)).getpixel((499, 0))
        for scale in (None, 1.0)
    )
    assert own == tuple(viridis()[255])
    assert shared == tuple(viridis()[26])


def test_a_flat_map_leaves_the_image_grey(map_of: Build) -> None:
    image = Image.effect_noise((460, 500), 50).convert("RGB")
    seen = overlay(image, map_of([[0.3, 0.3]]), Look(opacity=1))
    assert numpy.array_equal(numpy.asarray(seen), numpy.asarray(image))


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((40, 20), (448, 224)), ((1000, 10), (1000, 10)), ((4000, 2000), (1600, 800))],
)
def test_images_keep_their_shape(
    map_of: Build, size: tuple[int, int], drawn: tuple[int, int]
) -> None:
    assert overlay(Image.new("RGB", size), map_of(spot(0, 0))).size == drawn


def test_bar_and_words_stand_beside_the_image(map_of: Build) -> None:
    image = Image.new("RGB", (500, 300))
    page = render(image, map_of(spot(0, 0)))
    assert page.width > 500 and page.height > 300
    assert page.getpixel((511, 0)) == tuple(viridis()[255])
    assert page.getpixel((511, 299)) == tuple(viridis()[0])
    assert render(image, map_of(spot(0, 0)), Look(words=False)).height == 300


def test_words_have_only_glyphs_of_the_font(map_of: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda _, at, text, **rest: drawn.append(text))
    render(Image.new("RGB", (200, 200)), map_of(spot(1, 2)))
    font = ImageFont.load_default(13)
    unknown = bytes(font.getmask("\N{NO-BREAK SPACE}"))
    assert any(" %" in line for line in drawn)
    assert all(bytes(font.getmask(one)) != unknown for line in drawn for one in line)


def test_png_is_one(map_of: Build) -> None:
    data = render_png(Image.new("RGB", (500, 300)), map_of(spot(0, 0)))
    assert Image.open(io.BytesIO(data)).format == "PNG"


def test_wrong_settings_are_told() -> None:
    with pytest.raises(ConfigError, match="opacity"):
        Look(opacity=1.5)
    with pytest.raises(ConfigError, match="scale"):
        Look(scale=0)
