"""ES modules become one script: what is left out, what stays, and the tests that node runs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.workbench.capfilt_tab import cards
from app.workbench.scripts import bundle
from app.workbench.theme import page_head
from app.workbench.widgets import tables

ROOT = Path(__file__).resolve().parents[3]


def test_imports_and_exports_are_left_out(tmp_path: Path) -> None:
    first, second = tmp_path / "first.js", tmp_path / "second.js"
    first.write_text("// One.\nexport const ONE = 1;\nexport let two = 2;\n")
    second.write_text(
        'import { ONE } from "./first.js";\nimport {\n  ONE,\n  two,\n} from "./first.js";\n\n'
        'export async function sum() {\n  return "export const " + ONE;\n}\n'
        "export function f() {}\nexport class C {}\n"
    )
    assert bundle([first, second], "sum();") == (
        "// One.\nconst ONE = 1;\nlet two = 2;\n\n\n"
        'async function sum() {\n  return "export const " + ONE;\n}\n'
        "function f() {}\nclass C {}\n\nsum();"
    )


def test_components_start_what_their_module_exports() -> None:
    scripts = {
        "listenToPairs": cards.build_cards().js_on_load,
        "listenToTable": tables.build_table(elem_id="table").js_on_load,
        "listenToPage": page_head(),
        "cleanCopies": page_head(),
    }
    for name, script in scripts.items():
        assert script.count(f"function {name}(") == 1
        assert re.search(rf"^(?:\w+\(\); )*{name}\(.*\);", script, re.MULTILINE)
        assert not re.search(r"^(?:import|export)\b", script, re.MULTILINE)


def test_browser_code_passes_its_own_tests() -> None:
    node = shutil.which("node")
    if node is None:
        assert "CI" not in os.environ, "node is missing, and CI needs it: install Node 20 or newer"
        pytest.skip("node is missing: the tests of the browser code need Node 20 or newer")
    command = [node, "--test", *sorted(map(str, ROOT.glob("tests/js/*.test.js")))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)[1]) > 0


def test_the_script_of_the_page_defines_each_name_once() -> None:
    """Its modules share one scope: a name that two of them define stops the whole script."""
    script = page_head().partition('<script type="module">')[2]
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", script, re.MULTILINE)
    assert len(names) > 10
    assert sorted(names) == sorted(set(names))
