"""Explain one image and a text from end to end, for the command line and for scripts."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from blip2core.errors import ConfigError
from blip2core.explain import DEFAULT_METHOD, METHODS, WITHOUT_TEXT
from blip2core.explain.export import trace_npz, write_file
from blip2core.explain.faithfulness import faithfulness
from blip2core.explain.heatmap import EVERYTHING, Focus, Heatmap
from blip2core.explain.render import render_png
from blip2core.explain.trace import Trace, trace
from blip2core.models import ImageFeatures, Matcher


def explain_image(
    matcher: Matcher,
    image: Image.Image,
    text: str,
    *,
    method: str | None = None,
    focus: Focus = EVERYTHING,
    test: bool = False,
    files: tuple[Path | None, Path | None] = (None, None),
) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each method asked for: one by name, the default (None), or "all" that can be.

    An empty text explains the image alone. `test` measures deletion and insertion. `files` are
    where the map goes as PNG, and all attention as NPZ; with several maps, the method joins the
    name of the PNG.
    Raises ConfigError (no such method, query, layer, head or word), ExportError.
    """
    out, npz = files
    names = chosen_methods(method, has_text=bool(text.strip()))
    features = matcher.encode([image])
    known = text if text.strip() else None
    seen = trace(matcher, features, known, gradients=known is not None)
    if npz is not None:
        write_file(npz, trace_npz(seen))
    for name in names:
        found = METHODS[name](seen, focus)
        if out is not None:
            file = out if len(names) == 1 else out.with_stem(f"{out.stem}-{name}")
            write_file(file, render_png(image, found))
        yield _row(seen, name, found) | (_tested(matcher, features, known, found) if test else {})


def chosen_methods(method: str | None, *, has_text: bool) -> list[str]:
    """Return the names of methods. Raises ConfigError for an unknown one."""
    if method is None:
        return [DEFAULT_METHOD if has_text else WITHOUT_TEXT]
    if method == "all":
        if has_text:
            return list(METHODS)
        able = [name for name, spec in METHODS.items() if spec.needs == "image"]
        return sorted(able, key=lambda name: name != WITHOUT_TEXT)
    if method not in METHODS:
        raise ConfigError(f"method ({method}) must be one of {', '.join(METHODS)}, all")
    return [method]


def _tested(
    matcher: Matcher, features: ImageFeatures, text: str | None, found: Heatmap
) -> dict[str, Any]:
    """Return the part of a row that says whether the map is faithful."""
    if text is None:
        raise ConfigError("test needs a text: its score is what the map is measured by")
    if found.is_flat:
        return {"shows_what_counts": False, "verdict": "A flat map has no order to measure."}
    *_, last = faithfulness(matcher, features, text, found)
    assert last.result is not None  # nobody stopped it
    return {
        "deletion": last.result.deletion_area,
        "insertion": last.result.insertion_area,
        "random": [min(last.result.random_areas), max(last.result.random_areas)],
        "shows_what_counts": last.result.shows_what_counts,
        "verdict": last.result.verdict,
    }


def _row(seen: Trace, name: str, found: Heatmap) -> dict[str, Any]:
    x, y = found.peak_point
    return {
        "model": seen.model,
        "text": seen.text,
        **seen.facts_of_fit,
        "method": name,
        "description": found.describe(),
        "peak": None if found.is_flat else {"x": x, "y": y},
        "class_share": found.class_share,
        "map": [[float(f"{value:.5g}") for value in line] for line in found.values.tolist()],
    }
