"""`curate`: decisions by number, by rules, and taken back."""

import io
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell


@pytest.fixture
def filled(shell: Shell, folder: Path, loaded: list[str]) -> list[dict[str, Any]]:
    """The items of a dataset, as `curate list` tells them."""
    shell.rows("capfilt", "run", "--dataset", "web", "--num", "2", folder)
    return shell.rows("curate", "list", "--dataset", "web", "--order", "newest")


def test_items_come_with_their_texts(shell: Shell, filled: list[dict[str, Any]]) -> None:
    assert [item["status"] for item in filled] == ["pending"] * 3
    web = [text for item in filled for text in item["texts"] if text["source"] == "web"]
    assert {text["text"] for text in web} == {"a cat", "=cmd() <script>[31m"}
    assert all(text["itm"] is not None and text["verdicts"] == {} for text in web)
    assert [text["truncated"] for text in web] == [False, False]
    found = shell.rows("curate", "list", "--dataset", "web", "--search", "a cat")
    assert [item["names"] for item in found] == [["0.png"]]
    assert len(shell.rows("curate", "list", "--dataset", "web", "--limit", "1")) == 1
    wrong = shell.error("curate", "list", "--dataset", "web", "--status", "nonsense")
    assert "'nonsense' must be one of pending, " in wrong
    lines = shell.lines("curate", "list", "--dataset", "web", "--search", "cat")
    assert lines[0].endswith("pending\t0.png") and "a cat" in lines[1]


def test_texts_are_accepted_and_rejected(shell: Shell, filled: list[dict[str, Any]]) -> None:
    first, second = (text["caption"] for text in filled[0]["texts"][:2])
    (accepted,) = shell.rows("curate", "accept", first, "--as", "ann", "--note", "good")
    assert (accepted["action"], accepted["status"]) == ("accept", "decided")
    assert "rejected" in shell.lines("curate", "reject", second, "--as", "ann")[0]
    (item,) = shell.rows("curate", "list", "--dataset", "web", "--status", "decided")
    verdicts = [text["verdicts"] for text in item["texts"][:2]]
    assert verdicts == [{"ann": "accept"}, {"ann": "reject"}]
    call = ("curate", "undo", "--dataset", "web", "--as", "ann")
    assert [shell.rows(*call)[0]["action"] for _ in range(2)] == ["reject", "accept"]
    assert "ann has decided nothing in web" in shell.error(*call)


def test_one_wrong_number_and_nothing_is_decided(
    shell: Shell, filled: list[dict[str, Any]]
) -> None:
    number = filled[0]["texts"][0]["caption"]
    assert "no text number 999" in shell.error("curate", "accept", number, 999)
    assert shell.rows("curate", "list", "--dataset", "web", "--status", "decided") == []


def test_the_rules_decide_as_one_batch(
    shell: Shell, filled: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ("curate", "apply", "--dataset", "web", "--threshold", "0", "--audit", "1")
    monkeypatch.setattr("typer.confirm", lambda *_, **__: pytest.fail("was asked"))
    (done,) = shell.rows(*call, "--yes")
    texts = sum(len(item["texts"]) for item in filled)
    assert done["accepted"] + done["rejected"] == texts and len(done["audit"]) == 1
    assert len(shell.rows("curate", "list", "--dataset", "web", "--status", "audit")) == 1
    assert "nothing to decide" in shell.error(*call, "--yes")
    (undone,) = shell.rows("curate", "undo", "--dataset", "web")
    assert undone["decisions"] == texts
    assert len(shell.rows("curate", "list", "--dataset", "web")) == 3


def test_a_batch_is_asked_for(
    shell: Shell, filled: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert shell.code("curate", "apply", "--dataset", "web") == 130
    assert len(shell.rows("curate", "list", "--dataset", "web")) == 3


def test_nothing_is_accepted_about_a_missing_image(
    shell: Shell, filled: list[dict[str, Any]]
) -> None:
    item = filled[0]
    first, second = (text["caption"] for text in item["texts"][:2])
    other = filled[1]["texts"][0]["caption"]
    path = shell.file.parent / "images" / item["image"][:2] / f"{item['image']}.png"
    path.write_bytes(b"")
    told = shell.error("curate", "accept", other, first)
    assert f"image of item {item['item']} is missing or damaged ({path})" in told
    assert "blip2 db restore BACKUP --images" in told
    apply = ("curate", "apply", "--dataset", "web", "--threshold", "0", "--yes")
    assert f"image of item {item['item']} is missing" in shell.error(*apply)
    assert shell.rows("curate", "list", "--dataset", "web", "--status", "decided") == []
    (rejected,) = shell.rows("curate", "reject", second)
    assert rejected["action"] == "reject"
    path.parent.parent.rename(shell.file.parent / "elsewhere")
    assert "is not the image store" in shell.error("curate", "accept", other)


def test_images_in_doubt_are_left_and_told(
    shell: Shell, filled: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Nothing that random models write fits perfectly."""
    rules = tmp_path / "rules.toml"
    rules.write_text("threshold = 0.0\nown_caption_itc = 1.0\n")
    told = shell.lines("capfilt", "rescore", "--dataset", "web", "--rules", rules)[-1]
    assert told.endswith("; 3 images in doubt left to people")
    (seen,) = shell.rows("capfilt", "rescore", "--dataset", "web", "--rules", rules)
    assert (seen["items_doubted"], seen["accept"], seen["reject"]) == (3, 0, 0)
    assert "nothing to decide" in shell.error("curate", "apply", "--dataset", "web", "--yes")
    *texts, end = shell.rows("capfilt", "run", "--dataset", "web", "--num", "3", "--rules", rules)
    assert end["items_doubted"] == 3 and not end["accept"]
    assert texts and all(one["doubted"] and not one["kept"] for one in texts)
