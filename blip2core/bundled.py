"""The files that come with the package: embedded checkpoints and sample images.

They lie in `data/` of the repository, and in `blip2core/_data/` of an installed wheel.
"""

from pathlib import Path

_PACKAGE_FOLDER = Path(__file__).resolve().parent


def find_data(package: Path) -> Path:
    """Return the folder of the bundled files that belongs to the folder of this package."""
    installed = package / "_data"
    return installed if installed.is_dir() else package.parent / "data"


CHECKPOINTS = find_data(_PACKAGE_FOLDER) / "checkpoints"
SAMPLES = find_data(_PACKAGE_FOLDER) / "samples"
