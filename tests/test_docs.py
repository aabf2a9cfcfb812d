"""What the documentation says works: commands, the five lines of Python, names, files."""

import ast
import contextlib
import importlib
import importlib.util
import io
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.main import get_command

from app.__main__ import STORAGE_SETTINGS
from app.settings import AppSettings
from blip2core import cli, models
from blip2core.explain import METHODS
from blip2core.models.specs import SPECS
from docs.write_screenshots import shows_the_same
from tests.fakes import FakeGenerator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
GUIDES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
}
GUIDE = (ROOT / "docs/curating.md").read_text("utf-8")
BACKUPS = (ROOT / "docs/backups.md").read_text("utf-8")
PAGES = [
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
    *("docs/index.md", "docs/curating.md", "docs/capfilt.md", "docs/explaining.md"),
    *("docs/hosting.md", "docs/deploying.md"),
    "docs/backups.md",
]
EXAMPLE_FILES = {
    "lines_of_text.py",
    "test_lines_of_text.py",
    "strongest.py",
    "tab.py",
    "test_tab.py",
}
EXAMPLE_FILES |= {"ltsv.py"}
"""What the examples in CONTRIBUTING.md add."""
NAMES_OF_0_1 = {
    "app/chat/archive_schema.py",
    "app/workbench/widgets/caption_rows.py",
    "blip2core/cli/export.py",
    "blip2core/cli/intake.py",
    "blip2core/evaluation/answers.py",
    "blip2core/evaluation/capfilt.py",
    "blip2core/evaluation/vqa.py",
    "blip2core/formats/label_studio.py",
    "blip2core/intake/arrow_rows.py",
    "blip2core/intake/columns.py",
}
"""Code that says "picture" in keys and columns, which files of version 0.1 have."""
TEXTS_OF_MODELS = {
    "blip2core/evaluation/questions.py",
    "blip2core/evaluation/report.py",
    "blip2core/models/specs.py",
    "blip2core/models/suggestions.py",
    "blip2core/stickers/captions.py",
    "blip2core/stickers/questions.py",
    "blip2core/stickers/taught.py",
}
"""Code that says it in texts that models read or were trained on."""
HAS_CHECKPOINT = (ROOT / "data/checkpoints/stickers-opt/config.json").is_file()


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, of the README and then of two guides."""
    text = README + GUIDE + BACKUPS
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def shell_lines(text: str) -> list[str]:
    """The lines of all fenced blocks, each whole, without comments."""
    found = "\n".join(re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    lines = found.replace("\\\n", " ").splitlines()
    return [line.partition(" #")[0].strip() for line in lines]


def inline_code(text: str) -> list[str]:
    """What stands between backticks in the text around the fenced blocks, on one line or two."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", prose)]


def blip2_calls(lines: list[str]) -> list[str]:
    """What follows `blip2`, or `python -m blip2core`, where that is called."""
    before = r"(?:docker exec (?:-\S+ )*\S+ )?(?:\w+=\S* )*(?:\S*/)?"
    call = re.compile(rf"{before}(?:blip2|python -m blip2core) (.+)")
    return [found[1] for line in lines if (found := call.match(line))]


def find_command(words: list[str]) -> tuple[object, list[str]]:
    """The command that `blip2 words...` runs, and its arguments."""
    command = get_command(cli.app)
    while words and hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def find_path(words: list[str]) -> list[str]:
    """The words of `blip2 words...` that name its command."""
    return words[: len(words) - len(find_command(words)[1])]


def all_commands() -> list[list[str]]:
    found, open_groups = [], [([], get_command(cli.app))]
    while open_groups:
        path, command = open_groups.pop()
        found.append(path)
        for name, child in getattr(command, "commands", {}).items():
            open_groups.append(([*path, name], child))
    return found


@pytest.mark.parametrize(
    ("guide", "call"),
    [(name, call) for name, text in GUIDES.items() for call in blip2_calls(shell_lines(text))],
)
def test_commands_of_the_guides_parse(guide: str, call: str) -> None:
    command, words = find_command(shlex.split(call))
    command.make_context("blip2", words)


@pytest.mark.parametrize(
    ("guide", "call"),
    [(name, call) for name, text in GUIDES.items() for call in blip2_calls(inline_code(text))],
)
def test_commands_named_in_the_text_are_there_with_their_options(guide: str, call: str) -> None:
    command, words = find_command(shlex.split(call))
    known = {name for one in command.params for name in one.opts} | {"--help"}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def test_the_readme_lists_every_command() -> None:
    listed = {" ".join(find_path(shlex.split(call))) for call in blip2_calls(shell_lines(README))}
    paths = [" ".join(path) for path in all_commands()]
    leaves = {path for path in paths if not any(one.startswith(f"{path} ") for one in paths)}
    assert leaves - {""} - listed == set()


@pytest.mark.parametrize("guide", GUIDES)
def test_targets_of_make_are_there(guide: str) -> None:
    code = shell_lines(GUIDES[guide]) + inline_code(GUIDES[guide])
    calls = [found[1] for line in code if (found := re.search(r"(?:^|\s)make ([a-z-]+)", line))]
    rules = re.findall(r"^([a-z -]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(calls) <= set(" ".join(rules).split())


@pytest.mark.parametrize("guide", GUIDES)
def test_settings_of_the_guides_are_there(guide: str) -> None:
    known = {f"BLIP2_{name.upper()}" for name in AppSettings.model_fields} | set(STORAGE_SETTINGS)
    assert set(re.findall(r"\bBLIP2_[A-Z0-9_]+", GUIDES[guide])) <= known


@pytest.mark.parametrize("guide", GUIDES)
def test_modules_that_are_run_are_there(guide: str) -> None:
    code = shell_lines(GUIDES[guide]) + inline_code(GUIDES[guide])
    called = [found[1] for line in code if (found := re.search(r"python -m ([\w.]+)", line))]
    assert [name for name in called if importlib.util.find_spec(name) is None] == []


def test_images_of_the_guide_are_there_and_small() -> None:
    for name in re.findall(r"]\((\S+\.png)\)", GUIDE):
        assert (ROOT / "docs" / name).stat().st_size < 150_000


@pytest.mark.parametrize("path", all_commands(), ids=" ".join)
def test_every_command_has_help(path: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*path, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_readme_python_prints_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if not HAS_CHECKPOINT:
        monkeypatch.setattr(models, "load_generator", lambda _: FakeGenerator())
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(blocks("python")[0], {})
    lines = blocks("text")[0].splitlines()
    assert len(printed.getvalue().splitlines()) == len(lines)
    assert not HAS_CHECKPOINT or printed.getvalue().splitlines() == lines


@pytest.mark.parametrize("name", SPECS)
def test_readme_names_every_model(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", METHODS)
def test_every_way_to_explain_is_described(name: str) -> None:
    guide = (ROOT / "docs/explaining.md").read_text("utf-8")
    assert re.search(rf"^\| `{name}`.* \| {METHODS[name].needs} \| ", guide, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "least"),
    [("README.md", 25), ("docs/explaining.md", 6), ("docs/backups.md", 9), ("docs/hosting.md", 1)],
)
def test_the_commands_of_a_guide_are_found(name: str, least: int) -> None:
    assert len(blip2_calls(shell_lines(GUIDES[name]))) >= least
    assert "docs/deploying.md" in GUIDES and blip2_calls(shell_lines(GUIDES["docs/deploying.md"]))


@pytest.mark.parametrize("name", AppSettings.model_fields)
def test_readme_names_every_setting(name: str) -> None:
    assert f"`BLIP2_{name.upper()}`" in README


def test_tree_is_the_tree() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "write_tree.py"))
    assert (ROOT / "docs/tree.md").read_text("utf-8") == script["tree"](), (
        "docs/tree.md is old: python docs/write_tree.py"
    )


@pytest.mark.parametrize("package", ["app", "blip2core"])
def test_every_module_says_what_it_is(package: str) -> None:
    sentence = runpy.run_path(str(ROOT / "docs" / "write_tree.py"))["sentence"]
    files = (ROOT / package).rglob("*")
    silent = [file for file in files if file.suffix in (".py", ".js") and not sentence(file)]
    assert silent == []


def test_a_question_mark_does_not_end_the_sentence_of_a_module(tmp_path: Path) -> None:
    sentence = runpy.run_path(str(ROOT / "docs" / "write_tree.py"))["sentence"]
    file = tmp_path / "module.py"
    file.write_text('"""Answers "what is it?" and "where?" in turn. The rest."""')
    assert sentence(file) == 'Answers "what is it?" and "where?" in turn.'
    file.write_text('"""The keys, and the help that ? opens. The rest."""')
    assert sentence(file) == "The keys, and the help that ? opens."


def test_folders_of_the_readme_are_there() -> None:
    tree = re.search(r"## The tree\n\n```\n(.*?)```", README, re.DOTALL)
    folder = ROOT
    for line in tree[1].splitlines():
        name = line.split()[0]
        folder = ROOT if not line.startswith(" ") else folder
        assert (folder / name).exists(), line
        folder = ROOT / name if not line.startswith(" ") else folder


def test_changes_begin_with_what_is_unreleased_and_this_version() -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## \[(.*?)\](?: - (\d{4}-\d\d-\d\d))?$", changes, re.MULTILINE)
    assert versions[0] == ("Unreleased", "")
    assert versions[1][0] == version[1]
    assert all(day for _, day in versions[1:])
    assert f"\nversion: {version[1]}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


@pytest.mark.parametrize("file", PAGES)
def test_an_image_is_called_an_image(file: str) -> None:
    text = (ROOT / file).read_text("utf-8").replace("home > pictures >", "")
    assert re.findall(r"(?i)\bpictures?\b", text) == []


def test_the_script_of_the_screenshots_begins() -> None:
    line = re.search(
        r"^screenshots:.*\n\t@\$\(BIN\)/python (.+) ", (ROOT / "Makefile").read_text(), re.M
    )
    assert line
    command = [sys.executable, *line[1].split(), "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "--pages" in told.stdout, told.stderr


def test_a_screenshot_with_another_word_is_another_one() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (12, 20, 3), np.uint8)
    page = Image.fromarray(noise).resize((400, 240), Image.Resampling.BICUBIC)
    rounded = page.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    assert rounded.tobytes() != page.tobytes()
    assert shows_the_same(page, rounded)
    page.paste("white", (100, 100, 180, 116))
    said = page.copy()
    ImageDraw.Draw(said).text((104, 102), "How it", fill="black")
    assert not shows_the_same(page, said)


def test_code_calls_an_image_an_image() -> None:
    files = [file for unit in ("app", "blip2core") for file in (ROOT / unit).rglob("*.*")]
    code = [file for file in files if file.suffix in {".py", ".js", ".css", ".html"}]
    other = {
        str(file.relative_to(ROOT))
        for file in code
        if re.search(r"(?i)pictures?(_|\b)", file.read_text("utf-8"))
    }
    assert other == NAMES_OF_0_1 | TEXTS_OF_MODELS


@pytest.mark.parametrize("file", PAGES)
def test_files_that_the_documentation_names_are_there(file: str) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / file).read_text("utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\((?!http|#)([^)#\s]+)", text)
    named = re.findall(r"`((?:app|blip2core|docs|tests|\.ci)/[\w./-]+)`", text)
    missing = [link for link in links if not (ROOT / file).parent.joinpath(link).exists()]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert [name for name in missing if Path(name).name not in EXAMPLE_FILES] == []


SCRIPTS = sorted([*ROOT.glob("docs/*.py"), *ROOT.glob("benchmarks/*.py")])


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_what_a_script_imports_is_there(script: Path) -> None:
    """They run by hand only, so nothing else would notice."""
    runpy.run_path(str(script))
    tree = ast.parse(script.read_text("utf-8"))
    for node in ast.walk(tree):  # those inside functions, too
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.import_module(
                    f"{node.module}.{alias.name}"
                )
