"""What `blip2 doctor` looks at for the browser app: settings, who may come in, and ports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import SecretStr, ValidationError

from app.serving.start_checks import check_address, check_users, given_port
from app.settings import (
    AppSettings,
    anonymous_role,
    check_is_closed,
    host_of,
    is_space,
    serves_curator,
    settings_problems,
)
from blip2core.cli.doctor.findings import Check, Finding
from blip2core.errors import Blip2Error

PREFIX = "BLIP2_"
STORAGE = ("BLIP2_DATABASE_URL", "BLIP2_DATA")
"""Settings that the library reads."""
PEOPLE = ("owners", "curators", "oidc_client_id")
"""Settings that name people or accounts: only whether they are set is told."""


def check_settings() -> Iterator[Finding]:
    """Yield the settings in effect, those that are wrong, and names that nothing reads."""
    known = [f"{PREFIX}{name.upper()}" for name in AppSettings.model_fields]
    for name in sorted(name for name in os.environ if name.upper().startswith(PREFIX)):
        if name.upper() not in (*known, *STORAGE):
            words = [one.removeprefix(PREFIX) for one in (*known, *STORAGE)]
            close = get_close_matches(name.upper().removeprefix(PREFIX), words, 1)
            hint = (
                f"Did you mean {PREFIX}{close[0]}?" if close else "blip2-studio --help names all."
            )
            yield _problem("settings", name, "is not a setting", hint)
        elif name != name.upper():
            told = "is in small letters, which not everything reads"
            yield _problem("settings", name, told, f"Write {name.upper()}.")
    try:
        settings = AppSettings()
    except ValidationError as error:
        for told in settings_problems(error):
            name, _, problem = told.partition(": ")
            yield _problem("settings", name, problem, "Correct it, or leave it out.")
        return
    for field in settings.model_fields_set:
        value = getattr(settings, field)
        hidden = isinstance(value, SecretStr) or field in PEOPLE
        detail = "set" if hidden else str(value)
        yield Finding(area="settings", name=f"{PREFIX}{field.upper()}", detail=detail)
    for name in (name for name in STORAGE if name in os.environ):
        detail = "set, see above" if name == "BLIP2_DATABASE_URL" else os.environ[name]
        yield Finding(area="settings", name=name, detail=detail)
    if not settings.model_fields_set:
        yield Finding(area="settings", name="all", detail="as they are without a setting")


def check_people() -> Iterator[Finding]:
    """Yield who may come in."""
    settings = AppSettings()
    try:
        check_is_closed(settings)
    except Blip2Error as error:
        yield _problem("people", "login", str(error), "")
        return
    role = anonymous_role(settings)
    detail = f"who has not logged in is {role}" if role else "everybody has to log in"
    where = "on a Space" if is_space() else f"served on {host_of(settings.host)}"
    yield Finding(area="people", name="login", detail=f"{detail}, {where}")
    curator = "served" if serves_curator(settings) else "not served"
    yield Finding(area="people", name="curator", detail=curator)
    if settings.users is not None:
        try:
            check_users(settings.users)
        except Blip2Error as error:
            remedy = "python -m app.users adds people to it."
            yield _problem("people", "BLIP2_USERS", str(error), remedy)
            return
        there = "can be read" if settings.users.exists() else "is made at the first start"
        yield Finding(area="people", name="BLIP2_USERS", detail=f"{settings.users} {there}")


def check_ports() -> Iterator[Finding]:
    """Yield whether the ports can be listened on."""
    settings = AppSettings()
    asked: list[tuple[str, str, int | None, str]]
    asked = [("studio", host_of(settings.host), settings.port or given_port(), "BLIP2_PORT")]
    if settings.metrics:
        asked.append(
            ("metrics", settings.metrics_host, settings.metrics_port, "BLIP2_METRICS_PORT")
        )
    for name, host, port, setting in asked:
        try:
            check_address(host, port, setting.replace("PORT", "HOST"), setting)
        except Blip2Error as error:
            remedy = "A studio that is running already takes it, too."
            yield _problem("ports", name, str(error), remedy)
            continue
        found = f"{host}:{port} is free" if port else f"{host}: a port from 7860 on is free"
        yield Finding(area="ports", name=name, detail=found)


def _problem(area: str, name: str, detail: str, remedy: str) -> Finding:
    return Finding(area=area, name=name, detail=detail, state="problem", remedy=remedy)


CHECKS: dict[str, Check] = {
    "settings": check_settings,
    "people": check_people,
    "ports": check_ports,
}
"""Area -> what looks at it."""
