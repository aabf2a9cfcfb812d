"""The glossary of both apps: terms with a sentence each, and the browser code that shows them.

A term is underlined wherever it stands on a page, and pressing it tells its sentence; the key G, or
any element with the attribute `data-glossary`, opens the whole list.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
TERMS_FILE = _HERE / "terms.toml"
CODE = _HERE / "glossary.js"
"""An ES module that imports nothing; its `offerGlossary` is called once on a page."""
OPEN_BUTTON = '<button type="button" class="glossary-open" data-glossary>Terms (G)</button>'
"""HTML of a button that opens the whole list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A term and what it means."""

    name: str
    sentence: str
    also: tuple[str, ...] = ()
    """Other forms in which it stands on a page."""


@cache
def terms() -> tuple[Term, ...]:
    """Return all terms in the order of their names."""
    found = tomllib.loads(TERMS_FILE.read_text("utf-8"))["term"]
    return tuple(
        Term(name=one["name"], sentence=one["sentence"], also=tuple(one.get("also", ())))
        for one in found
    )


def call_with_terms(how: str = "") -> str:
    """Return the JavaScript call that shows the glossary on a page, safe inside a script element.

    `how` is the address of the page "How BLIP-2 answers" from where the call stands; empty: no
    link.
    """
    style = (_HERE / "glossary.css").read_text("utf-8")
    given = json.dumps([[asdict(one) for one in terms()], style, how])
    return f"offerGlossary(...{given.replace('<', chr(92) + 'u003c')});"
