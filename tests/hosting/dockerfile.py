"""A Dockerfile read, and done in an empty folder without Docker.

Paths are put below the folder, and what is not root's is done as uid 1000 where the tests are root.
Layers and `FROM` are left out.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

UID = 1000
HOMES = ("/home/studio", "/data", "/backups")
"""Folders of the image that the Dockerfile makes and names."""


def own(path: Path) -> None:
    """Give a path to the user of the container."""
    if os.getuid() == 0:
        os.chown(path, UID, UID)


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, its text), lines that go on joined; comments left out."""
    kept = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(kept))
    lines = [line.strip() for line in joined.splitlines() if line.strip()]
    return [(word.upper(), rest.strip()) for word, _, rest in (x.partition(" ") for x in lines)]


def run_as() -> dict[str, object]:
    """Arguments of `subprocess` that make somebody ordinary of root."""
    return {"user": UID, "group": UID, "extra_groups": []} if os.getuid() == 0 else {}


@dataclass
class Built:
    """What a Dockerfile leaves: a folder for /, variables, and how the container is started."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "root"
    command: Sequence[str] = ()
    health: Sequence[str] = ()
    volumes: list[str] = field(default_factory=list)
    root_commands: list[str] = field(default_factory=list)

    def inside(self, text: str) -> str:
        """A text with the paths of the image put below the folder."""
        pattern = rf"(?<![\w./-])({'|'.join(HOMES)})(?![\w.-])"
        return re.sub(pattern, lambda found: f"{self.root}{found[1]}", text)

    def start(
        self, command: Sequence[str], more: Mapping[str, str] | None = None, **options: object
    ) -> "subprocess.Popen[str]":
        """A process in the container: its user, its folder and its variables alone."""
        return subprocess.Popen(
            [self.inside(word) for word in command],
            cwd=self.inside(self.folder),
            env=self.variables() | dict(more or {}),
            text=True,
            **run_as(),  # type: ignore[call-overload]
            **options,
        )

    def variables(self) -> dict[str, str]:
        """Those of the image, and of this machine what pip needs to find packages."""
        given = {name: self.inside(value) for name, value in self.environment.items()}
        of_pip = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_", "SSL_"))}
        return of_pip | {"HOME": self.inside(HOMES[0])} | given


def build(project: Path, root: Path, arguments: Mapping[str, str] | None = None) -> Built:
    """Do what the Dockerfile of a project says."""
    built = Built(root, {"PATH": f"{_python_in(root)}:/usr/local/bin:/usr/bin:/bin"})
    for home in HOMES:
        folder = Path(built.inside(home))
        folder.mkdir(parents=True)
        own(folder)
    for word, rest in instructions((project / "Dockerfile").read_text()):
        if word == "USER":
            built.user = rest
        elif word == "WORKDIR":
            built.folder = rest
            Path(built.inside(rest)).mkdir(parents=True)
        elif word in ("ENV", "ARG"):
            for pair in shlex.split(rest):
                name, _, value = pair.partition("=")
                value = (arguments or {}).get(name, value) if word == "ARG" else value
                built.environment[name] = re.sub(
                    r"\$(\w+)", lambda found: built.environment[found[1]], value
                )
        elif word == "RUN":
            _run(built, rest)
        elif word == "COPY":
            _copy(built, project, [part for part in rest.split() if not part.startswith("--")])
        elif word == "VOLUME":
            built.volumes.append(rest)
        elif word == "CMD":
            built.command = json.loads(rest)
        elif word == "HEALTHCHECK":
            built.health = json.loads(rest[rest.index("CMD") + 3 :])
        else:
            assert word in ("FROM", "EXPOSE"), word
    return built


def _python_in(root: Path) -> Path:
    """A folder with the `python` that the base image brings: one here that everybody may run."""
    folder = root / "usr" / "local" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(python_for_all())
    return folder


def python_for_all() -> Path:
    """This Python, or the system's where this one lies in a folder of root alone."""
    for python in (Path(sys.base_prefix) / "bin" / "python3", Path("/usr/bin/python3")):
        tried = "import sys, venv, ensurepip; assert sys.version_info >= (3, 11)"
        with suppress(OSError):
            if subprocess.run([python, "-c", tried], **run_as()).returncode == 0:  # type: ignore[call-overload]
                return python
    raise AssertionError("there is no Python that the user of the container could run")


def _run(built: Built, command: str) -> None:
    if built.user == "root":  # makes the user and folders, which are there
        built.root_commands.append(command)
        return
    process = built.start(["sh", "-c", command])
    assert process.wait() == 0, command


def _copy(built: Built, project: Path, names: Sequence[str]) -> None:
    *sources, target = names
    ignored = GitIgnoreSpec.from_lines((project / ".dockerignore").read_text().splitlines())
    folder = Path(built.inside(built.folder)) / target
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in sources:
        for source in project.glob(pattern) if pattern != "." else [project]:
            for file in [source] if source.is_file() else sorted(source.rglob("*")):
                name = file.relative_to(project).as_posix()
                if not file.is_file() or ignored.match_file(name):
                    continue
                to = folder / (name if pattern == "." else file.name)
                to.parent.mkdir(parents=True, exist_ok=True)
                own(Path(shutil.copy(file, to)))
