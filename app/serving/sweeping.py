"""Deletes uploads after a day, those too that Gradio has forgotten.

Gradio deletes what it remembers. It remembers nothing of a process that was killed, of an upload
that was broken off, or of a file that was sent in another field of a form.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress

import gradio as gr

from app.gradio_internals import forget_files, page_files, upload_folder
from app.serving.upload_folder import is_own, sweep_folder
from app.workbench.page import CACHE_SECONDS

EVERY_SECONDS, LIFE_SECONDS = CACHE_SECONDS
_log = logging.getLogger(__name__)


def sweep_regularly(page: gr.Blocks) -> None:
    """Sweep now and then, from a background thread, as long as the process lives."""

    def sweep() -> None:
        while True:
            try:
                sweep_uploads(page)
            except Exception:
                _log.exception("Old uploads could not be deleted.")
            time.sleep(EVERY_SECONDS)

    threading.Thread(target=sweep, name="sweep uploads", daemon=True).start()


def sweep_uploads(page: gr.Blocks) -> None:
    """Delete what has been in the folder of uploads for a day, but for files of the page itself.

    Nothing is deleted in a folder that other programs may use.
    """
    folder = upload_folder()
    if not is_own(folder):
        return
    kept = page_files(page)
    for path in kept:
        with suppress(OSError):  # not in use any more
            os.utime(path)  # so that another studio, which has another page, lets it stay too
    deleted = sweep_folder(folder, time.time() - LIFE_SECONDS, keep=kept)
    forget_files(page, deleted)
    if deleted:
        _log.info("Uploads that were a day old are deleted: %d files", len(deleted))
