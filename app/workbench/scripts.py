"""ES modules as one script for the browser: what Gradio runs is the body of a function, in which
`import` and `export` cannot be used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

IMPORT = re.compile(r'^import \{[^}]*\} from "\./[\w-]+\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?function |const |let |class )", re.MULTILINE)


def bundle(modules: Sequence[Path], start: str) -> str:
    """Return the code of modules without imports and exports, and `start`, the lines after it.

    Each module stands after those that it imports, and all share one scope: no two may define the
    same name at the top level.
    """
    code = [EXPORT.sub("", IMPORT.sub("", file.read_text("utf-8"))) for file in modules]
    return "\n".join([*code, start])
