"""What the test of backups kills: a backup or a restore, at its n-th step towards the disk."""

import os
import signal
from pathlib import Path

from blip2core.storage import open_database
from blip2core.storage.backups import back_up
from blip2core.storage.restoring import restore_backup

STEPS = ("fsync", "replace", "rename")


def killed_backup(url: str, data: str, folder: str, step: int) -> None:
    """Back up in this process, which is killed just before its n-th step."""
    database = open_database(url, data=data, owner=False)
    _kill_at(step)
    back_up(database, Path(folder))


def killed_restore(backup: str, url: str, data: str, step: int) -> None:
    """Restore in this process, which is killed just before its n-th step."""
    _kill_at(step)
    restore_backup(Path(backup), url, data=data)


def _kill_at(step: int) -> None:
    left = step

    def counted(real):
        def call(*arguments, **named):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    Path.rename = counted(Path.rename)
