"""Writes docs/tree.md: every folder and module of the two packages with the first sentence of its
docstring.

    python docs/write_tree.py
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "blip2core")
HEAD = """# Every module

Made of the modules' own docstrings by `python docs/write_tree.py`, and checked by a test.
"""


def tree() -> str:
    """Return the whole page."""
    folders = [folder for name in PACKAGES for folder in _folders(ROOT / name)]
    return "\n".join([HEAD, *(_section(folder) for folder in folders)])


def _folders(top: Path) -> list[Path]:
    inner = [path for path in top.rglob("*") if path.is_dir() and path.name != "__pycache__"]
    return [folder for folder in [top, *sorted(inner)] if _files(folder)]


def _files(folder: Path) -> list[Path]:
    """Return what is listed of a folder, without its `__init__.py`."""
    return sorted(
        f for f in folder.iterdir() if f.suffix in (".py", ".js") and f.name != "__init__.py"
    )


def _section(folder: Path) -> str:
    package = folder / "__init__.py"
    about = f"{sentence(package)}\n\n" if package.exists() and sentence(package) else ""
    rows = "\n".join(f"| `{file.name}` | {sentence(file)} |" for file in _files(folder))
    return f"## {folder.relative_to(ROOT)}/\n\n{about}| file | what it is |\n|---|---|\n{rows}\n"


def sentence(file: Path) -> str:
    """Return the first sentence that a file says of itself; empty where it says nothing.

    A "?" ends no sentence, since it may be part of a title or a name.
    """
    text = file.read_text("utf-8")
    if file.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    else:
        said = _first_comment(text)
    paragraph = " ".join(said.partition("\n\n")[0].split())
    first = re.split(r"(?<=[.!])\s", paragraph, maxsplit=1)[0]
    return first.replace("|", "\\|")


def _first_comment(text: str) -> str:
    lines = re.match(r"(?:[ \t]*//[^\n]*\n)+", text)
    return "\n".join(line.strip(" /") for line in lines[0].splitlines()) if lines else ""


if __name__ == "__main__":
    (ROOT / "docs" / "tree.md").write_text(tree(), "utf-8")
