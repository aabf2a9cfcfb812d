"""Who counts as one visitor in what strangers may take."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from app.login.networks import networks_of
from app.roles import visitor_of


def keys_of(scope: Scope) -> tuple[str, ...]:
    """Return what a request counts for: the name of who asks, else the networks of their address.

    The first may do what one visitor may, the second, a wider network, `WIDER` times as much.
    """
    name = visitor_of(Headers(scope=scope)).name
    address = scope["client"][0] if scope.get("client") else ""
    return (f"name {name}",) if name else networks_of(address)
