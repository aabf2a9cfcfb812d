"""The file that a Hugging Face Space runs: the workbench; the curator too where people sign in."""

import os
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":  # run as a file: Python then looks for modules beside it, not above
    sys.path[0] = str(ROOT)
    with suppress(ImportError):  # on ZeroGPU it has to come before torch, which it changes
        import spaces  # noqa: F401

from app.__main__ import serve
from app.serving.run import run
from app.settings import data_folder_of_space

if __name__ == "__main__":
    os.environ.setdefault("BLIP2_DATA", str(data_folder_of_space()))
    sys.exit(run(serve))
