"""Error messages for visitors; details of unexpected errors go to the log under a reference."""

from __future__ import annotations

import logging

from app.metrics import note_refused_input
from app.request_info import reference
from blip2core.errors import Blip2Error

log = logging.getLogger(__name__)

LENT = "ZeroGPU"
"""How the title of an error begins that comes from a Space which lends its GPU by the call."""
NOT_LENT = (
    "this Space lends its GPU by the minute, and has none for you now. Try again later, sign in "
    "for more of it (https://huggingface.co/docs/hub/spaces-zerogpu), or run the studio on your "
    "own machine. The example stays."
)


def error_message(error: Exception, what: str) -> str:
    """Return the message about an error for a visitor; `what` says what did not happen.

    Our own errors are written for the reader; others go to the log under a reference: the id of the
    request, which every line about it has.
    """
    if isinstance(error, Blip2Error):
        note_refused_input(error)
        return f"{what}: {error}"
    if str(getattr(error, "title", "")).startswith(LENT):
        return f"{what}: {NOT_LENT}"
    found = reference()
    log.error("%s, reference %s", what, found, exc_info=error)
    return f"{what} (reference {found}). Try again, or ask something else."
