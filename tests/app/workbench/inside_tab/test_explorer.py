"""The explorer as a component: what Gradio makes of its files, and what must not be in them."""

import json
import re

import pytest

from app.workbench.inside_tab.explorer import (
    FOLDER,
    MODULES,
    STYLES,
    build_explorer,
    script,
    style,
    template,
)
from app.workbench.inside_tab.tab import EXAMPLE, example
from blip2core.explain.stack import explorer_stack
from tests.stacks import make_trace, striped


def test_component_is_plain_gradio() -> None:
    component = build_explorer({"a": 1})
    assert type(component).__module__.startswith("gradio.")
    assert component.value == {"a": 1}
    assert list(FOLDER.glob("*.pyi")) == []


@pytest.mark.parametrize("event", ["test", "mask", "halt", "export"])
def test_events_can_be_listened_to(event: str) -> None:
    assert callable(getattr(build_explorer(), event))


def test_every_module_and_style_sheet_is_read() -> None:
    assert sorted(file.stem for file in FOLDER.glob("*.js")) == sorted(MODULES)
    assert sorted(file.stem for file in FOLDER.glob("*.css")) == sorted(STYLES)


def test_every_import_names_an_earlier_module() -> None:
    for position, name in enumerate(MODULES):
        code = (FOLDER / f"{name}.js").read_text("utf-8")
        imported = re.findall(r' from "\./([a-z_]+)\.js"', code)
        assert len(imported) == len(re.findall(r"^import\b", code, re.MULTILINE))
        assert set(imported) <= set(MODULES[:position]), name
        renamed = re.findall(r"^import \{[^}]* as [^}]*\}", code, re.MULTILINE)
        assert renamed == [], "one scope has one name for one thing"


def test_modules_share_one_scope_without_a_conflict() -> None:
    """An indented line is inside a function: the formatter takes care of that."""
    names = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", script(), re.MULTILINE)
    assert len(names) > 100
    assert [name for name in names if names.count(name) > 1] == []
    assert not re.search(r"^(?:import|export)\b", script(), re.MULTILINE)


def test_template_and_style_are_taken_as_they_are() -> None:
    """Gradio runs both through two template languages."""
    for text in (template(), style()):
        assert not re.search(r"\$\{|\{\{|`|\\|@children", text)


def test_hostile_text_has_no_way_in() -> None:
    code = script()
    assert "textContent" in code
    for risky in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert risky not in code


def test_nothing_is_asked_of_anybody() -> None:
    for text in (script(), style(), template()):
        assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|@import|url\(", text)
        addresses = set(re.findall(r"https?://[^\s\"']+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}


def test_every_part_that_the_code_looks_for_is_there() -> None:
    wanted = set(re.findall(r'part\("([a-z-]+)"\)', script()))
    there = set(re.findall(r'data-part="([a-z-]+)"', template()))
    assert wanted <= there


@pytest.mark.skipif(not EXAMPLE.is_file(), reason="there is no example")
def test_example_has_the_form_of_a_stack() -> None:
    shipped, made = json.loads(EXAMPLE.read_text("utf-8")), explorer_stack(make_trace(), striped())
    assert set(shipped) == set(made)
    assert shipped["version"] == made["version"]
    assert shipped["image"]["src"].startswith("data:image/jpeg;base64,")
    assert shipped["answer"]["tokens"] and shipped["words"]
    assert EXAMPLE.stat().st_size < 100_000
    assert "finished example" in example()["note"]


def test_example_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.workbench.inside_tab.tab.EXAMPLE", EXAMPLE.with_name("missing.json"))
    assert example() is None
