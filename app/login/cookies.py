"""The cookie of a session, under a name that browsers guard where they can.

By https its name begins with `__Host-`, so that browsers take it from this very host alone, or with
`__Secure-` where the studio is below a path (RFC 6265bis section 4.1.3). A cookie that another site
of the domain set, or somebody on the way of plain http, has no such name and is not read.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from app.login.sessions import LONGEST_SECONDS
from app.settings import is_space

PREFIXES = ("", "__Host-", "__Secure-")


def prefix_of(connection: HTTPConnection) -> str:
    """Return how the names of cookies begin for a request."""
    if not is_secure(connection):
        return ""
    return "__Secure-" if root_of(connection) else "__Host-"


def is_secure(connection: HTTPConnection) -> bool:
    """Return whether a browser sends the request by https, as it always does on a Space."""
    return is_space() or connection.scope.get("scheme") in ("https", "wss")


def root_of(connection: HTTPConnection) -> str:
    """Return the path under which the studio is mounted; empty for none."""
    root: str = connection.scope.get("root_path", "")
    return root


def token_in(connection: HTTPConnection, name: str) -> str:
    """Return what the cookie of a session brought, empty for none; `name` is without prefix."""
    return connection.cookies.get(f"{prefix_of(connection)}{name}", "")


def set_cookie(headers: MutableHeaders, name: str, connection: HTTPConnection, token: str) -> None:
    """Add the cookie of a session to an answer; an empty token takes it away."""
    parts = [
        f"{prefix_of(connection)}{name}={token}",
        f"Path={root_of(connection) or '/'}",
        f"Max-Age={int(LONGEST_SECONDS) if token else 0}",
        "HttpOnly",
    ]
    parts += ["Secure"] if is_secure(connection) else []
    if is_space():  # its page stands in a frame of another site
        parts += ["SameSite=None", "Partitioned"]
    else:
        parts += ["SameSite=Lax"]
    headers.append("set-cookie", "; ".join(parts))
    headers["cache-control"] = "no-store"
