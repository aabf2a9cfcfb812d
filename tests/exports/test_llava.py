import json
from collections.abc import Callable
from typing import Any

import pytest

from blip2core.config import ExportConfig
from blip2core.exports.llava import CONTROL_WORDS
from tests.exports.reading import json_lines, of_split


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
