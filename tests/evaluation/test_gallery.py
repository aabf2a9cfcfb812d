"""Evaluation scenes are fresh, and prompts go through a model in batches with their images."""

import pytest
from PIL import Image

from blip2core.errors import ConfigError
from blip2core.evaluation import gallery as module
from blip2core.evaluation.gallery import BATCH, Gallery, build_gallery, draw_scenes, generate_texts
from blip2core.stickers.scene import SPLITS, has_held_out_pair
from tests.evaluation.oracle import Writer


def test_scenes_come_from_the_test_split_and_seeds_share_none() -> None:
    first, second = draw_scenes(0, 3), draw_scenes(1, 3)
    assert [scene.seed for scene in first] == [20_000_000, 20_000_001, 20_000_002]
    assert [scene.seed for scene in second] == [20_010_000, 20_010_001, 20_010_002]
    assert draw_scenes(999, 2)[0].seed in SPLITS["test"]
    assert not any(map(has_held_out_pair, first))
    assert all(map(has_held_out_pair, draw_scenes(0, 3, held_out=True)))


@pytest.mark.parametrize(
    ("seed", "count", "setting"), [(-1, 10, "seed"), (1000, 10, "seed"), (0, 1, "scenes")]
)
def test_settings_out_of_range_are_named(seed: int, count: int, setting: str) -> None:
    with pytest.raises(ConfigError, match=setting):
        draw_scenes(seed, count)
    with pytest.raises(ConfigError, match="scenes"):
        draw_scenes(0, 10_001)


def test_images_are_painted_and_encoded_once(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "paint", lambda scene: Image.new("RGB", (4, 4)))
    writer = Writer(scenes=gallery.scenes)
    built = build_gallery(writer, gallery.scenes)
    assert writer.encoded == len(built.features) == len(built.scenes) == len(gallery.scenes)


def test_each_prompt_meets_its_image_in_any_batch(gallery: Gallery) -> None:
    images = [5, 3, *range(BATCH), 5]
    writer = Writer(scenes=gallery.scenes)
    texts = generate_texts(writer, gallery.features, images, [""] * len(images))
    assert texts[0] == texts[-1] != texts[1]
    assert texts[2:-1] == generate_texts(writer, gallery.features, range(BATCH), [""] * BATCH)
