from collections.abc import Callable
from typing import Any

from PIL import Image

from tests.exports.reading import json_lines, of_split, texts_of


def test_each_image_has_its_texts_beside_it(written: Callable[..., Any]) -> None:
    out, _, pairs = written("sidecars")
    train = of_split(pairs, "train")
    assert len(list((out / "train").iterdir())) == len(train)  # an image and a text for two pairs
    for web, synthetic in zip(train[::2], train[1::2], strict=True):
        lines = (out / f"train/{web.image_sha256}.txt").read_bytes().decode().split("\n")
        assert lines == [" ".join(web.text.splitlines()), synthetic.text]
        image = next((out / "train").glob(f"{web.image_sha256}.[!t]*"))
        with Image.open(image) as opened:
            assert opened.size == (7, 9)


def test_the_manifest_has_the_exact_texts_and_where_they_come_from(
    written: Callable[..., Any],
) -> None:
    out, _, pairs = written("sidecars")
    rows = json_lines(out / "manifest.jsonl")
    assert [row["text"] for row in rows] == texts_of(pairs)
    assert [row["captioner"] for row in rows] == [pair.captioner for pair in pairs]
    assert all((out / row["file_name"]).is_file() for row in rows)


def test_joined_lines_are_said(written: Callable[..., Any]) -> None:
    out, _, _ = written("sidecars")
    assert "In 2 captions line breaks became spaces" in (out / "README.md").read_text("utf-8")


def test_one_such_caption_is_said_in_the_singular(
    written: Callable[..., Any], make_pairs: Callable[..., Any]
) -> None:
    _, manifest, _ = written("sidecars", make_pairs(1, texts=("one\ntwo",)))
    assert manifest.data["notes"][0].startswith("In 1 caption line breaks became spaces")
