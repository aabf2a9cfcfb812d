"""LLaVA's and ShareGPT's conversations: each answer is a text, its question is kept."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from blip2core.config import ExportConfig
from blip2core.formats.conversations import CONTROL_WORDS, CONVERSATIONS
from tests.exports.reading import json_lines, of_split
from tests.formats.reading import as_pairs, data, read, refused


def test_several_turns() -> None:
    document = [
        {
            "id": "000000033471",
            "image": "coco/train2017/000000033471.jpg",
            "conversations": [
                {"from": "human", "value": "<image>\nWhat are the colors of the bus?"},
                {"from": "gpt", "value": "The bus is white and red."},
                {"from": "human", "value": "What is on its back?"},
                {"from": "gpt", "value": "An advertisement."},
            ],
        },
        {"id": "text only", "conversations": [{"from": "gpt", "value": "Hello."}]},
    ]
    assert read(document, CONVERSATIONS) == [
        ("coco/train2017/000000033471.jpg", ["The bus is white and red.", "An advertisement."]),
        (None, ["Hello."]),
    ]
    question = "What are the colors of the bus?"
    assert data(document, CONVERSATIONS)[0] == {
        "id": "000000033471",
        "turn": 1,
        "question": question,
    }


def test_messages_with_roles() -> None:
    document = [
        {
            "images": ["1.jpg"],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "User", "content": "<image>What is it?"},
                {"role": "ASSISTANT", "content": "A dog."},
                {"role": "assistant", "content": {"odd": 1}},
                {"role": "oracle", "content": "A cat."},
            ],
        }
    ]
    assert read(document, CONVERSATIONS) == [("1.jpg", ["A dog."])]
    assert data(document, CONVERSATIONS) == [{"turn": 2, "question": "What is it?"}]
    told = {"The answer is no text.": 1, "Who says this is not known: oracle.": 1}
    assert refused(document, CONVERSATIONS) == told


@pytest.mark.parametrize(
    "image",
    [
        {"type": "image_url", "image_url": {"url": "https://example.org/1.jpg"}},
        {"type": "image_url", "image_url": "https://example.org/1.jpg"},
        {"type": "image", "image": "https://example.org/1.jpg"},
    ],
)
def test_what_is_said_in_parts(image: dict[str, object]) -> None:
    """As OpenAI's and TRL's messages have it."""
    asked = {"role": "user", "content": [image, {"type": "text", "text": "What is it?"}]}
    parts = [{"type": "text", "text": "A dog."}, {"type": "text", "text": "On a beach."}]
    document = [{"messages": [asked, {"role": "assistant", "content": parts}]}]
    assert read(document, CONVERSATIONS) == [("https://example.org/1.jpg", ["A dog.\nOn a beach."])]
    assert data(document, CONVERSATIONS) == [{"turn": 1, "question": "What is it?"}]


def test_answers_about_several_images_are_about_none_of_them() -> None:
    said = [{"from": "human", "value": "<image><image> Which?"}, {"from": "gpt", "value": "Left."}]
    document = [{"image": ["1.jpg", "2.jpg"], "conversations": said}]
    assert read(document, CONVERSATIONS) == [("1.jpg", []), ("2.jpg", [])]
    told = "The conversation is about 2 images, so about none of them alone."
    assert refused(document, CONVERSATIONS) == {told: 1}


def test_it_is_a_list_of_conversations(written: Callable[..., Any]) -> None:
    out, _, pairs = written("llava", config=ExportConfig(instruction="What is there?"))
    entries = json.loads((out / "train.json").read_text("utf-8"))
    for entry, pair in zip(entries, of_split(pairs, "train"), strict=True):
        asked, told = entry["conversations"]
        assert asked == {"from": "human", "value": "<image>\nWhat is there?"}
        assert told == {"from": "gpt", "value": pair.text}
        assert entry["id"] == str(pair.caption_id)
        assert entry["extra"]["scorer"] == pair.scorer
        assert (out / entry["image"]).is_file()


def test_letters_of_all_languages_are_written_as_they_are(
    written: Callable[..., Any], make_pairs: Any
) -> None:
    out, _, _ = written("llava", make_pairs(2, texts=("ein Bär am Straßenrand", "一只猫")))
    said = "".join(file.read_text("utf-8") for file in out.glob("*.json"))
    assert "ein Bär am Straßenrand" in said and "一只猫" in said


@pytest.mark.parametrize("word", CONTROL_WORDS)
def test_a_text_with_a_control_word_is_left_out_and_said(
    written: Callable[..., Any], make_pairs: Any, word: str
) -> None:
    pairs = make_pairs(2, texts=(f"a dog {word}", "a cat"))
    out, manifest, _ = written("llava", pairs)
    assert word not in json.dumps(
        [entry["conversations"][1] for entry in json.loads((out / "train.json").read_text())]
    )
    assert manifest.pairs == 3
    assert manifest.data["left_out"] == {f"contains {word}": 1}
    assert json_lines(out / "left_out.jsonl") == [{"caption_id": 1, "reason": f"contains {word}"}]
    assert "left out of this format" in (out / "README.md").read_text("utf-8")


def test_the_turns_of_a_conversation_come_together_again(
    written: Callable[..., Any], make_pairs: Any
) -> None:
    said = [
        {"from": "human", "value": "<image>\nWhat are the colors of the bus?"},
        {"from": "gpt", "value": "White and red."},
        {"from": "human", "value": "What is on its back?"},
        {"from": "gpt", "value": "An advertisement."},
    ]
    document = [{"id": "33471", "image": "1.jpg", "conversations": said}]
    pairs = as_pairs(document, CONVERSATIONS, make_pairs(1)[:1])
    out, _, _ = written("llava", [*reversed(pairs)])
    [entry] = json.loads((out / f"{pairs[0].split}.json").read_text("utf-8"))
    assert entry["conversations"] == said


def test_a_question_that_was_imported_is_asked_again(
    written: Callable[..., Any], make_pairs: Any
) -> None:
    asked = '{"question": "What is there?", "answers": ["a bus"]}'
    [pair] = make_pairs(1, texts=("What is there? a bus",), text_data=asked)[:1]
    out, _, _ = written("llava", [pair])
    [entry] = json.loads((out / "train.json").read_text("utf-8"))
    assert [turn["value"] for turn in entry["conversations"]] == [
        "<image>\nWhat is there?",
        "a bus",
    ]
    assert read([entry], CONVERSATIONS) == [(entry["image"], ["What is there? a bus"])]


def test_an_answer_that_was_changed_in_the_file_is_read_as_it_is_now(
    written: Callable[..., Any], make_pairs: Any
) -> None:
    asked = '{"question": "What is there?", "answers": ["a bus"]}'
    out, _, _ = written("llava", make_pairs(1, texts=("What is there? a bus",), text_data=asked))
    [entry, _] = json.loads((out / "train.json").read_text("utf-8"))
    entry["conversations"][1]["value"] = "a van"
    assert read([entry], CONVERSATIONS) == [(entry["image"], ["a van"])]


def test_a_second_conversation_of_a_row_is_told() -> None:
    one = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A dog."}]
    other = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "On a beach."}]
    document = [{"image": "1.jpg", "conversations": one, "messages": other}]
    assert read(document, CONVERSATIONS) == [("1.jpg", ["A dog."])]
    told = "The row has a second conversation, `messages`: give it in a row of its own."
    assert refused(document, CONVERSATIONS) == {told: 1}
    again = [{"image": "1.jpg", "conversations": one, "messages": [*one]}]
    assert refused(again, CONVERSATIONS) == {}
    assert read([{"image": "1.jpg", "conversations": [], "messages": other}], CONVERSATIONS) == [
        ("1.jpg", ["On a beach."])
    ]


def test_a_question_without_an_answer_is_refused() -> None:
    said = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A dog."}]
    document = [{"image": "1.jpg", "conversations": [*said, {"from": "human", "value": "Why?"}]}]
    assert read(document, CONVERSATIONS) == [("1.jpg", ["A dog."])]
    assert refused(document, CONVERSATIONS) == {"The last question has no answer.": 1}
