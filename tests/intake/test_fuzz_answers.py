"""Random files of questions and answers: every answer is stored, a duplicate or told, and stands
beside a question of its id and image.
"""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from blip2core.intake import NamedFile, read
from blip2core.records import Problem, WebImage
from tests.intake.making import png, zipped

NAMES = ("train_a", "val_a", "test_q", "b", "dev", "questions")
IDS = st.sampled_from((1, 2, "2", 3))
IMAGES = st.sampled_from((1, 2))
SUBSETS = st.sampled_from(({}, {"data_subtype": "val2014"}, {"data_subtype": "train2014"}))


@st.composite
def files(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Files of questions, and files of answers; each text tells its id and image."""
    asked, answered = {}, {}
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)):
        rows = [
            {"question_id": number, "image_id": image, "image": f"{image}.png"}
            | {"question": f"Q {number} {image} {draw(st.sampled_from('xy'))}?"}
            for number, image in draw(st.lists(st.tuples(IDS, IMAGES), min_size=1, max_size=4))
        ]
        asked[f"{name}_q.json"] = {"questions": rows} | draw(SUBSETS)
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)):
        rows = [
            {"question_id": number, "answer": f"A {number} {image} {draw(st.integers(0, 2))}"}
            | ({} if image is None else {"image_id": image})
            for number, image in draw(
                st.lists(st.tuples(IDS, st.none() | IMAGES), min_size=1, max_size=4)
            )
        ]
        answered[f"{name}_a.json"] = {"annotations": rows} | draw(SUBSETS)
    return asked, answered


@given(files())
def test_every_answer_is_accounted_for(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
    asked, answered = drawn
    members = {name: json.dumps(document).encode() for name, document in (asked | answered).items()}
    found = list(read(NamedFile("all.zip", zipped(members | {"1.png": png(1), "2.png": png(2)}))))
    images = [one for one in found if isinstance(one, WebImage)]
    stored = {text for one in images for text in one.texts}
    for text in stored:
        _, number, image, _, _, of, about, _ = text.split()
        assert number == of and about in (image, "None")
    answers = [(row["answer"], name) for name in answered for row in answered[name]["annotations"]]
    told = {
        name: sum(one.count for one in found if isinstance(one, Problem) and one.name == name)
        for name in answered
    }
    for name in answered:
        kept = sum(file == name and any(t.endswith(a) for t in stored) for a, file in answers)
        assert kept + told[name] >= sum(file == name for _, file in answers)
        assert told[name] <= sum(file == name for _, file in answers)
