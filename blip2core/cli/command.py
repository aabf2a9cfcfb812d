"""The command with all its groups, and how errors are shown."""

import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import Abort, TyperException

from blip2core.cli import (
    capfilt,
    curate,
    database,
    doubt,
    explain,
    export,
    feedback,
    hub,
    inference,
    intake,
    stickers,
    train,
)
from blip2core.cli.doctor.command import doctor_commands
from blip2core.cli.output import BAD_CALL
from blip2core.device_errors import device_error
from blip2core.errors import Blip2Error, DeviceError, os_problem

FAILED, INTERRUPTED = 1, 130

app = typer.Typer(
    name="blip2",
    help="Caption images, ask about them, match texts, train and measure BLIP-2.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(inference.inference_commands)
app.add_typer(explain.explain_commands)
app.add_typer(intake.intake_commands)
app.add_typer(train.train_commands)
app.add_typer(doubt.doubt_commands)
app.add_typer(capfilt.capfilt, name="capfilt")
app.add_typer(curate.curate, name="curate")
app.add_typer(export.export_commands)
app.add_typer(hub.hub, name="hub")
app.add_typer(feedback.feedback_commands)
app.add_typer(stickers.stickers, name="stickers")
app.add_typer(train.convert, name="convert")
app.add_typer(database.db, name="db")
app.add_typer(doctor_commands)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; the console script."""
    if not sys.stderr.isatty():  # nobody watches progress bars there
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        code = app(arguments, prog_name="blip2", standalone_mode=False) or 0
        sys.stdout.flush()  # here, where a full disk can still be told
        return code
    except DeviceError as error:  # the call was right
        print(f"blip2: {error}", file=sys.stderr)
        return FAILED
    except (Blip2Error, TyperException) as error:
        message = error.format_message() if isinstance(error, TyperException) else str(error)
        if message:  # none where the help was shown instead
            print(f"blip2: {' '.join(message.split())}", file=sys.stderr)
        return BAD_CALL
    except (KeyboardInterrupt, Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_has_gone()
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # Typer makes an exit of it
            return _reader_has_gone()
        raise
    except (RuntimeError, MemoryError) as error:
        told = device_error(error)
        if told is None:
            raise
        print(f"blip2: {told}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"blip2: {os_problem(error)}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        return FAILED


def _reader_has_gone() -> int:
    """Return the exit code where the reader of the output, such as `head`, has seen enough."""
    _drop_output()
    return 0


def _drop_output() -> None:
    """Write what is still to be printed nowhere, as Python would try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
