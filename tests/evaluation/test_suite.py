"""`evaluate` loads the right models for a task and encodes each image once."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from blip2core.errors import ConfigError, ModelError, UnknownModelError
from blip2core.evaluation import gallery, suite
from blip2core.evaluation.gallery import draw_scenes
from blip2core.evaluation.suite import MATCHER_MAP_TASKS, TASKS, evaluate, measure
from blip2core.models import Generator, Matcher, find_spec
from tests.evaluation.oracle import Scorer, Writer

SCENES = draw_scenes(7, 6)


@pytest.fixture(autouse=True)
def blank_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emoji font is not needed here; each scene has a grey of its own."""
    monkeypatch.setattr(
        gallery, "paint", lambda scene: Image.new("RGB", (28, 28), (scene.seed % 256,) * 3)
    )


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `evaluate` asked for, with fakes in place of models."""
    asked: dict[str, Any] = {}

    def load_generator(spec: Any) -> Writer:
        asked["generator"] = spec.name
        return Writer(scenes=SCENES, constant="a dog")

    def load_matcher(spec: Any, *, share_with: Any) -> Scorer:
        asked["matcher"] = spec.name
        return Scorer(scenes=SCENES, constant=0.5)

    monkeypatch.setattr(suite, "load_generator", load_generator)
    monkeypatch.setattr(suite, "load_matcher", load_matcher)
    return asked


def test_all_of_the_embedded_model(loaded: dict[str, Any]) -> None:
    figures = evaluate("stickers-t5", "all", 7, 6)
    assert tuple(figures) == TASKS
    assert loaded == {"generator": "stickers-t5", "matcher": "stickers-itm"}


def test_one_task_loads_one_model(loaded: dict[str, Any]) -> None:
    assert list(evaluate("stickers-opt", "vqa", 7, 6)) == ["vqa"]
    assert loaded == {"generator": "stickers-opt"}
    loaded.clear()
    assert list(evaluate("stickers-opt", "itm", 7, 6, True)) == ["itm"]
    assert loaded == {"matcher": "stickers-itm"}


def test_all_of_another_model_is_what_its_kind_can_do(loaded: dict[str, Any]) -> None:
    assert list(evaluate("blip2-opt-2.7b", "all", 7, 6)) == ["captions", "vqa", "dialogue"]
    assert list(evaluate("stickers-itm", "all", 7, 6)) == ["itm", "retrieval"]
    assert loaded == {"generator": "blip2-opt-2.7b", "matcher": "stickers-itm"}


def test_looking_is_done_where_it_is_named(
    loaded: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MATCHER_MAP_TASKS, "pointing", lambda matcher, gallery: {"chance": 0.1})
    for model in ("stickers-itm", "stickers-opt"):
        assert evaluate(model, "pointing", 7, 6) == {"pointing": {"chance": 0.1}}
        assert loaded == {"matcher": "stickers-itm"}
    with pytest.raises(ModelError, match="not pointing"):
        evaluate("blip2-opt-2.7b", "pointing", 7, 6)


def test_a_spec_serves_as_a_model(loaded: dict[str, Any]) -> None:
    elsewhere = replace(find_spec("stickers-opt"), name="trial", checkpoint=Path("runs/trial"))
    assert list(evaluate(elsewhere, "all", 7, 6)) == ["captions", "vqa", "dialogue"]
    assert loaded == {"generator": "trial"}


def test_mistakes_are_told(loaded: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="it can do itm, retrieval, not captions"):
        evaluate("stickers-itm", "captions", 0, 6)
    with pytest.raises(ConfigError, match="task .* must be one of captions, vqa"):
        evaluate("stickers-opt", "poetry", 0, 6)
    with pytest.raises(ConfigError, match="scenes"):
        evaluate("stickers-opt", "vqa", 0, 0)
    with pytest.raises(UnknownModelError):
        evaluate("stickers", "vqa", 0, 6)
    assert loaded == {}


def test_one_encoder_encodes_for_both() -> None:
    writer, scorer = Writer(scenes=SCENES, constant=""), Scorer(scenes=SCENES, constant=0.5)
    measure(SCENES, TASKS, writer, scorer)
    assert (writer.encoded, scorer.encoded) == (6, 0)


def test_two_encoders_encode_each_for_itself() -> None:
    other = SimpleNamespace(fingerprint="another")
    writer = Writer(scenes=SCENES, constant="")
    scorer = Scorer(scenes=SCENES, constant=0.5, vision=other)
    measure(SCENES, TASKS, writer, scorer)
    assert (writer.encoded, scorer.encoded) == (6, 6)


def test_real_models_give_figures(tiny_generator: Generator, tiny_matcher: Matcher) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "DECODE", replace(gallery.DECODE, max_new_tokens=3))
        figures = measure(SCENES, ("captions", "itm", "retrieval"), tiny_generator, tiny_matcher)
    assert list(figures) == ["captions", "itm", "retrieval"]
    assert 0 <= figures["captions"]["noun_f1"] <= 1
    assert 0 <= figures["itm"]["auc_random"] <= 1
