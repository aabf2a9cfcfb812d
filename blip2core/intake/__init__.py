"""Pictures with texts from outside: read, checked, compared. Everything here may be hostile."""

from blip2core.intake.columns import Columns
from blip2core.intake.downloads import Downloads
from blip2core.intake.files import NamedFile
from blip2core.intake.limits import Limits
from blip2core.intake.names import safe_name
from blip2core.intake.reading import read

__all__ = ["Columns", "Downloads", "Limits", "NamedFile", "read", "safe_name"]
