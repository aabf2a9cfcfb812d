"""The errors that a user can act on.

Blip2Error
├── ImageError              an image cannot be read
├── ConfigError             a setting is out of its range
├── TextError               a text cannot be used (empty, too long for the model)
├── ModelError              a checkpoint does not fit what is asked of it
│   ├── UnknownModelError       no model of this name
│   └── ModelUnavailableError   known, but its files are not here
├── DeviceError             the device that models run on failed, or has no memory left
├── CheckpointError         a training checkpoint or a conversion is broken
├── FontError               the emoji font that paints stickers is missing
├── DataError               training data cannot be used
├── IntakeError             an import cannot be read, or is not allowed
├── StorageError            the database cannot be opened, or refuses a change
│   ├── ConflictError           somebody else changed it first
│   └── UnavailableError        not now: it does not answer, or is busy; the same may succeed later
└── ExportError             a snapshot cannot be written
"""

import errno


class Blip2Error(Exception):
    """Base of all errors below: the message is one sentence for the user."""


class ImageError(Blip2Error):
    """An image cannot be read."""


class ConfigError(Blip2Error):
    """A setting is out of its range; the message names the setting."""


class TextError(Blip2Error):
    """A text cannot be used: empty, or too long for the model."""


class ModelError(Blip2Error):
    """A checkpoint does not fit what is asked of it."""


class UnknownModelError(ModelError):
    """No model of this name; the message lists the valid ones."""


class ModelUnavailableError(ModelError):
    """The model is known, but its files are not here; the message says how to get them."""


class DeviceError(Blip2Error):
    """The device that models run on failed, or has no memory left: nothing is wrong with what was
    asked, and the same may succeed later.
    """


class CheckpointError(Blip2Error):
    """A training checkpoint cannot be read, or a conversion does not fit."""


class FontError(Blip2Error):
    """The emoji font is missing; the message names the package that brings it."""


class DataError(Blip2Error):
    """Training data cannot be used; the message names file and line."""


class IntakeError(Blip2Error):
    """What is to be imported cannot be read, or may not be fetched; the message says why."""


class StorageError(Blip2Error):
    """The database cannot be opened, is in use, or refuses a change."""


class ConflictError(StorageError):
    """Somebody else changed the same thing first; nothing was overwritten."""


class UnavailableError(StorageError):
    """The database does not answer, or is busy: nothing is wrong with what was asked of it, and the
    same may succeed later.
    """


class ExportError(Blip2Error):
    """A snapshot cannot be written where it should go."""


def os_problem(error: OSError) -> str:
    """Return what the operating system refused, for which file or address, and what helps a full
    disk.
    """
    what = error.strerror or str(error)
    return f"{what}: {error.filename}{way_out(error)}" if error.filename is not None else what


def way_out(error: OSError) -> str:
    """Return what to do about a full disk, to end a sentence that names a path; else nothing."""
    return "; free some space there and do it again" if error.errno in _FULL_DISK else ""


_FULL_DISK = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""No space is left, or this user's share of it is used up."""
