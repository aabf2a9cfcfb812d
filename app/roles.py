"""Who somebody is to the studio, and what each role may do there.

A program in front of both apps knows who asks, and tells them in a header that no request from
outside can bring along, see `app.login.middleware`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import quote, unquote

Role = Literal["visitor", "curator", "owner"]
ROLES: tuple[Role, ...] = get_args(Role)
Permission = Literal["ask", "keep", "import", "judge", "train", "switch model", "push", "take down"]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)

_VISITOR: frozenset[Permission] = frozenset({"ask"})
_CURATOR: frozenset[Permission] = _VISITOR | {"keep", "import", "judge"}
MAY: dict[Role, frozenset[Permission]] = {
    "visitor": _VISITOR,
    "curator": _CURATOR,
    "owner": frozenset(PERMISSIONS),
}
"""Role -> what it may do.

ask: everything in the workbench that changes nothing for others. keep: save images and texts of the
workbench to a dataset. judge: the curator's pages, exports included; import: what its inbox offers
there. switch model: have a large model loaded that is not loaded yet, as everyone feels that. take
down: the page of that name. train, push: no page and no endpoint does either; training is
`blip2 train` on the command line, and no command pushes. Whoever adds a page for them asks for the
permission.
"""
VISITOR_HEADER = "x-blip2-visitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who asks."""

    role: Role
    name: str = ""
    """As they logged in; empty where nobody logs in."""

    def may(self, action: Permission) -> bool:
        """Return whether the visitor's role may do something."""
        return action in MAY[self.role]


_without_header = [Visitor(role="visitor")]
"""Who asks where a request has no such header."""


def treat_everyone_as_owner() -> None:
    """Count who asks without the header as the owner, in this process from now on.

    For who serves an app with no program in front of it and to this machine alone, as with
    `streamlit run`: it has one user, who started it.
    """
    _without_header[0] = Visitor(role="owner")


def header_of(visitor: Visitor) -> bytes:
    """Return the value of the header that tells the apps who asks."""
    return f"{visitor.role} {quote(visitor.name)}".encode("ascii")


def visitor_of(headers: Mapping[str, str]) -> Visitor:
    """Return who asks, by the headers of a request.

    Without the header it is a visitor, for the program in front of the apps always sends it; see
    `treat_everyone_as_owner`.
    """
    told = headers.get(VISITOR_HEADER)
    if told is None:
        return _without_header[0]
    role, _, name = told.partition(" ")
    found: Role = next((one for one in ROLES if one == role), "visitor")
    return Visitor(role=found, name=unquote(name))
