"""`python -m app` and `blip2-studio`: workbench and curator on one port, or the workbench alone."""

from __future__ import annotations

import argparse
import logging
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from app.serving.run import Served, run, say
from app.settings import AppSettings, proxies_of, serves_curator, space_note

ABOUT = """\
Serve BLIP-2 Studio until it is interrupted: the workbench at / and the curator at /curator/.
The address is printed; without settings it is the first free port from 7860, for this machine only.
To serve it to others, name a file of people who log in (BLIP2_USERS, and python -m app.users FILE
NAME), or say that anyone may ask (BLIP2_OPEN=1)."""

STORAGE_SETTINGS = {
    "BLIP2_DATABASE_URL": "The database; without one an SQLite file in BLIP2_DATA.",
    "BLIP2_DATA": "Folder of the images and of the SQLite file.",
    "BLIP2_DOUBT": "Folder that says of models from the Hub from where on to doubt them.",
}
"""Settings that the library reads, beside those of the app."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve what the settings ask for; return the exit code."""
    parser = Parser(
        prog="blip2-studio",
        description=ABOUT,
        epilog=describe_settings(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    return run(serve)


def describe_settings() -> str:
    """Return every environment variable with what it is for."""
    fields = {
        f"BLIP2_{name.upper()}": field.description or ""
        for name, field in AppSettings.model_fields.items()
    }
    lines = ["settings, as environment variables:"]
    for name, meaning in (fields | STORAGE_SETTINGS).items():
        text = textwrap.fill(" ".join(meaning.split()), 90)
        lines += [f"  {name}", textwrap.indent(text, " " * 6)]
    return "\n".join(lines)


def serve(settings: AppSettings) -> Served:
    """Start both apps, or the workbench alone where BLIP2_CURATOR is 0, or nobody could log in."""
    if serves_curator(settings):
        return serve_both(settings)
    from app.serving.alone import serve_alone  # loads Gradio and torch, which --help does not need

    return serve_alone(settings)


def serve_both(settings: AppSettings) -> Served:
    """Start workbench and curator with their database."""
    from app.services import build_services
    from app.serving import server  # Streamlit and the database: the workbench alone needs neither
    from blip2core.storage.database import open_database

    database = open_database()
    if note := space_note(database.images.root):
        database = replace(database, note=f"{database.note} {note}".strip())
    served = server.start_server(
        server.build_app(build_services(settings, database)),
        settings.host,
        settings.port,
        proxies=proxies_of(settings),
    )
    if database.note:
        say(settings, database.note, logging.WARNING)
    return served


if __name__ == "__main__":
    sys.exit(main())
