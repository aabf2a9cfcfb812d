"""The `blip2` command: parses, calls one library function, writes the result.

Results go to standard output, one line each, with `--json` one JSON object each. What is wrong
with a call is one line on standard error, and the exit code is 2. Heavy imports stand inside the
commands, so that help comes at once.
"""

from blip2core.cli.command import app, main

__all__ = ["app", "main"]
