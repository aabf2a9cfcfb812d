"""The subject of an export: its dataset and snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A frozen set of pairs by name. All texts in it may be hostile."""

    dataset: str
    snapshot: str
    content_sha256: str
    """Of the pairs: the same decisions under the same policy have the same hash."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    """The rules that chose the pairs; plain JSON values."""
    applied: Sequence[Mapping[str, Any]] = ()
    """What each threshold batch was applied with that accepted some of the pairs."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Why texts were not accepted -> how many."""
    agreement: str = ""
    """How far two people agreed, in a sentence; empty where nobody looked twice."""
