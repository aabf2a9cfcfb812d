"""What the Dockerfile makes, made once for all tests of hosting."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.space import ROOT
from tests.hosting.dockerfile import Built, build


@pytest.fixture(scope="session")
def image() -> Iterator[Built]:
    root = Path(tempfile.mkdtemp(prefix="image-"))  # not below pytest's, which only root may read
    root.chmod(0o755)
    try:
        built = build(copied(root / "project"), root / "root")
        yield built
    finally:
        shutil.rmtree(root, ignore_errors=True)


def copied(folder: Path) -> Path:
    """The project as a fresh clone has it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder
