"""Which requests are answered: those made to this server by its own name, and not for another site.

A page of evil.com can let its name lead to 127.0.0.1 (DNS rebinding), or send a form to this
server from a visitor's browser. The first has a foreign Host, the second a foreign Origin.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.login.requests import refuse
from app.metrics import note_refusal
from app.serving.proxied import FORWARDED_KEY
from app.settings import LOCAL, AppSettings, anonymous_role, host_of

READS = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing; a websocket's handshake is a GET too, but may do anything."""
HOST = re.compile(r"(\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(:\d+)?")


class HostGuard:
    """Refuses requests for foreign hosts, and changes that a page of another site asks for."""

    def __init__(self, app: ASGIApp, settings: AppSettings) -> None:
        self.app = app
        self.allowed = frozenset(name.lower() for name in settings.allowed_hosts)
        """Names that whoever runs the studio gave it, without port."""
        host = host_of(settings.host)
        self.local = host in LOCAL
        self.anyone_is_owner = anonymous_role(settings) == "owner"
        self.names = {*LOCAL, host, *self.allowed}
        if not self.local:
            own = (socket.gethostname(), f"{socket.gethostname()}.local")
            self.names |= {name.lower() for name in (*own, os.environ.get("SPACE_HOST", ""))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            note_refusal("host")
            await refuse(refusal, scope, receive, send)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if self.anyone_is_owner and (is_elsewhere(scope) or scope.get(FORWARDED_KEY)):
            return PlainTextResponse(
                "This studio is for its own machine alone. Whoever runs it behind a proxy names "
                "its site in BLIP2_ALLOWED_HOSTS, and says who may come in.",
                status_code=403,
            )
        host = headers.get("host", "")
        if not self.is_ours(host):
            return PlainTextResponse(
                "This studio is not served under this name. Whoever runs it adds the name to "
                "BLIP2_ALLOWED_HOSTS.",
                status_code=400,
            )
        changes = scope["type"] == "websocket" or scope["method"] not in READS
        origin = headers.get("origin")
        # Who is on the way of plain http writes pages of this name, too.
        is_plain = scope.get("scheme") in ("https", "wss") and (origin or "").startswith("http:")
        if changes and (is_plain or not self.is_own_page(origin, host)):
            return PlainTextResponse("A page of another site asked for this.", status_code=403)
        return None

    def is_ours(self, host: str) -> bool:
        """Return whether a Host header, with or without port, names this server.

        Where other machines reach it, any IP address does: it cannot know its own behind a
        proxy or in a container, and no name server can let a number lead elsewhere.
        """
        name = host_name(host)
        return bool(name) and (name in self.names or (not self.local and is_address(name)))

    def is_own_page(self, origin: str | None, host: str) -> bool:
        """Return whether an Origin header is of a page of this server; programs send none.

        Another port of the same machine is another site. Behind a proxy that changes the Host, a
        page's own name has to be one that was allowed.
        """
        if origin is None:
            return True
        _, _, site = origin.lower().partition("://")
        if site == host.lower():
            return True
        # Another port of an allowed name is another site, where the Host tells the name itself.
        return host_name(host) not in self.allowed and host_name(site) in self.allowed


def host_name(host: str) -> str:
    """Return a host without its port, in small letters: [::1]:7860 -> ::1; empty for nonsense."""
    found = HOST.fullmatch(host)
    return (found["address"] or found["name"]).lower() if found else ""


def is_elsewhere(scope: Scope) -> bool:
    """Return whether a request comes from another machine, as a proxy tells of it."""
    address = scope["client"][0] if scope.get("client") else ""
    if not is_address(address):
        return False
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return not (mapped or found).is_loopback


def is_address(name: str) -> bool:
    """Return whether a host is an IP address, for which no name server is asked."""
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False
