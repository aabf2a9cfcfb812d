"""`python -m app`: workbench and curator on one port, or the workbench alone."""

from __future__ import annotations

import sys

from app.serving.alone import serve_alone
from app.serving.run import Wait, run
from app.settings import AppSettings


def serve(settings: AppSettings) -> tuple[str, Wait]:
    """What the settings ask for."""
    return serve_both(settings) if settings.curator else serve_alone(settings)


def serve_both(settings: AppSettings) -> tuple[str, Wait]:
    """Workbench and curator, with the database that belongs to them."""
    from app.services import build_services
    from app.serving import server  # Streamlit and the database: the workbench alone needs neither
    from blip2core.storage.database import open_database

    database = open_database()
    served = server.serve(
        server.build_app(build_services(settings, database)), settings.host, settings.port
    )
    if database.note:
        print(database.note)
    return served.address, served.wait


if __name__ == "__main__":
    sys.exit(run(serve))
