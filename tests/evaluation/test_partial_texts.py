"""Texts that say less: what they are, and what is counted of them."""

from types import SimpleNamespace
from typing import Any

import pytest

from blip2core.evaluation import partial_texts
from blip2core.evaluation.captions import is_true
from blip2core.evaluation.partial_texts import measure_partial_texts
from blip2core.evaluation.web_gallery import WebGallery, draw_web_scenes
from blip2core.records import Candidate, Scored
from blip2core.stickers.captions import parse
from tests.evaluation.oracle import gallery_of

SCENES = draw_web_scenes(3, 60)


def test_each_number_of_groups_is_named_truly_and_with_a_word_changed() -> None:
    for scene in SCENES:
        texts = partial_texts.partial_texts(scene)
        assert [(named, true) for named, true, _ in texts] == [
            (named, true) for named in range(1, len(scene.groups) + 1) for true in (True, False)
        ]
        for named, true, text in texts:
            assert is_true(text, scene) is true, text
            assert len(parse(text).claims) == named and parse(text).place is None
    assert partial_texts.partial_texts(SCENES[0]) == partial_texts.partial_texts(SCENES[0])


def test_what_is_kept_and_told_is_counted_by_how_much_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A filter that keeps texts of two groups and more, beside a caption with the words of one."""
    scene = next(one for one in SCENES if len(one.groups) == 3)
    texts = [text for _, _, text in partial_texts.partial_texts(scene)]
    caption = f"{texts[0]} and more"

    def score(matcher: Any, features: Any, listed: Any) -> list[list[Scored]]:
        (row,) = listed
        assert [one.text for one in row] == [*texts, caption]
        itm = [0.1, 0.1, *[0.9] * 4, 0.8]
        return [
            [
                Scored(candidate=one, itm=value, itc=0.5, tokens=3, truncated=False)
                for one, value in zip(row, itm, strict=True)
            ]
        ]

    written = [[Candidate(text=caption, source="synthetic")]]
    monkeypatch.setattr(partial_texts, "write_captions", lambda *_: written)
    monkeypatch.setattr(partial_texts, "score", score)
    web = WebGallery(gallery=gallery_of([scene]), texts=())
    nobody: Any = SimpleNamespace(device="cpu")
    assert measure_partial_texts(nobody, nobody, web) == {
        "kept": {"1 of 3": 0.0, "2 of 3": 1.0, "3 of 3": 1.0},
        "wrong_kept": {"1 of 3": 0.0, "2 of 3": 1.0, "3 of 3": 1.0},
        "told": 1.0,
        "told_wrong": 0.0,
    }
