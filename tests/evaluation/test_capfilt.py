"""What the filter keeps and the captioner writes, on scores whose figures are known."""

import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from blip2core.errors import ModelError
from blip2core.evaluation import capfilt, suite, web_gallery
from blip2core.evaluation.capfilt import (
    measure_datasets,
    measure_synthetic_texts,
    measure_web_texts,
)
from blip2core.evaluation.gallery import Gallery
from blip2core.evaluation.web_gallery import WebGallery, build_web_gallery, draw_web_scenes
from blip2core.models import ImageFeatures
from blip2core.records import Candidate, CaptionSource, Scored
from blip2core.stickers.captions import full_caption
from blip2core.stickers.language import WEB_KINDS, WebText, web_text
from blip2core.stickers.scene import SPLITS
from tests.capfilt.conftest import tiny_pair
from tests.evaluation.oracle import gallery_of

SCENES = draw_web_scenes(3, 60)


def scored(text: str, itm: float, source: CaptionSource = "web") -> Scored:
    candidate = Candidate(text=text, source=source)
    return Scored(candidate=candidate, itm=itm, itc=itm, tokens=5, truncated=False)


def web_of(kinds: list[str]) -> WebGallery:
    scenes = SCENES[: len(kinds)]
    texts = [
        web_text(scene, random.Random(scene.seed), kind)
        for scene, kind in zip(scenes, kinds, strict=True)
    ]
    return WebGallery(gallery=gallery_of(scenes), texts=tuple(texts))


def beside(web: WebGallery, scores: list[float]) -> list[list[Scored]]:
    return [
        [scored(text.text, itm)] if text.text.strip() else []
        for text, itm in zip(web.texts, scores, strict=True)
    ]


def test_the_web_filter_by_kind() -> None:
    kinds = ["right", "right", "wordy", "wrong object", "wrong object", "unrelated", "empty"]
    web = web_of(kinds)
    figures = measure_web_texts(web, beside(web, [0.9, 0.4, 0.6, 0.7, 0.1, 0.2, 0.99]))
    assert figures["texts"] == {"right": 2, "unrelated": 1, "wordy": 1, "wrong object": 2}
    assert figures["kept"] == {"right": 0.5, "unrelated": 0, "wordy": 1, "wrong object": 0.5}
    assert figures["precision"] == figures["precision_by_kind"]["wrong object"] == 2 / 3
    assert figures["precision_by_kind"]["unrelated"] == 1
    assert figures["recall"] == 2 / 3
    assert figures["auc"] == pytest.approx((3 + 2 + 2) / 9)
    assert figures["auc_one_word"] == pytest.approx((2 + 1 + 1) / 6)
    assert figures["auc_by_kind"]["unrelated"] == 1
    assert figures["without_junk"]["auc_by_kind"]["wrong object"] == 3 / 4
    assert figures["without_junk"]["auc"] == pytest.approx(5 / 6)
    assert figures["without_junk"]["recall"] == 0.5


def test_kinds_that_do_not_occur_are_chance() -> None:
    web = web_of(["right", "empty"])
    figures = measure_web_texts(web, beside(web, [0.9, 0.9]))
    assert figures["auc"] == figures["auc_one_word"] == 0.5 and figures["precision"] == 1


def test_written_texts_before_and_after_the_filter() -> None:
    truths = [full_caption(scene, random.Random(0)).text for scene in SCENES[:4]]
    wrong = "a nothing"  # claims nothing, so it is no right caption
    listed = [
        [scored(truths[0], 0.9)],
        [scored(truths[1], 0.2)],
        [scored(wrong, 0.8)],
        [scored(wrong, 0.1)],
    ]
    figures = measure_synthetic_texts(SCENES[:4], listed)
    assert figures["right_before"] == figures["exact_before"] == 0.5
    assert figures["right_after"] == figures["exact_after"] == 0.5
    assert figures["rejected"] == figures["wrong_kept"] == figures["right_dropped"] == 0.5
    assert figures["auc"] == 0.75 and figures["texts"] == 4
    assert figures["facts"] == sum(len(scene.groups) for scene in SCENES[:2]) / 4


def test_a_filter_that_drops_all_gives_zeros() -> None:
    figures = measure_synthetic_texts(SCENES[:1], [[scored("a thing", 0.1)]])
    assert (figures["right_after"], figures["rejected"], figures["facts"]) == (0.0, 1.0, 0.0)


def test_sets_count_texts_that_are_kept() -> None:
    web = web_of(["right", "wrong object"])
    truths = [full_caption(scene, random.Random(0)).text for scene in SCENES[:2]]
    written = [[scored(text, 0.9, "synthetic")] for text in truths]
    texts = beside(web, [0.4, 0.8])
    figures = measure_datasets(web, texts, {"nucleus": written, "beam": written}, written)
    assert figures["web"] == {"texts": 2, "right": 0.5, "pictures": 2}
    assert figures["web, filtered"] == {"texts": 1, "right": 0, "pictures": 1}
    assert figures["web and nucleus, filtered"] == {"texts": 3, "right": 2 / 3, "pictures": 2}
    assert figures["BLIP-2: best two of six by ITC"]["texts"] == 4


def test_scenes_of_a_seed_are_of_the_web_split() -> None:
    first, second = (draw_web_scenes(seed, 20) for seed in (0, 1))
    assert first[0].seed == SPLITS["web"].start
    assert not {scene.seed for scene in first} & {scene.seed for scene in second}
    assert all(scene.seed in SPLITS["web"] for scene in (*first, *second))


def test_images_are_packed_and_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_gallery, "paint", lambda _: Image.new("RGB", (112, 112), "red"))
    seen: list[int] = []

    class Encoder:
        def encode(self, images: list[Image.Image]) -> ImageFeatures:
            seen.append(len(images))
            assert all(image.getpixel((50, 50)) != (255, 0, 0) for image in images)  # JPEG's red
            return ImageFeatures(vision=torch.zeros(len(images), 1, 2), encoder="x")

    web = build_web_gallery(Encoder(), draw_web_scenes(0, 70))
    assert seen == [64, 6] and len(web.texts) == len(web.gallery.scenes) == 70
    assert {text.kind for text in web.texts} <= set(WEB_KINDS)


class FakeStage1Captioner:
    """Says the same of each image."""

    def __init__(self, matcher: Any) -> None:
        pass

    def write(self, features: ImageFeatures, *, seeds: list[int]) -> list[str]:
        return ["a dog" if row else "" for row in range(len(features))]


def test_real_models_give_all_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    captioner, matcher = tiny_pair()
    monkeypatch.setattr(capfilt, "Stage1Captioner", FakeStage1Captioner)
    short = {
        way: replace(config, decode=replace(config.decode, max_new_tokens=3))
        for way, config in capfilt.DECODING_MODES.items()
    }
    monkeypatch.setattr(capfilt, "DECODING_MODES", short)
    monkeypatch.setattr(capfilt, "NUCLEUS", short["nucleus"])
    monkeypatch.setattr(capfilt, "FIVE_CAPTIONS", replace(short["nucleus"], num=2))
    scenes = SCENES[:5]
    images = [Image.new("RGB", (28, 28), (40 * n, 0, 0)) for n in range(5)]
    web = WebGallery(
        gallery=Gallery(scenes=scenes, features=captioner.encode(images)),
        texts=tuple(WebText(text=f"text {n}", kind="right") for n in range(5)),
    )
    before = captioner.vision.calls
    figures = capfilt.measure_capfilt(captioner, matcher, web)
    assert captioner.vision.calls == before  # all of it on what was encoded once
    assert list(figures) == ["web", "synthetic", "arrangements", "sets", "partial"]
    assert figures["arrangements"]["separate"] == figures["synthetic"]["nucleus"]
    assert figures["arrangements"]["one Q-Former"]["texts"] == 4


def test_the_suite_knows_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    shared = SimpleNamespace(sharing=SimpleNamespace(shared=True))
    monkeypatch.setattr(suite, "load_generator", lambda spec: spec.name)
    monkeypatch.setattr(suite, "load_matcher", lambda name, share_with: shared)
    monkeypatch.setattr(suite, "build_web_gallery", lambda generator, scenes: scenes)

    def measure(generator: str, matcher: Any, scenes: Any) -> dict[str, float]:
        asked.update(generator=generator, scenes=len(scenes))
        return {"web": 1.0}

    monkeypatch.setattr(suite, "measure_capfilt", measure)
    assert suite.evaluate("stickers-t5", "capfilt", 2, 6) == {"capfilt": {"web": 1.0}}
    assert asked == {"generator": "stickers-t5", "scenes": 6}
    shared.sharing.shared = False
    with pytest.raises(ModelError, match="one image encoder"):
        suite.evaluate("stickers-t5", "capfilt", 2, 6)
