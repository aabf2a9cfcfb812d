"""Images with texts from outside: read, checked, compared. Everything here may be hostile."""

from blip2core.file_names import safe_name
from blip2core.formats.files import NamedFile
from blip2core.intake.columns import Columns, SaidColumns, TableKind
from blip2core.intake.downloads import Downloads
from blip2core.intake.duplicates import NearPair, clusters, near_pairs, same
from blip2core.intake.image_check import CheckedImage, check_image, perceptual_hash, thumbnail
from blip2core.intake.limits import Limits
from blip2core.intake.preview_values import Cell, Preview, PreviewImage
from blip2core.intake.previews import one_of_each_kind, preview
from blip2core.intake.reader import read
from blip2core.intake.reading import Reading, reading_of
from blip2core.intake.storages import Storages
from blip2core.intake.sums import Sums, sums_of

__all__ = [
    "Cell",
    "CheckedImage",
    "Columns",
    "Downloads",
    "Limits",
    "NamedFile",
    "NearPair",
    "Preview",
    "PreviewImage",
    "Reading",
    "SaidColumns",
    "Storages",
    "Sums",
    "TableKind",
    "check_image",
    "clusters",
    "near_pairs",
    "one_of_each_kind",
    "perceptual_hash",
    "preview",
    "read",
    "reading_of",
    "safe_name",
    "same",
    "sums_of",
    "thumbnail",
]
