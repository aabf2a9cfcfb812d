"""Dialogues hold the model's own answers, and later turns are counted apart."""

from blip2core.evaluation.dialogue import measure_dialogue
from blip2core.evaluation.gallery import Gallery
from tests.evaluation.oracle import Writer


def test_truth_scores_one(gallery: Gallery) -> None:
    figures = measure_dialogue(Writer(scenes=gallery.scenes), gallery)
    assert (figures["turn_1"], figures["turns_2_to_4"]) == (1, 1)
    assert figures["by_turn"] == dict.fromkeys("1234", 1.0)
    assert set(figures["later_by_kind"]) == {"how many", "size", "spatial", "what colour", "where"}


def test_one_answer_for_everything(gallery: Gallery) -> None:
    figures = measure_dialogue(Writer(scenes=gallery.scenes, constant="a zebra"), gallery)
    assert (figures["turn_1"], figures["turns_2_to_4"]) == (0, 0)


def test_history_is_what_the_model_said(gallery: Gallery) -> None:
    writer = Writer(scenes=gallery.scenes, constant="a zebra")
    measure_dialogue(writer, gallery)
    turns = [prompt.count("Question:") for prompt in writer.prompts]
    scenes = len(gallery.scenes)
    assert (turns.count(1), turns.count(2)) == (scenes, scenes)
    lengths = [2 + number % 3 for number in range(scenes)]  # 2, 3 and 4 turns in a row
    assert turns.count(3) == sum(length >= 3 for length in lengths)
    assert turns.count(4) == sum(length == 4 for length in lengths)
    assert turns.count(2) > turns.count(3) > turns.count(4) > 0
    for prompt in writer.prompts:
        assert prompt.count("Answer: a zebra\n") == prompt.count("Question:") - 1
