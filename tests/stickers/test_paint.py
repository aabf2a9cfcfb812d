"""Images show what the scene says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from blip2core.bundled import SAMPLES
from blip2core.errors import FontError
from blip2core.stickers import paint as painter
from blip2core.stickers.paint import find_font, paint
from blip2core.stickers.scene import SIDE, Box, Group, Scene, draw_scene
from blip2core.stickers.words import COLOURS, NOUNS, PLACES
from tests.fonts import needs_font

SAMPLE_ROWS = [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text().splitlines()]


def alone(noun: str, colour: str | None = None, place: str = "snow") -> Scene:
    """One big sticker in the middle."""
    group = Group(noun=noun, colour=colour, size="big", boxes=(Box(56, 56, 42),))
    return Scene(seed=7, place=place, groups=(group,))


def middle(scene: Scene) -> np.ndarray:
    """The pixels under that sticker, HSV in [0, 255]."""
    return np.asarray(paint(scene).crop((36, 36, 76, 76)).convert("HSV")).reshape(-1, 3)


def evenly_lit(scene: Scene) -> np.ndarray:
    """The image, as bright as any other whose upper rows show the same sky."""
    pixels = np.asarray(paint(scene), float)
    return pixels / pixels[:30].mean()


@needs_font
@pytest.mark.parametrize("row", SAMPLE_ROWS, ids=lambda row: row["file"])
def test_samples_are_painted_again_as_they_are(row: dict[str, Any]) -> None:
    """Pixel for pixel, but for the stickers themselves, which other versions of the font draw."""
    painted = np.asarray(paint(draw_scene(row["seed"])), int)
    with Image.open(SAMPLES / row["file"]) as image:
        different = np.abs(painted - np.asarray(image, int)).max(axis=2) > 0
    for group in row["truth"]["groups"]:
        for box in group["boxes"]:
            reach = box["side"] // 2 + 3
            top, left = max(0, box["y"] - reach), max(0, box["x"] - reach)
            different[top : box["y"] + reach, left : box["x"] + reach] = False
    assert not different.any()


@needs_font
def test_same_scene_same_pixels() -> None:
    for seed in (0, 1):
        first, second = paint(draw_scene(seed)), paint(draw_scene(seed))
        assert (first.mode, first.size) == ("RGB", (SIDE, SIDE))
        assert first.tobytes() == second.tobytes()


@needs_font
def test_background_and_noise_come_from_the_seed() -> None:
    first, second = (Scene(seed=seed, place="city", groups=()) for seed in (1, 2))
    assert paint(first).tobytes() != paint(second).tobytes()


@needs_font
@pytest.mark.parametrize("place", PLACES)
def test_places_look_different(place: str) -> None:
    others = [np.asarray(paint(Scene(seed=3, place=other, groups=())), float) for other in PLACES]
    own = np.asarray(paint(Scene(seed=3, place=place, groups=())), float)
    near = [other for other in others if np.abs(other - own).mean() < 12]
    assert len(near) == 1


@needs_font
def test_a_glyph_has_its_size_and_looks_the_way_it_is_told() -> None:
    glyph, mirrored = (painter._glyph("dog", None, 30, flipped) for flipped in (False, True))
    drawn = painter._tinted("dog", None).copy()
    drawn.thumbnail((30, 30), Image.Resampling.LANCZOS)
    assert glyph.tobytes() == drawn.tobytes()
    assert max(glyph.size) == max(mirrored.size) == 30
    assert ImageOps.mirror(glyph).tobytes() == mirrored.tobytes() != glyph.tobytes()


@needs_font
def test_every_noun_is_visible() -> None:
    empty = evenly_lit(Scene(seed=7, place="snow", groups=()))
    for noun, entry in NOUNS.items():
        change = np.abs(evenly_lit(alone(noun, "red" if entry.coloured else None)) - empty)
        assert change[36:76, 36:76].mean() > 3 * change[:30].mean(), noun


@needs_font
@pytest.mark.parametrize("colour", COLOURS)
def test_tint_has_the_hue(colour: str) -> None:
    for noun in (noun for noun, entry in NOUNS.items() if entry.coloured):
        hue, saturation, _ = middle(alone(noun, colour)).T
        lively = hue[saturation > 130] * (360 / 255)
        assert len(lively) > 40, noun
        away = np.abs((lively - COLOURS[colour] + 180) % 360 - 180)
        assert np.median(away) < 8, noun


def test_missing_font_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(painter, "_FONT_FOLDERS", (str(tmp_path),))
    painter._glyph.cache_clear()
    painter._tinted.cache_clear()
    with pytest.raises(FontError, match="fonts-noto-color-emoji"):
        paint(alone("dog"))


def test_pillow_without_freetype_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painter.features, "check", lambda name: False)
    painter._glyph.cache_clear()
    painter._tinted.cache_clear()
    with pytest.raises(FontError, match="FreeType"):
        paint(alone("dog"))


def test_font_in_a_home_folder_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(painter, "_FONT_FOLDERS", ("~/.fonts",))
    font = tmp_path / ".fonts" / "NotoColorEmoji.ttf"
    font.parent.mkdir()
    font.touch()
    assert find_font() == font
