"""What the test of takedowns kills: a takedown, before or after its commit."""

import os
import signal
from pathlib import Path

from blip2core.storage import Database, ImageStore, takedown
from blip2core.storage.engine import connect, parse_url


def killed_takedown(url: str, images: str, sha256: str, *, after_commit: bool) -> None:
    """Take an image down in this process, which is killed at the given point."""
    parsed = parse_url(url)
    store = ImageStore(Path(images))
    database = Database(url=parsed, images=store, owner=True, note="", engine=connect(parsed))
    plan = takedown.plan_takedown(database, [sha256])
    target, name = (ImageStore, "delete") if after_commit else (takedown, "_subjects")
    setattr(target, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    takedown.take_down(database, plan)
