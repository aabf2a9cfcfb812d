"""The file that a Hugging Face Space runs: the workbench; the curator too where people sign in."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":  # run as a file: Python then looks for modules beside it, not above
    sys.path[0] = str(ROOT)

from app.__main__ import serve
from app.serving.run import run

if __name__ == "__main__":
    sys.exit(run(serve))
