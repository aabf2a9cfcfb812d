"""Dialogues hold the model's own answers, and later turns are counted apart."""

from blip2core.evaluation.dialogue import measure_dialogue
from blip2core.evaluation.gallery import Gallery
from blip2core.records import ALL_TURNS, HistoryPolicy
from tests.evaluation.oracle import Writer


def test_truth_scores_one(gallery: Gallery) -> None:
    figures = measure_dialogue(Writer(scenes=gallery.scenes), gallery, ALL_TURNS)
    assert (figures["turn_1"], figures["turns_2_to_4"]) == (1, 1)
    assert figures["by_turn"] == dict.fromkeys("1234", 1.0)
    assert figures["long"]["by_turn"] == {str(turn): 1.0 for turn in range(1, 31)}
    assert (figures["long"]["turns_2_to_30"], figures["long"]["worst_turn"]) == (1, 1)
    assert set(figures["later_by_kind"]) == {"how many", "size", "spatial", "what colour", "where"}


def test_one_answer_for_everything(gallery: Gallery) -> None:
    figures = measure_dialogue(Writer(scenes=gallery.scenes, constant="a zebra"), gallery)
    assert (figures["turn_1"], figures["turns_2_to_4"]) == (0, 0)
    assert figures["long"]["turns_2_to_30"] == 0


def test_without_history_nobody_knows_what_it_is(gallery: Gallery) -> None:
    """So that the figures show what a history policy costs."""
    writer = Writer(scenes=gallery.scenes)
    figures = measure_dialogue(writer, gallery, HistoryPolicy(turns=0))
    assert figures["turn_1"] == 1 and figures["turns_2_to_4"] < 0.2
    assert 0.2 < figures["long"]["turns_2_to_30"] < 0.8  # two in five name what they ask about
    assert figures["long"]["worst_turn"] < figures["long"]["turns_2_to_30"]
    assert all(prompt.count("Question:") == 1 for prompt in writer.prompts)


def test_the_model_s_own_policy_is_used(gallery: Gallery) -> None:
    writer = Writer(scenes=gallery.scenes)
    measure_dialogue(writer, gallery)
    assert max(prompt.count("Question:") for prompt in writer.prompts) == 4


def test_history_is_what_the_model_said(gallery: Gallery) -> None:
    writer = Writer(scenes=gallery.scenes, constant="a zebra")
    measure_dialogue(writer, gallery)
    scenes = len(gallery.scenes)
    short = writer.prompts[: -30 * scenes]
    turns = [prompt.count("Question:") for prompt in short]
    assert (turns.count(1), turns.count(2)) == (scenes, scenes)
    lengths = [2 + number % 3 for number in range(scenes)]  # 2, 3 and 4 turns in a row
    assert turns.count(3) == sum(length >= 3 for length in lengths)
    assert turns.count(4) == sum(length == 4 for length in lengths)
    assert turns.count(2) > turns.count(3) > turns.count(4) > 0
    for prompt in writer.prompts:
        assert prompt.count("Answer: a zebra\n") == prompt.count("Question:") - 1
