"""Headers of every answer: what a browser may load, and in whose frames the page may stand."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import is_space

HUGGING_FACE = "https://huggingface.co https://*.hf.space"
"""Where a Space stands in a frame."""
CORS = "access-control-"
"""Where the names of headers begin that let pages of other sites read an answer."""
_SOURCES = {
    "default-src": "'self'",
    # Both frameworks write scripts and styles into their pages; Gradio compiles templates of ours,
    # Streamlit loads the code of components of ours from a blob.
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",  # websockets of the same origin are 'self', too
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
"""Nothing is loaded from, or sent to, another site."""


def security_headers() -> dict[str, str]:
    """Return the headers, by lower-case name."""
    ancestors = f"'self' {HUGGING_FACE}" if is_space() else "'self'"
    sources = {**_SOURCES, "frame-ancestors": ancestors}
    headers = {
        "content-security-policy": "; ".join(f"{key} {value}" for key, value in sources.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "permissions-policy": "geolocation=(), microphone=(), payment=(), usb=()",
        "cross-origin-opener-policy": "same-origin",
    }
    # For browsers that know no frame-ancestors; it cannot name a site.
    return headers if is_space() else headers | {"x-frame-options": "SAMEORIGIN"}


class SecurityHeaders:
    """ASGI middleware that adds them; an answer that sets one itself keeps its own.

    What would let pages of other sites read an answer (CORS) is taken out: Gradio and Streamlit
    send it for other ports of this machine, where other programs have their pages.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = security_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, with the headers."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                for name in [name for name in headers if name.startswith(CORS)]:
                    del headers[name]
            await send(message)

        await self.app(scope, receive, adding)
