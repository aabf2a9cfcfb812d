"""The worked examples in CONTRIBUTING.md do what they say."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.chat.session import ChatSession
from app.workbench.page import TABS, build_workbench
from blip2core import exports
from blip2core.explain import trace
from blip2core.models import Matcher
from blip2core.records import ExportPair
from tests.fakes import FakeGenerator, fake_services

ROOT = Path(__file__).parent.parent


def example(beginning: str) -> dict[str, Any]:
    """What a Python block of CONTRIBUTING.md defines."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    [code] = [
        one for one in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if beginning in one
    ]
    defined: dict[str, Any] = {}
    exec(code, defined)
    return defined


def test_example_of_a_format_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = tmp_path / "stored.png"
    stored.write_bytes((ROOT / "data/samples/sea-1.png").read_bytes())
    pair = ExportPair(
        caption_id=1,
        item_id=1,
        split="train",
        text="a whale in the sea",
        source="web",
        image_sha256=hashlib.sha256(stored.read_bytes()).hexdigest(),
        image_path=str(stored),
        format="PNG",
        width=112,
        height=112,
    )
    monkeypatch.setitem(exports.FORMATS, "lines", example("def write(")["LINES"])
    subject = exports.Subject(dataset="web", snapshot="first", content_sha256="0" * 64)
    exports.export_pairs([pair], tmp_path / "out", format="lines", subject=subject)
    [line] = (tmp_path / "out/train.txt").read_text("utf-8").splitlines()
    name, text = line.split("\t")
    assert (tmp_path / "out" / name).read_bytes() == stored.read_bytes()
    assert text == pair.text


def test_example_of_a_method_maps(tiny_matcher: Matcher, images: list[Image.Image]) -> None:
    traced = trace(tiny_matcher, tiny_matcher.encode(images[:1]), "a car")
    found = example("def strongest(")["strongest"](traced)
    assert found.values.shape == traced.grid
    assert not found.is_flat


def test_example_of_a_tab_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    made = example("def build_size_tab(")
    monkeypatch.setitem(TABS, "size", ("Size", made["build_size_tab"]))
    page = build_workbench(fake_services(FakeGenerator()))
    values = [getattr(block, "value", None) for block in page.blocks.values()]
    assert "How large is it?" in values
    assert made["describe_size"](ChatSession("stickers-opt")) == "Add an image first."


def test_names_stand_in_the_files_that_are_named() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = re.findall(r"`([A-Za-z_]+)`\s+(?:in|of)\s+`(\w+/[\w/]+\.py)`", text)
    assert len(named) > 5
    for name, file in named:
        assert re.search(rf"\b{name}\b", (ROOT / file).read_text("utf-8")), (name, file)
