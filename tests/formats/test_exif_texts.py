"""Tags of EXIF data: only those that hold texts are kept."""

import struct

from blip2core.formats.exif_texts import DESCRIPTION, EXIF_POINTER, MOST_TAGS, ExifTags


def test_only_what_is_read_takes_memory() -> None:
    """A thousand tags that all name the whole data would take a thousand times as much."""
    tags = [DESCRIPTION, *range(0xA000, 0xA000 + MOST_TAGS), EXIF_POINTER]
    size = 20_000
    entries = b"".join(struct.pack("<HHII", tag, 7, size, 8) for tag in tags)
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries
    found = ExifTags(data + bytes(size))
    assert found.values.keys() == {DESCRIPTION} and not found.damaged
    assert len(found.values[DESCRIPTION]) == size
