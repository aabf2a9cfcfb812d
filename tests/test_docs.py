"""What the documentation says works: commands, the five lines of Python, names, files."""

import contextlib
import io
import re
import runpy
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from app.settings import AppSettings
from blip2core import cli, models
from blip2core.explain import METHODS
from blip2core.models.specs import SPECS
from tests.fakes import FakeGenerator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
GUIDE = (ROOT / "docs/curating.md").read_text("utf-8")
BACKUPS = (ROOT / "docs/backups.md").read_text("utf-8")
PAGES = [
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
    *("docs/index.md", "docs/curating.md", "docs/capfilt.md", "docs/explaining.md"),
    *("docs/hosting.md", "docs/deploying.md"),
    "docs/backups.md",
]
EXAMPLE_FILES = {"lines.py", "test_lines.py", "strongest.py", "tab.py", "test_tab.py"}
EXAMPLE_FILES |= {"ltsv_table.py"}
"""What the examples in CONTRIBUTING.md add."""
NAMES_OF_0_1 = {
    "app/chat/archive_schema.py",
    "app/workbench/widgets/caption_rows.py",
    "blip2core/cli/export.py",
    "blip2core/cli/intake.py",
    "blip2core/evaluation/answers.py",
    "blip2core/evaluation/capfilt.py",
    "blip2core/evaluation/vqa.py",
    "blip2core/intake/columns.py",
}
"""Code that says "picture" in keys and columns, which files of version 0.1 have."""
TEXTS_OF_MODELS = {
    "blip2core/evaluation/report.py",
    "blip2core/models/specs.py",
    "blip2core/stickers/captions.py",
    "blip2core/stickers/questions.py",
}
"""Code that says it in texts that models read or were trained on."""
HAS_CHECKPOINT = (ROOT / "data/checkpoints/stickers-opt/config.json").is_file()


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, of the README and then of two guides."""
    text = README + GUIDE + BACKUPS
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def console_lines(program: str) -> list[str]:
    lines = "\n".join(blocks("console")).splitlines()
    return [line for line in lines if program in line.partition("#")[0].split()]


def find_command(words: list[str]) -> tuple[object, list[str]]:
    """The command that `blip2 words...` runs, and its arguments."""
    command = get_command(cli.app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def all_commands() -> list[list[str]]:
    found, open_groups = [], [([], get_command(cli.app))]
    while open_groups:
        path, command = open_groups.pop()
        found.append(path)
        for name, child in getattr(command, "commands", {}).items():
            open_groups.append(([*path, name], child))
    return found


@pytest.mark.parametrize("line", console_lines("blip2"))
def test_readme_commands_parse(line: str) -> None:
    command, words = find_command(shlex.split(line, comments=True)[1:])
    command.make_context("blip2", words)


@pytest.mark.parametrize("line", console_lines("make"))
def test_readme_targets_exist(line: str) -> None:
    target = line.partition("make ")[2].split()[0]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


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


def test_commands_about_maps_parse() -> None:
    text = (ROOT / "docs/explaining.md").read_text("utf-8")
    lines = re.findall(r"^blip2 (.*)$", text, re.MULTILINE)
    assert len(lines) > 5
    for line in lines:
        command, words = find_command(shlex.split(line))
        command.make_context("blip2", words)


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
