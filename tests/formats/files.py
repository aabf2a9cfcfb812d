"""Image files with metadata in them, as Pillow and other programs write it."""

import io
import struct
import zlib
from typing import Any

import numpy
from PIL import Image, PngImagePlugin

XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" rdf:about="">{}</rdf:Description></rdf:RDF>'
    '</x:xmpmeta><?xpacket end="w"?>'
)


def pixels(mode: str = "RGB") -> Image.Image:
    noise = numpy.random.default_rng(0).integers(0, 256, (9, 7, 4), dtype=numpy.uint8)
    return Image.fromarray(noise).convert(mode)


def saved(format: str, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    pixels(mode).save(file, format, **options)
    return file.getvalue()


def exif(tags: dict[int, Any] | None = None, comment: bytes | None = None) -> bytes:
    """EXIF data as Pillow writes it, with a UserComment where one is given."""
    found = Image.Exif()
    found.update(tags or {})
    if comment is not None:
        found.get_ifd(0x8769)[0x9286] = comment
    return found.tobytes()


def tiff_data(order: str, tags: list[tuple[int, int, bytes]]) -> bytes:
    """TIFF data with one directory: tag, type and bytes of each value."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    entries, values = b"", b""
    start = 8 + 2 + 12 * len(tags) + 4
    for tag, kind, value in tags:
        entries += struct.pack(f"{order}HHI", tag, kind, len(value))
        if len(value) <= 4:
            entries += value.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", start + len(values))
            values += value
    return head + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + values


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def jpeg_with(*segments: bytes) -> bytes:
    plain = saved("JPEG")
    return plain[:2] + b"".join(segments) + plain[2:]


def jpeg_with_exif(data: bytes) -> bytes:
    return jpeg_with(segment(0xE1, b"Exif\0\0" + data))


def photoshop(iptc: bytes, more: int = 0) -> bytes:
    """Image resources as Photoshop writes them: another one, with a name, then IPTC; `more` bytes
    are promised than there are.
    """
    other = b"8BIM\x03\xed\x05abcde" + (3).to_bytes(4) + b"123\0"
    return b"Photoshop 3.0\0" + other + b"8BIM\x04\x04\0\0" + (len(iptc) + more).to_bytes(4) + iptc


def record(dataset: tuple[int, int], value: bytes) -> bytes:
    return bytes((0x1C, *dataset)) + len(value).to_bytes(2) + value


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def png_with(*chunks: bytes, after: bool = False) -> bytes:
    """A PNG file with more chunks, before or after its pixels."""
    plain = saved("PNG")
    at = plain.index(b"IEND" if after else b"IDAT") - 4
    return plain[:at] + b"".join(chunks) + plain[at:]


def png_info(**texts: str) -> PngImagePlugin.PngInfo:
    found = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        found.add_itxt(name, text)
    return found
