"""The limits of an import: what is beyond them is refused, never cut in silence."""

from dataclasses import dataclass, fields

from blip2core.arguments import check_fields
from blip2core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps on hostile input; the defaults fit any image set that one machine curates."""

    image_bytes: int = 50_000_000
    """Largest image file."""
    pixels: int = 50_000_000
    """Largest width x height, read off the header before anything is decoded."""
    text_characters: int = 20_000
    """Longest text."""
    texts: int = 100
    """Most texts beside one image."""
    rows: int = 1_000_000
    """Most rows of one table."""
    table_bytes: int = 200_000_000
    """Largest table inside an archive; one in a folder is read as a stream, whatever its size."""
    json_values: int = 15_000_000
    """Most values of one JSON file, a comma within a text counting as one: it is read whole, and
    each value takes far more memory than characters."""
    members: int = 300_000
    """Most members of one archive, or files of one folder."""
    depth: int = 32
    """Most folders inside one another."""
    unpacked_ratio: int = 200
    """How many times its own size an archive may unpack to."""
    unpacked_floor: int = 200_000_000
    """Bytes that any archive may unpack to, however small it is."""

    def __post_init__(self) -> None:
        check_fields(self)
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ConfigError(f"{field.name} ({getattr(self, field.name)}) must be at least 1")

    def unpacked_bytes(self, packed: int) -> int:
        """Return what an archive of `packed` bytes may unpack to, in all."""
        return max(self.unpacked_floor, packed * self.unpacked_ratio)
