import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from blip2core.exports import FORMATS
from blip2core.exports.card import LONGEST_FOREIGN_TEXT, escape, size_category
from tests.exports.conftest import ANSWERS

ATTACKS = (
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/p.png)",
    "| a | b |\n|---|---|",
    "---\nlicense: mit\n---",
    "# heading",
    "`code` ``` fence",
    "$\\href{javascript:alert(1)}{x}$",
    "&lt;img onerror=1&gt;",
    "\u202eevil\u202c",
    "https://evil.example",
    "***bold*** ~~gone~~ 1. list\n- item",
    "\\[x](y)",
)


@pytest.fixture
def make_pairs(make_pairs: Callable[..., Any]) -> Callable[..., Any]:
    """Answers to questions, so that every format can hold them."""
    return partial(make_pairs, **ANSWERS)


@pytest.mark.parametrize("text", ATTACKS)
def test_escaped_text_shows_itself_and_does_nothing(text: str) -> None:
    escaped = escape(text)
    assert "\n" not in escaped
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(f"| {escaped} |")
    inside = re.fullmatch(r"<p>\| (.*) \|</p>\n", html, re.DOTALL)
    assert inside and "<" not in inside[1]
    assert not any(ord(character) in range(0x202A, 0x202F) for character in escaped)


@pytest.mark.parametrize(
    ("pairs", "category"),
    [
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (9_999, "1K<n<10K"),
        (10_000, "10K<n<100K"),
        (99_999, "10K<n<100K"),
        (100_000, "100K<n<1M"),
        (1_000_000, "n>1M"),
    ],
)
def test_the_category_of_a_size(pairs: int, category: str) -> None:
    assert size_category(pairs) == category


def test_long_text_is_cut() -> None:
    assert len(escape("a" * 10_000)) == LONGEST_FOREIGN_TEXT + 1


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_card_that_counts(written: Callable[..., Any], name: str) -> None:
    out, _, _pairs = written(name)
    text = (out / "README.md").read_text("utf-8")
    _, front, body = text.split("---\n", 2)
    told = yaml.safe_load(front)
    assert told["pretty_name"] == "stickers | <b>web</b>"
    assert told["size_categories"] == ["n<1K"]
    for line in (
        "| train | 12 | 6 |",
        "| synthetic | 10 |",
        "| ann | 20 |",
        "| CC BY 4\\.0 | 10 |",
        "| ITM 0\\.31 is below 0\\.50 | 12 |",
        f"| stickers\\-opt\\@{'b' * 40} | 10 |",
        f"| stickers\\-itm\\@{'a' * 40} | 10 |",
        "| splits\\.train | 0\\.8 |",
        "| threshold | 0\\.75 |",
        "kappa 0\\.81",
        FORMATS[name].example,
    ):
        assert line in body, line
    assert "<script>" not in body and "<b>" not in body


@pytest.mark.parametrize("name", FORMATS)
def test_it_counts_image_text_pairs_in_the_singular_and_the_plural(
    written: Callable[..., Any], make_pairs: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    out, _, _ = written(name)
    text = (out / "README.md").read_text("utf-8")
    assert "\n20 accepted image-text pairs of 10 images: the snapshot first, " in text
    assert "\n| split | pairs | images |\n" in text
    assert not re.search(r"(?i)picture", text)
    out.rename(tmp_path / "many")
    out, _, _ = written(name, make_pairs(1)[:1])
    text = (out / "README.md").read_text("utf-8")
    assert "\n1 accepted image-text pair of 1 image: the snapshot first, " in text


def test_its_data_files_are_there(written: Callable[..., Any], tmp_path: Path) -> None:
    for name in FORMATS:
        out, _, _ = written(name)
        front = yaml.safe_load((out / "README.md").read_text("utf-8").split("---\n")[1])
        for config in front.get("configs", []):
            for files in config["data_files"]:
                assert list(out.glob(files["path"])), name
