"""The worked examples in CONTRIBUTING.md do what they say."""

import hashlib
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.chat.session import ChatSession
from app.workbench.page import TABS, build_workbench
from blip2core import exports
from blip2core.explain import MethodSpec, trace
from blip2core.formats.lines import MAX_LINE
from blip2core.intake import NamedFile
from blip2core.models import Matcher, specs
from blip2core.records import ExportPair
from tests.fakes import FakeGenerator, fake_services

ROOT = Path(__file__).parent.parent


GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FILES = {
    "def write(": "blip2core/formats/lines_of_text.py",
    "def strongest(": "blip2core/explain/strongest.py",
    "def build_size_tab(": "app/workbench/size_tab/tab.py",
    "def ltsv_rows(": "blip2core/formats/ltsv.py",
}
"""What a Python block of the guide has in it -> where the guide saves it."""


def block(beginning: str) -> str:
    """The Python block of the guide with this in it."""
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    [code] = [one for one in blocks if beginning in one]
    return str(code)


def example(beginning: str) -> dict[str, Any]:
    """What a Python block of the guide defines."""
    defined: dict[str, Any] = {}
    exec(block(beginning), defined)
    return defined


@pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is missing: extra `dev`")
@pytest.mark.parametrize("beginning", FILES)
def test_example_has_the_form_of_the_code(beginning: str) -> None:
    assert f"`{FILES[beginning]}`" in GUIDE
    for command in (["check"], ["format", "--check"]):
        call = [sys.executable, "-m", "ruff", *command, "--stdin-filename", FILES[beginning], "-"]
        done = subprocess.run(call, input=block(beginning).encode(), capture_output=True, cwd=ROOT)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


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
    spec = MethodSpec(method=example("def strongest(")["strongest"], needs="image")
    for text in ("a car", None):
        traced = trace(tiny_matcher, tiny_matcher.encode(images[:1]), text)
        found = spec(traced)
        assert found.values.shape == traced.grid
        assert not found.is_flat


def test_example_of_a_tab_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    made = example("def build_size_tab(")
    monkeypatch.setitem(TABS, "size", ("Size", made["build_size_tab"]))
    page = build_workbench(fake_services(FakeGenerator()))
    public = {event.api_name for event in page.fns.values() if event.api_visibility == "public"}
    assert public == {"caption", "ask", "match", "attention"}
    values = [getattr(block, "value", None) for block in page.blocks.values()]
    assert "How large is it?" in values
    assert made["describe_size"](ChatSession("stickers-opt")) == "Add an image first."


def test_example_of_a_table_reads_its_rows() -> None:
    lines = "path:a.png\ttext:a car: red\n\npath\n" + "x" * (MAX_LINE + 1) + "\npath:b.png\n"
    rows = list(example("def ltsv_rows(")["ltsv_rows"](NamedFile("t.ltsv", lines.encode())))
    assert rows[0] == (1, {"path": "a.png", "text": "a car: red"})
    assert [number for number, _ in rows] == [1, 3, 5, 0]
    assert "write name:value" in str(rows[1][1]) and rows[2][1] == {"path": "b.png"}
    assert str(rows[3][1]).endswith("left out: 1.")


def test_example_of_a_model_is_a_line_that_is_not_there() -> None:
    spec = eval(block("_matcher("), {"_matcher": specs._matcher})
    assert spec.name not in specs.SPECS and spec.checkpoint == f"Salesforce/{spec.name}"


def test_names_stand_in_the_files_that_are_named() -> None:
    named = re.findall(r"`([A-Za-z_]+)`\s+(?:in|of)\s+`(\w+/[\w/]+\.py)`", GUIDE)
    assert len(named) > 5
    for name, file in named:
        assert re.search(rf"\b{name}\b", (ROOT / file).read_text("utf-8")), (name, file)


def test_the_places_where_the_examples_are_put_are_there() -> None:
    """Following them takes minutes, so `make test-slow` does; what they are put behind moves."""
    from tests.test_examples_followed import EDITS

    counts = {place: (ROOT / file).read_text("utf-8").count(place) for file, place, _ in EDITS}
    assert {place for place, count in counts.items() if count != 1} == set()
