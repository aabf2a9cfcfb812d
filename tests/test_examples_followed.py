"""The worked examples of CONTRIBUTING.md, followed to the letter in a copy of the project.

Afterwards ruff, mypy and the tests that an example touches must pass.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_contributing import FILES, GUIDE, ROOT, block

pytestmark = pytest.mark.slow
EDITS = [
    # file, what stands there, what is added after it
    (
        "blip2core/formats/__init__.py",
        "import LAVIS_VQA\n",
        "from blip2core.formats.lines_of_text import LINES\n",
    ),
    ("blip2core/formats/__init__.py", '"label-studio": LABEL_STUDIO,\n', '"lines": LINES,\n'),
    ("blip2core/cli/export.py", '"label-studio",\n', '"lines",\n'),
    (
        "blip2core/explain/__init__.py",
        "import Trace, trace\n",
        "from blip2core.explain.strongest import strongest\n",
    ),
    (
        "blip2core/explain/__init__.py",
        'MethodSpec(method=cross_attention, needs="image"),\n',
        '"strongest": MethodSpec(method=strongest, needs="image"),\n',
    ),
    ("app/workbench/api.py", '"cross-attention",\n', '"strongest",\n'),
    (
        "docs/explaining.md",
        "of one query, layer and head or their mean |\n",
        "| `strongest` | image | for each patch, the largest attention of any query |\n",
    ),
    (
        "app/workbench/page.py",
        "from app.workbench.shared_components import SharedComponents\n",
        "from app.workbench.size_tab.tab import build_size_tab\n",
    ),
    ("app/workbench/page.py", "build_capfilt_tab),\n", '"size": ("Size", build_size_tab),\n'),
    ("blip2core/formats/files.py", '"flickr", "json", "other"', ', "ltsv"'),
    ("blip2core/formats/files.py", '".ndjson": "jsonl",\n', '".ltsv": "ltsv",\n'),
    (
        "blip2core/intake/tables.py",
        "import jsonl_rows\n",
        "from blip2core.formats.ltsv import ltsv_rows\n",
    ),
    (
        "blip2core/intake/tables.py",
        "        return jsonl_rows(file), lambda row: columns_of(row, wanted)\n",
        '    if kind == "ltsv":\n'
        "        return ltsv_rows(file), lambda row: columns_of(row, wanted)\n",
    ),
    (
        "blip2core/models/specs.py",
        '_matcher("blip-itm-large-coco", "blip", 446_000_000, size=384, limit=35),\n',
        f"{block('_matcher(').strip()},\n",
    ),
    (
        "tests/models/test_specs.py",
        '"blip-itm-large-coco": lambda: blip(BlipForImageTextRetrieval, 1024, 24),\n',
        '"blip-itm-base-flickr": lambda: blip(BlipForImageTextRetrieval, 768, 12),\n',
    ),
    ("README.md", "| `blip-itm-base-coco`", ", `blip-itm-base-flickr`"),
]
NOT_IN_GUIDE = ("lines,", "| ", ', "', ", `", '"lines",', '"strongest",')
"""How additions begin that the guide says in words."""
TESTS = {
    "export format": [
        "tests/exports",
        "tests/formats",
        "tests/app/curator/test_pages.py::test_snapshot_and_export",
        "tests/test_compatibility.py",
    ],
    "way to explain": [
        "tests/explain/test_methods.py",
        "tests/test_cli.py::test_explain_takes_every_method_and_tests_it",
        "tests/evaluation/test_pointing_game.py",
        "tests/test_docs.py::test_every_way_to_explain_is_described",
    ],
    "tab": ["tests/app/workbench/test_page.py", "tests/app/workbench/test_api.py"],
    "format to import": ["tests/intake", "tests/app/curator/test_pages.py"],
    "model": ["tests/models/test_specs.py", "tests/app/workbench/test_model_picker.py"],
    "all": [
        "tests/test_architecture.py",
        "tests/test_docs.py::test_tree_is_the_tree",
        "tests/test_docs.py::test_readme_names_every_model",
    ],
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with all five examples in it."""
    copy = tmp_path_factory.mktemp("followed") / "project"
    left_out = shutil.ignore_patterns(".*_cache", "__pycache__", ".git", ".venv*", "node_modules")
    shutil.copytree(ROOT, copy, ignore=left_out)
    for beginning, file in FILES.items():
        (copy / file).parent.mkdir(exist_ok=True)
        (copy / file).write_text(block(beginning), "utf-8")
    (copy / "app/workbench/size_tab/__init__.py").write_text('"""The size tab."""\n', "utf-8")
    for file, there, added in EDITS:
        text = (copy / file).read_text("utf-8")
        assert text.count(there) == 1, (file, there)
        (copy / file).write_text(text.replace(there, there + added), "utf-8")
    run(copy, "docs/write_tree.py")
    run(copy, "-m", "ruff", "check", "--fix", ".")
    run(copy, "-m", "ruff", "format", ".")
    return copy


def run(tree: Path, *arguments: str) -> None:
    """Runs Python in the copy, on the packages of the copy."""
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    environment["PYTHONPATH"] = str(tree)
    call = [sys.executable, *arguments]
    done = subprocess.run(call, cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_the_guide_says_what_is_added() -> None:
    words = " ".join(GUIDE.split())
    for _, _, added in EDITS:
        for line in added.strip().splitlines():
            said = line.strip().removesuffix(",")
            assert line.startswith(("from ", *NOT_IN_GUIDE)) or said in words, line


def test_ruff_and_mypy_pass(tree: Path) -> None:
    run(tree, "-m", "ruff", "check", ".")
    run(tree, "-m", "mypy")


@pytest.mark.parametrize("example", TESTS)
def test_the_tests_of_an_example_pass(tree: Path, example: str) -> None:
    run(tree, "-m", "pytest", "-q", *TESTS[example])
