"""Imports point one way: the table of who may import whom, walked with `ast`."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BASE = {
    "errors",
    "arguments",
    "texts",
    "config",
    "records",
    "image_files",
    "pixels",
    "file_names",
    "images",
    "bundled",
    "progress",
    "disk",
    "device_errors",
}
MAY_IMPORT = {
    "errors": set(),
    "arguments": {"errors"},
    "texts": set(),
    "bundled": set(),
    "progress": {"texts"},
    "disk": set(),
    "device_errors": {"errors"},
    "config": {"errors", "arguments"},
    "records": {"errors"},
    "png_texts": set(),
    "gif_comments": set(),
    "tag_directories": set(),
    "image_files": {"errors", "png_texts", "gif_comments", "tag_directories"},
    "pixels": set(),
    "file_names": {"errors", "texts"},
    "images": {"errors", "arguments", "image_files", "tag_directories", "pixels"},
    "calibration": {"errors"},
    "agreement": {"texts"},
    "storage": {"errors", "records", "texts", "disk"},
    "models": BASE,
    "stickers": BASE,
    "chat": BASE | {"models"},
    "doubt": BASE | {"models"},
    "explain": BASE | {"models"},
    "capfilt": BASE | {"models"},
    "formats": BASE | {"gif_comments"},
    "remote": {"errors", "arguments", "texts"},
    "intake": BASE | {"formats", "remote"},
    "evaluation": BASE
    | {"calibration", "models", "chat", "doubt", "explain", "stickers", "capfilt"},
    "training": BASE | {"models", "doubt", "stickers", "formats", "intake", "evaluation"},
    "exports": BASE | {"storage", "agreement", "formats", "remote"},
    "curation": BASE | {"models", "capfilt", "doubt", "storage", "intake"},
}
EVERYTHING = BASE | set(MAY_IMPORT)
MAY_IMPORT |= {"cli": EVERYTHING, "__main__": {"cli"}, "__init__": set()}
APP_BASE = {"settings", "escaping", "roles", "metrics", "request_info", "shares", "design_tokens"}
"""Modules of app/ itself that import nothing of its packages."""
APP_MAY_IMPORT = {
    **{key: {"roles"} for key in APP_BASE},
    "metrics": {"request_info"},
    "login": APP_BASE,
    "header": APP_BASE,
    "gradio_internals": set(),
    "glossary": set(),
    "doctor": APP_BASE | {"serving"},
    "inference": APP_BASE,
    "chat": APP_BASE | {"inference"},
    "incoming": set(),
    "outages": set(),
    "jobs": APP_BASE | {"incoming", "inference", "outages"},
    "services": APP_BASE | {"inference", "chat", "jobs"},
    "workbench": APP_BASE
    | {"inference", "chat", "services", "gradio_internals", "glossary", "header"},
    "curator": APP_BASE | {"glossary", "header", "inference", "chat", "services", "jobs"},
    "serving": APP_BASE
    | {"login", "inference", "chat", "services", "jobs"}
    | {"workbench", "curator", "gradio_internals"},
    **dict.fromkeys(
        ("__main__", "space", "users"), APP_BASE | {"__main__", "login", "serving", "services"}
    ),
    "__init__": set(),
}
"""Package or module of app/ -> what of app/ it may import besides itself."""
DRAWS = {
    "gradio_internals": {"gradio"},
    "workbench": {"gradio"},
    "curator": {"streamlit"},
    "serving": {"gradio", "streamlit"},
}
"""Package or module -> the frameworks it may import; no other imports any."""
WITHOUT_TORCH = {
    *BASE,
    "storage",
    "stickers",
    "exports",
    "formats",
    "remote",
    "intake",
    "calibration",
    "agreement",
    "__init__",
}
FILES = [file for package in ("blip2core", "app") for file in (ROOT / package).rglob("*.py")]


def imported_modules(file: Path) -> set[str]:
    """Dotted names of all that a file imports, at its top or inside a function."""
    nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
    names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    relative = [node.lineno for node in froms if node.level]
    assert not relative, f"{file}, line {relative}: name the package instead of dots in an import"
    return names | {f"{node.module}.{name.name}" for node in froms for name in node.names}


def test_a_relative_import_is_refused(tmp_path: Path) -> None:
    for line in ("from ..workbench import page", "from . import page", "from .page import TABS"):
        (tmp_path / "session.py").write_text(f"import os\n{line}\n")
        with pytest.raises(AssertionError, match="line .2.: name the package"):
            imported_modules(tmp_path / "session.py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_one_way(file: Path) -> None:
    package, *inner = file.relative_to(ROOT).with_suffix("").parts
    unit = inner[0]
    modules = [name.split(".") for name in imported_modules(file)]
    ours = {parts[1] for parts in modules if parts[0] == package and len(parts) > 1} - {unit}
    others = {parts[0] for parts in modules}
    if package == "app":
        assert ours <= APP_MAY_IMPORT[unit]
        assert others & {"gradio", "streamlit"} <= DRAWS.get(unit, set())
    else:
        assert ours <= MAY_IMPORT[unit]
        assert not others & {"app", "gradio", "streamlit"}
        assert unit not in WITHOUT_TORCH or not others & {"torch", "transformers"}


def test_the_apps_open_no_address_of_another_storage() -> None:
    """Whoever visits them would read it with the credentials of the host."""
    reaching = ("blip2core.remote", "blip2core.intake.Storages", "blip2core.intake.storages")
    reaching += ("blip2core.intake.hub", "blip2core.exports.hub", "blip2core.exports.uploads")
    names = {name for file in (ROOT / "app").rglob("*.py") for name in imported_modules(file)}
    assert "blip2core.intake.read" in names
    assert [name for name in names if name.startswith(reaching)] == []


def module_name(file: Path) -> str:
    """The dotted name of a file's module."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def circular_imports(package: str) -> list[str]:
    """The modules of a circle; empty where none import each other, in functions or for types."""
    files = {module_name(file): file for file in (ROOT / package).rglob("*.py")}
    graph = {}
    for name, file in files.items():
        found = imported_modules(file)
        # Of "package.module.name" the module counts, of "package.module" the module itself.
        modules = {one if one in files else one.rpartition(".")[0] for one in found}
        graph[name] = modules & files.keys() - {name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


@pytest.mark.parametrize("package", ["blip2core", "app"])
def test_modules_do_not_import_each_other_in_a_circle(package: str) -> None:
    assert circular_imports(package) == []
