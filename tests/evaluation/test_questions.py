"""Questions that nobody taught are told from drawn ones."""

from blip2core.evaluation import evaluate
from blip2core.evaluation.questions import UNTAUGHT, measure_questions
from blip2core.evaluation.suite import QUESTIONS


def test_the_lists_are_told_apart() -> None:
    figures = measure_questions(seed=3, scenes=30)
    assert figures["taught"]["kept"] == 1.0
    assert figures["untaught"]["told"] >= 0.95
    assert figures["area"]["value"] > 0.99
    assert figures["untaught"]["questions"] == UNTAUGHT.count("|") + len(UNTAUGHT.split("\n")) - 2


def test_evaluate_knows_the_task_and_loads_no_model() -> None:
    assert evaluate("stickers-opt", QUESTIONS, 3, 5)["questions"]["taught"]["kept"] == 1.0
