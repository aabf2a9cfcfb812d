"""What an address of the workbench names, read from its query. Anybody may write any query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

LONGEST_QUERY = 4000
"""Characters of a query that is read; more is nothing that the page wrote."""
MOST_FIELDS = 60
KEY = re.compile(r"[0-9a-f]{64}")
"""Key of an image, see `ChatImage.key`."""
_NUMBER = re.compile(r"[1-9][0-9]{0,14}")
OWN = ("tab", "model", "image", "item", "text")
"""Names that are no settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is open. Empty or None: what a visitor finds on arrival."""

    tab: str = ""
    model: str = ""
    image: str = ""
    """Key of the image, or what else stands there."""
    item: int | None = None
    """Item of the curator's database."""
    text: int | None = None
    """Caption of the item, by its number, to look inside with."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """All other fields; hostile."""


def place_from(query: Any) -> Place:
    """Return what a query names; what cannot be read is left out."""
    if not isinstance(query, str) or len(query) > LONGEST_QUERY:
        return Place()
    try:
        found = dict(parse_qsl(query.removeprefix("?"), max_num_fields=MOST_FIELDS))
    except ValueError:  # too many fields
        return Place()
    return Place(
        tab=found.get("tab", ""),
        model=found.get("model", ""),
        image=found.get("image", ""),
        item=_number(found.get("item", "")),
        text=_number(found.get("text", "")),
        settings={name: value for name, value in found.items() if name not in OWN},
    )


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None
