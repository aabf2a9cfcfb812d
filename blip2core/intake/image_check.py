"""An image file from outside, checked before anything keeps it: what may be stored and served."""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import imagehash
from PIL import Image

from blip2core.arguments import check_kind
from blip2core.errors import ImageError
from blip2core.image_files import is_animated, open_file
from blip2core.images import content_hash, open_image, orientation
from blip2core.intake import containers
from blip2core.intake.limits import Limits
from blip2core.pixels import has_own_colours

LOSSY = frozenset({"JPEG", "MPO", "AVIF", "HEIF"})
"""Formats that become JPEG where they have to be encoded again; all others become PNG."""
REBUILT = frozenset({"JPEG", "MPO", "PNG", "GIF"})
"""Formats that are copied part by part, which fails only where a part is damaged."""
PLAIN: Mapping[str, Callable[[bytes], bytes]] = {
    "JPEG": containers.plain_jpeg,
    "MPO": containers.plain_jpeg,
    "PNG": containers.plain_png,
    "WEBP": containers.plain_webp,
    "GIF": containers.plain_gif,
    "BMP": containers.plain_bmp,
}
"""Format of a file that is stored -> what removes all that is not the image."""
JPEG_QUALITY = 95
"""Of a JPEG that has to be encoded again."""
REMOVED = "Metadata, or data that is no part of the image, was removed."
UPRIGHT = "The image was turned upright and encoded again."
DAMAGED = "The file is damaged outside its pixels, which were encoded again."
TO_SRGB = "Its colours were converted to sRGB."
FIRST = {
    "TIFF": "Only its first page was kept.",
    "HEIF": "Only the main one of its images was kept.",
}
FIRST_FRAME = "Only its first frame was kept."
"""Of all other formats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedImage:
    """An image that is safe to store and to serve, and what is to be known of it."""

    data: bytes = field(repr=False)
    """A JPEG, PNG, WEBP, GIF or BMP with one image in it and nothing else."""
    sha256: str
    """Of `data`, 64 hex digits."""
    pixel_sha256: str
    """Of the pixels: the same image, whatever file it came in."""
    phash: int
    """Perceptual hash, 64 bits, unsigned: alike images differ in few bits."""
    width: int
    height: int
    format: str
    """JPEG, PNG, WEBP, GIF or BMP."""
    bytes: int
    """Length of `data`."""
    changed: str = ""
    """What was changed, in one sentence; empty where the file is as it came."""


def check_image(data: bytes, *, limits: Limits | None = None) -> CheckedImage:
    """Return an image file that is safe to store, and its facts.

    A clean file stays as it came. Else all that is not the image is removed (EXIF data with places
    in it, comments, appended data) without touching the pixels; of a format that is not stored, and
    where it cannot be cut out, the image is encoded again, in sRGB. Of moving images the first
    frame stays. Raises ImageError where it is no image, is cut off or damaged, or too large, which
    is read off its header before anything is decoded.
    """
    limits = limits or Limits()
    expected = "check_image takes the bytes of an image file, such as Path('cat.jpg').read_bytes()"
    check_kind(data, bytes, expected, ImageError)
    if len(data) > limits.image_bytes:
        raise ImageError(
            f"The file has {len(data):,} bytes; at most {limits.image_bytes:,} are read."
        )
    image = open_image(data, max_pixels=limits.pixels)
    kept, format, changed = _cleaned(data, image)
    if changed and format == "JPEG":
        image = open_image(kept)  # coded again, the pixels may differ a little
    return CheckedImage(
        data=kept,
        sha256=hashlib.sha256(kept).hexdigest(),
        pixel_sha256=content_hash(image),
        phash=perceptual_hash(image),
        width=image.width,
        height=image.height,
        format=format,
        bytes=len(kept),
        changed=changed,
    )


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    """Return a copy whose longer side has at most `side` pixels; small images are not enlarged."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def perceptual_hash(image: Image.Image) -> int:
    """Return 64 bits of the coarse structure, unsigned; images of one colour all have the same."""
    return int(str(imagehash.phash(image)), 16)


def _cleaned(data: bytes, image: Image.Image) -> tuple[bytes, str, str]:
    """Return what is kept of a file, its format, and what was changed."""
    with open_file(data) as opened:
        format = opened.format or ""
        is_upright = orientation(opened) == 1
        first = FIRST.get(format, FIRST_FRAME) if is_animated(opened) else ""
        to_srgb = TO_SRGB if has_own_colours(opened) else ""
    if not is_upright:
        return *_encoded(image, format), _said(first, UPRIGHT, to_srgb)
    plain = _plain(data, format)
    if plain == data:
        return data, "JPEG" if format == "MPO" else format, ""
    if plain is not None and _is_same(plain, image):
        return plain, "JPEG" if format == "MPO" else format, _said(first, REMOVED)
    is_damaged = plain is None and format in REBUILT
    how = DAMAGED if is_damaged else f"The {format or 'image'} was encoded again."
    return *_encoded(image, format), _said(first, how, to_srgb)


def _said(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _plain(data: bytes, format: str) -> bytes | None:
    """Return the file without all that is not the image; None where it must be encoded again."""
    try:
        return PLAIN[format](data) if format in PLAIN else None
    except (ValueError, IndexError):  # decoders forgive what we do not
        return None


def _is_same(data: bytes, image: Image.Image) -> bool:
    """Return whether a file shows this image."""
    try:
        return content_hash(open_image(data)) == content_hash(image)
    except ImageError:
        return False


def _encoded(image: Image.Image, format: str) -> tuple[bytes, str]:
    file = io.BytesIO()
    target = "JPEG" if format in LOSSY else "PNG"
    # A fresh image: what the decoder noted of the file (profiles, comments) stays behind.
    fresh = Image.frombytes("RGB", image.size, image.tobytes())
    fresh.save(file, target, **({"quality": JPEG_QUALITY} if target == "JPEG" else {}))
    return file.getvalue(), target
