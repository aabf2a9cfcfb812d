"""Error messages for visitors; details of unexpected errors go to the log under a reference."""

from __future__ import annotations

import logging
import secrets

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

    Our own errors are written for the reader; others go to the log under a reference.
    """
    if isinstance(error, Blip2Error):
        return f"{what}: {error}"
    if str(getattr(error, "title", "")).startswith(LENT):
        return f"{what}: {NOT_LENT}"
    reference = secrets.token_hex(2)
    log.error("%s, reference %s", what, reference, exc_info=error)
    return f"{what} (reference {reference}). Try again, or ask something else."
