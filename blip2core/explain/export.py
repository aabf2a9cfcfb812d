"""A trace as files: its arrays as NPZ, everything that is not an array as JSON."""

import io
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy
from torch import Tensor

from blip2core.errors import ExportError, way_out
from blip2core.explain.trace import Trace

LONGEST_NAME = 60
"""Characters of a file name made from a text."""


def trace_arrays(trace: Trace) -> dict[str, Tensor]:
    """Return name -> array; the names are those of the fields, with the pass in front."""
    arrays = {"alone_cross": trace.alone.cross, "alone_within": trace.alone.within}
    if trace.together is not None:
        known = {
            "cross": trace.together.cross,
            "within": trace.together.within,
            "cross_gradients": trace.together.cross_gradients,
            "within_gradients": trace.together.within_gradients,
        }
        found = {name: value for name, value in known.items() if value is not None}
        arrays |= {f"together_{name}": value for name, value in found.items()}
    if trace.cosines is not None:
        arrays["cosines"] = trace.cosines.values
    return arrays


def trace_facts(trace: Trace) -> dict[str, Any]:
    """Return what is not an array, as plain JSON values."""
    return {
        "model": trace.model,
        "revision": trace.revision,
        "grid": list(trace.grid),
        "class_token": trace.class_token,
        "layers": list(trace.layers),
        "heads": trace.heads,
        "queries": trace.queries,
        "text": trace.text,
        "truncated": trace.truncated,
        "tokens": list(trace.tokens),
        "words": [{"text": word.text, "tokens": list(word.tokens)} for word in trace.words],
        **trace.facts_of_fit,
        "winner": None if trace.cosines is None else trace.cosines.winner,
        "arrays": {name: list(value.shape) for name, value in trace_arrays(trace).items()},
    }


def trace_npz(trace: Trace) -> bytes:
    """Return an NPZ file: the arrays, and the facts as JSON in the array `facts`.

    Nothing is pickled.
    """
    file = io.BytesIO()
    arrays = {name: value.numpy() for name, value in trace_arrays(trace).items()}
    facts = numpy.array(json.dumps(trace_facts(trace), ensure_ascii=False))
    numpy.savez_compressed(file, allow_pickle=False, facts=facts, **arrays)
    return file.getvalue()


def trace_json(trace: Trace) -> str:
    """Return a JSON file: facts and arrays, these as nested lists."""
    arrays = {name: value.tolist() for name, value in trace_arrays(trace).items()}
    return json.dumps({**trace_facts(trace), "values": arrays}, ensure_ascii=False)


def write_file(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all. Raises ExportError where it cannot be written."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        try:
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        said = f"{error.strerror or error}{way_out(error)}"
        raise ExportError(f"{path} cannot be written: {said}.") from error


def file_name(text: str | None, kind: str) -> str:
    """Return a safe name for a download: letters and digits of a hostile text, and the kind as
    suffix.
    """
    plain = unicodedata.normalize("NFKD", text or "").encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:LONGEST_NAME].strip("-")
    return f"attention-{words}.{kind}" if words else f"attention.{kind}"
