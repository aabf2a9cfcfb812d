"""What is built from this repository, installed elsewhere, works there; and the locks agree."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from blip2core import bundled

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKS = [f"requirements{which}.txt" for which in ("", "-dev", "-docs", "-mutants")]


PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


def pins(lock: str) -> dict[str, str]:
    """Package -> version, of every line of a lock that is not a comment."""
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    found = [line for line in lines if not line.startswith("#")]
    parsed = [re.fullmatch(r"([a-z0-9-]+)==([\w.]+)( ; .*)?", line) for line in found]
    assert all(parsed), "a lock has packages with exact versions, and nothing else"
    return {match[1]: match[2] for match in parsed}


def name_of(requirement: str) -> str:
    return re.match(r"[\w-]+", requirement)[0]


def test_data_is_found_in_the_repository_and_in_a_wheel(tmp_path: Path) -> None:
    assert bundled.CHECKPOINTS == ROOT / "data" / "checkpoints"
    assert bundled.SAMPLES == ROOT / "data" / "samples"
    package = tmp_path / "blip2core"
    assert bundled.find_data(package) == tmp_path / "data"
    (package / "_data").mkdir(parents=True)
    assert bundled.find_data(package) == package / "_data"


def test_every_dependency_is_locked() -> None:
    extras = PROJECT["optional-dependencies"]
    assert set(map(name_of, PROJECT["dependencies"])) - {"psycopg"} <= set(pins("requirements.txt"))
    assert set(map(name_of, extras["test"] + extras["dev"])) <= set(pins("requirements-dev.txt"))
    assert set(map(name_of, extras["docs"])) <= set(pins("requirements-docs.txt"))
    assert set(map(name_of, extras["mutants"])) <= set(pins("requirements-mutants.txt"))


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_agree_and_bring_no_package_for_gpus(lock: str) -> None:
    base, these = pins("requirements.txt"), pins(lock)
    assert these.items() >= base.items()
    torch = f"torch=={these['torch']}"
    assert torch == (ROOT / "requirements-torch.txt").read_text("utf-8").strip()
    assert not [name for name in these if name.startswith(("nvidia", "cuda", "triton"))]


def test_space_runs_the_locked_gradio() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert (
        re.search(r"^sdk_version: (.*)$", readme, re.MULTILINE)[1]
        == (pins("requirements.txt")["gradio"])
    )


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, built from a copy, as building leaves files behind."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("sdist")
    for name in tracked_files():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    run(source, sys.executable, "-c", build)
    [built] = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source archive alone."""
    folder = tmp_path_factory.mktemp("wheel")
    words = ["wheel", "--no-deps", "--no-build-isolation", "-w", folder, sdist]
    run(folder, sys.executable, *PIP, *words)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that was empty: torch, the wheel, and what the
    wheel asks for, in the versions of the lock.
    """
    folder = tmp_path_factory.mktemp("installed") / "environment"
    venv.create(folder, with_pip=True, symlinks=True)
    scheme = sysconfig.get_paths("venv", {"base": str(folder), "platbase": str(folder)})
    scripts = Path(scheme["scripts"])
    run(folder, ROOT / ".ci" / "install-torch", scripts / "python")
    run(folder, scripts / "python", *PIP, "install", "-c", ROOT / "requirements.txt", wheel)
    return scripts


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def run(folder: Path, *command: str | Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def environment(folder: Path) -> dict[str, str]:
    """The environment without what would lead Python or the studio back into the repository."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and not name.startswith(("BLIP2_", "GRADIO_"))
    }
    return kept | {"BLIP2_DATA": str(folder / "data"), "HF_HUB_OFFLINE": "1"}


def output(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_wheel_has_every_file(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    data = [file for file in (ROOT / "data").rglob("*") if file.is_file()]
    other = [
        file
        for package in ("app", "blip2core")
        for file in (ROOT / package).rglob("*")
        if file.suffix in (".py", ".js", ".css", ".html", ".png", ".mako", ".json")
    ]
    wanted = {f"blip2core/_data/{file.relative_to(ROOT / 'data').as_posix()}" for file in data}
    wanted |= {file.relative_to(ROOT).as_posix() for file in other}
    assert wanted - inside == set()
    assert len([name for name in inside if "/_data/checkpoints/" in name]) == 23


@pytest.mark.slow
def test_source_archive_has_what_the_commands_need(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert set(tracked_files()) - inside == set()


@pytest.mark.slow
def test_what_is_installed_needs_nothing_else(programs: Path, tmp_path: Path) -> None:
    run(tmp_path, programs / "python", "-m", "pip", "check")


@pytest.mark.slow
def test_installed_commands_work(programs: Path, tmp_path: Path) -> None:
    where = output(tmp_path, programs / "python", "-c", "import app, blip2core.bundled as b; "
                   "print(app.__file__, b.SAMPLES)")  # fmt: skip
    package, samples = where.split()
    assert Path(package).is_relative_to(programs.parent)
    assert Path(samples).is_relative_to(programs.parent)
    assert "stickers-opt" in output(tmp_path, programs / "blip2", "models")
    caption = output(tmp_path, programs / "blip2", "caption", Path(samples) / "beach-1.png")
    assert "a pink key and a whale on the beach" in caption
    assert "BLIP2_PORT" in output(tmp_path, programs / "blip2-studio", "--help")


@pytest.mark.slow
@pytest.mark.parametrize("words", [["python", "-m", "app"], ["blip2-studio"]], ids=" ".join)
def test_installed_studio_serves_both_apps(
    programs: Path, tmp_path: Path, words: list[str]
) -> None:
    errors = tmp_path / "errors"
    with (
        errors.open("w") as file,
        subprocess.Popen(
            [programs / words[0], *words[1:]],
            cwd=tmp_path,
            env=environment(tmp_path) | {"BLIP2_OPEN_BROWSER": "0"},
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        ) as process,
    ):
        try:
            said = next((line for line in process.stdout if ": http" in line), "")
            assert said, errors.read_text()
            address = said.split()[-1].rstrip("/")
            for path in ("/", "/curator/"):
                with urllib.request.urlopen(address + path, timeout=60) as answer:
                    assert answer.status == 200
        finally:
            process.kill()
