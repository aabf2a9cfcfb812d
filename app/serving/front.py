"""What stands in front of both apps, the outermost first; the same however they are served."""

from __future__ import annotations

from functools import partial

import gradio as gr
from starlette.middleware import Middleware

from app.gradio_internals import queue_has_ended
from app.login.access import build_access
from app.login.middleware import Login
from app.services import Services
from app.serving.allowed_routes import AllowedRoutes
from app.serving.body_limit import BodyLimit
from app.serving.headers import SecurityHeaders
from app.serving.health import HealthChecks
from app.serving.hosts import HostGuard
from app.serving.open_requests import OpenRequests
from app.serving.proxied import Proxied
from app.serving.quotas import Quotas
from app.serving.request_log import RequestLog


def build_front(services: Services, page: gr.Blocks | None = None) -> list[Middleware]:
    """Return the middleware; `page` is the workbench that stands behind it.

    Raises ConfigError where the file of users is wrong.
    """
    settings = services.settings
    access = build_access(settings)
    users = None if access.passwords is None else access.passwords.users
    has_ended = None if page is None else partial(queue_has_ended, page)
    return [
        Middleware(Proxied, root_path=settings.root_path),
        Middleware(RequestLog),
        Middleware(BodyLimit, settings=settings),
        Middleware(SecurityHeaders),
        Middleware(HealthChecks, services=services, users=users, has_ended=has_ended),
        Middleware(HostGuard, settings=settings),
        Middleware(Login, access=access),
        Middleware(AllowedRoutes, tools=settings.mcp),
        Middleware(OpenRequests),
        Middleware(Quotas, settings=settings),
    ]
