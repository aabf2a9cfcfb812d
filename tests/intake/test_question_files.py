"""Questions and answers in several files: each answer goes to its own question, or is told."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from blip2core.intake import NamedFile, read
from blip2core.records import Problem, WebImage
from tests.intake.making import png, reasons, texts, zipped

Files = Mapping[str, Any]
NO_QUESTIONS = (
    "These are answers to questions that are not here: give the file of questions beside it."
)


def asked(image: str, question: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {"question_id": number, "image_id": 1, "image": image, "question": question} | more


def given(answer: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {"question_id": number, "answers": [{"answer": answer}] * 2} | more


def questions(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"questions": [*rows]} | more


def answers(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"annotations": [*rows]} | more


def archive(files: Files, *images: str) -> NamedFile:
    members = {name: png(number) for number, name in enumerate(images)}
    members |= {name: json.dumps(document).encode() for name, document in files.items()}
    return NamedFile("all.zip", zipped(members))


def told(found: Any) -> dict[str, tuple[str, int]]:
    """Answers that went to no question: the reason, and how many."""
    return {
        one.name: (one.reason, one.count)
        for one in found
        if isinstance(one, Problem) and one.about == "source"
    }


@pytest.mark.parametrize(
    ("names", "subtypes"),
    [
        (
            (
                "train_questions.json",
                "train_answers.json",
                "val_questions.json",
                "val_answers.json",
            ),
            0,
        ),
        (("train/q.json", "train/a.json", "val/q.json", "val/a.json"), 0),
        (("q/train/1.json", "a/train/1.json", "q/val/1.json", "a/val/1.json"), 0),
        (("q1.json", "a1.json", "q2.json", "a2.json"), 0),
        (("1.json", "2.json", "3.json", "4.json"), 2),
    ],
)
def test_ids_that_begin_anew_in_each_split_are_told_apart(
    names: tuple[str, ...], subtypes: int
) -> None:
    of_split = [{"data_subtype": name} if subtypes else {} for name in ("train2014", "val2014")]
    documents = [
        questions(asked("t.png", "In train?"), **of_split[0]),
        answers(given("train answer"), **of_split[0]),
        questions(asked("v.png", "In val?"), **of_split[1]),
        answers(given("val answer"), **of_split[1]),
    ]
    files = dict(zip(names, documents, strict=True))
    for turned in (files, dict(reversed(files.items()))):
        assert texts(read(archive(turned, "t.png", "v.png"))) == {
            "t.png": ("In train? train answer",),
            "v.png": ("In val? val answer",),
        }


def test_the_image_of_an_answer_decides_before_names_do() -> None:
    files = {
        "b.json": questions(asked("1.png", "One?", image_id=1)),
        "c.json": questions(asked("2.png", "Two?", image_id=2)),
        "b_answers.json": answers(given("of two", image_id=2), given("of none", image_id=3)),
    }
    found = list(read(archive(files, "1.png", "2.png")))
    assert {one.name: one.texts for one in found if isinstance(one, WebImage)} == {
        "1.png": (),
        "2.png": ("Two? of two",),
    }
    reason = "1 answer: the question is not here, so nothing was read of it."
    assert told(found) == {"b_answers.json": (reason, 1)}


def test_what_leaves_several_questions_is_told_and_nothing_guessed() -> None:
    files = {
        "b.json": questions(asked("1.png", "One?"), asked("1.png", "Both?", 2)),
        "c.json": questions(asked("2.png", "Two?"), asked("1.png", "Both?", 2)),
        "x.json": answers(given("whose?"), given("of both", 2)),
    }
    found = list(read(archive(files, "1.png", "2.png")))
    [one, two] = [one for one in found if isinstance(one, WebImage)]
    assert (one.texts, two.texts) == (("Both? of both",), ())
    assert one.duplicates == 1, "both files have this question"
    assert told(found) == {
        "x.json": (
            "1 answer: several questions have this id, in b.json and in c.json; name alike the "
            "files that belong together, train_questions.json and train_annotations.json.",
            1,
        )
    }


def test_two_questions_of_one_id_in_a_file_are_not_answered() -> None:
    files = {"q.json": questions(asked("1.png", "One?"), asked("1.png", "Two?"))}
    files["a.json"] = answers(given("whose?"))
    found = list(read(archive(files, "1.png")))
    assert [one.texts for one in found if isinstance(one, WebImage)] == [()]
    assert "several questions have this id, in q.json;" in told(found)["a.json"][0]


def test_the_same_question_about_two_images_is_two_questions() -> None:
    files = {
        f"{name}.json": [{"question_id": 1, "image": f"{name}.png", "question": "What?"}]
        for name in ("b", "c")
    }
    found = list(read(archive(files | {"x.json": answers(given("a dog"))}, "b.png", "c.png")))
    assert [one.texts for one in found if isinstance(one, WebImage)] == [(), ()]
    assert "in b.json and in c.json;" in told(found)["x.json"][0]


def test_answers_of_another_split_are_not_taken() -> None:
    files = {"train_q.json": questions(asked("1.png", "What?")), "val_a.json": answers(given("x"))}
    found = list(read(archive(files, "1.png")))
    assert [one.texts for one in found if isinstance(one, WebImage)] == [()]
    assert told(found) == {
        "val_a.json": (
            "1 answer: the question of this id in train_q.json is of another split, by the names "
            "of the files or their data_subtype; name alike what belongs together.",
            1,
        )
    }
    east, west = {"data_subtype": "east"}, {"data_subtype": "west"}
    files = {"q.json": files["train_q.json"] | east, "a.json": files["val_a.json"] | west}
    assert "is of another split" in told(read(archive(files, "1.png")))["a.json"][0]


def test_what_the_files_say_of_their_split_counts_before_their_names() -> None:
    files = {"train_q.json": questions(asked("1.png", "What?")), "val_a.json": answers(given("x"))}
    same = {"data_subtype": "val2014"}
    files = {"train_q.json": files["train_q.json"] | same, "val_a.json": files["val_a.json"] | same}
    assert texts(read(archive(files, "1.png"))) == {"1.png": ("What? x",)}


def test_a_test_set_has_the_answers_of_its_dev_part() -> None:
    files = {"test2015_q.json": questions(asked("1.png", "What?"))}
    files["test-dev2015_results.json"] = [{"question_id": 1, "answer": "a dog"}]
    assert texts(read(archive(files, "1.png"))) == {"1.png": ("What? a dog",)}


def test_every_answer_to_a_question_is_a_text() -> None:
    files = {
        "q.json": questions(asked("1.png", "What?")),
        "a.json": answers(given("a dog")),
        "b.json": answers(given("a cat"), given("a dog")),
    }
    [image] = [one for one in read(archive(files, "1.png")) if isinstance(one, WebImage)]
    assert image.texts == ("What? a dog", "What? a cat") and image.duplicates == 1


@pytest.mark.parametrize(
    "document",
    [
        {"annotations": [{"question_id": 1, "multiple_choice_answer": "a dog"}]},
        {"annotations": [{"question_id": 1, "answer": "a dog"}]},
        {"annotations": [{"note": "first"}, {"question_id": 1, "answers": ["a dog"]}]},
        [{"question_id": 1, "answer": "a dog"}],
        [{"question_id": "1", "answer": "a dog"}],
    ],
)
@pytest.mark.parametrize("as_list", [False, True])
def test_forms_of_answers_and_of_questions(document: Any, as_list: bool) -> None:
    row = asked("1.png", "What?", caption="a caption")
    files = {"q.json": [row, {"image": "2.png", "caption": "a cat"}] if as_list else questions(row)}
    files["a.json"] = document
    found = list(read(archive(files, "1.png", "2.png")))
    first = next(one for one in found if isinstance(one, WebImage))
    assert first.texts[0] == "What? a dog"
    data = first.origins["What? a dog"].data
    assert data["question"] == "What?" and data["answers"] in (["a dog"], [])
    is_odd = isinstance(document, dict) and len(document["annotations"]) > 1
    reason = "1 answer: no question_id, or no answer, so nothing was read of it."
    assert told(found) == ({"a.json": (reason, 1)} if is_odd else {})


def test_a_list_of_questions_keeps_its_order_and_gets_several_answers() -> None:
    rows = [asked("1.png", "One?", 1), asked("2.png", "Two?", 2), asked("2.png", "Three?", 3)]
    rows[2]["answer"] = "its own"
    results = [{"question_id": 2, "answer": answer} for answer in ("b", "c")]
    files = {"q.json": rows, "results.json": [*results, {"question_id": 3, "answer": "no"}]}
    found = list(read(archive(files, "1.png", "2.png")))
    assert {one.name: one.texts for one in found if isinstance(one, WebImage)} == {
        "1.png": (),
        "2.png": ("Two? b", "Three? its own", "Two? c"),
    }
    assert reasons(found) == {
        "q.json, entry 1": "The question has no answer here, so it says nothing of the image.",
        "results.json": "1 answer: the question is not here, so nothing was read of it.",
    }


def test_results_alone_say_what_is_missing() -> None:
    results = [{"question_id": 1, "answer": "a dog"}, {"question_id": 2, "answer": "a cat"}]
    [problem] = read(NamedFile("results.json", json.dumps(results).encode()))
    assert isinstance(problem, Problem)
    assert (problem.reason, problem.count) == (NO_QUESTIONS, 2)


def test_questions_and_answers_in_one_file() -> None:
    both = questions(asked("1.png", "What?"), asked("1.png", "And?", 2))
    both |= answers(given("a dog"), given("gone", 3))
    other = answers(given("a cat", 2))
    found = list(read(archive({"b.json": both, "o.json": other}, "1.png")))
    [image] = [one for one in found if isinstance(one, WebImage)]
    assert image.texts == ("What? a dog", "And? a cat")
    assert told(found) == {
        "b.json": ("1 answer: the question is not here, so nothing was read of it.", 1)
    }
    alone = read(NamedFile("b.json", json.dumps(both).encode()))
    assert sum(one.texts for one in alone if isinstance(one, Problem)) == 2


def test_many_answers_to_many_questions_of_one_id_are_all_told() -> None:
    rows = [asked("1.png", f"Q{number}?", image_id=None) for number in range(20_000)]
    files = {"q.json": questions(*rows), "a.json": answers(*[given("a")] * 20_000)}
    found = list(read(archive(files, "1.png")))
    assert told(found)["a.json"][1] == 20_000
