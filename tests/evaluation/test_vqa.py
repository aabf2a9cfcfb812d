"""Answers are counted by kind; without its image an oracle knows nothing."""

import pytest

from blip2core.evaluation.gallery import Gallery
from blip2core.evaluation.vqa import average_image, is_right, measure_vqa
from blip2core.stickers.questions import KINDS, Question
from tests.evaluation.oracle import Writer, gallery_of


def test_truth_scores_one_and_nothing_blindly(gallery: Gallery) -> None:
    figures = measure_vqa(Writer(scenes=gallery.scenes), gallery)
    assert figures["by_kind"] == dict.fromkeys(KINDS, 1.0)
    assert (figures["accuracy"], figures["worst_kind"], figures["list"]) == (1, 1, 1)
    assert figures["without_picture"]["accuracy"] == 0.0


def test_always_yes_is_right_where_yes_is_the_answer(gallery: Gallery) -> None:
    writer = Writer(scenes=gallery.scenes, constant="Yes.")
    figures = measure_vqa(writer, gallery)
    by_kind = figures["by_kind"]
    assert 0.35 < by_kind["is there"] < 0.65
    assert 0.05 < by_kind["spatial"] < 0.3
    silent = set(KINDS) - {"is there", "spatial"}
    assert all(by_kind[kind] == 0 for kind in silent)
    assert figures["accuracy"] == pytest.approx(sum(by_kind.values()) / 7)
    assert (figures["worst_kind"], figures["list"]) == (0, 0)
    assert figures["without_picture"]["by_kind"] == by_kind


def test_prompts_are_the_template_of_the_model(gallery: Gallery) -> None:
    writer = Writer(scenes=gallery.scenes)
    measure_vqa(writer, gallery)
    assert all(text.startswith("Question: ") for text in writer.prompts)
    assert all(text.endswith("? Answer:") for text in writer.prompts)


def test_list_is_right_in_any_order(gallery: Gallery) -> None:
    scene = next(scene for scene in gallery.scenes if len(scene.groups) == 2)
    first, second = (group.noun for group in scene.groups)
    question = Question(kind="list", text="what is there?", answer="", topic=None)
    assert is_right(f"a {second} and a {first}", question, scene)
    assert not is_right(f"a {first}", question, scene)


def test_average_image_is_one_image() -> None:
    features = gallery_of([None, None, None]).features
    average = average_image(features)
    assert len(average) == 1
    assert average.vision.tolist() == [[[1.0, 5 / 3]]]
    assert average.queries is None
