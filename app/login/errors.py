"""Why somebody is not let in, in a sentence that they read."""

from __future__ import annotations

import math

from blip2core.errors import Blip2Error


class LoginRefusedError(Blip2Error):
    """Nobody is let in; the message is for them to read."""

    def __init__(self, message: str, *, status: int = 401, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        """Of HTTP: 401, 429 too many attempts, 503 nobody can be let in at this moment."""
        self.retry_after = math.ceil(retry_after)
        """Seconds until it makes sense to try again."""


def too_many_attempts(wait: float) -> LoginRefusedError:
    """Return the refusal of an attempt that may be made again in `wait` seconds."""
    seconds = math.ceil(wait)
    return LoginRefusedError(
        f"There were too many attempts. Try again in {seconds} s.", status=429, retry_after=seconds
    )
