"""Image files by their bytes, whatever their names say: which format one is, or what else."""

import io
import warnings

from PIL import Image, UnidentifiedImageError, features

from blip2core.errors import ImageError
from blip2core.gif_comments import without_long_comments
from blip2core.png_texts import without_large_texts
from blip2core.tag_directories import is_directory_bomb

IMAGE_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "ICO", "HEIF")
"""What is decoded; others that Pillow knows start programs (EPS) or are rare and old."""
AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
"""What the first box of a file of ISO's base media format says that it holds (ISO 23008-12)."""
SIGNATURES = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"RIFF", "a sound or video"),
    (b"ID3", "a sound"),
    (b"8BPS", "a Photoshop document"),
)
"""First bytes of files that people mistake for images."""
# What is wrong with a file is told in our words, to whoever gave it; Pillow would also write it to
# standard error ("Corrupt EXIF data"). Not around each call: that is for one thread alone.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, module=r"PIL\.")


def open_file(data: bytes, name: str = "The file") -> Image.Image:
    """Return the image in the bytes of a file, of which only the head has been read.

    Raises ImageError where it is none, says what it is instead, or which package reads it; and
    Pillow's DecompressionBombError where it has very many pixels.
    """
    formats = _formats(data, name)
    if is_directory_bomb(data):
        raise ImageError(f"{name} is a damaged image: its tags take more bytes than the file has.")
    try:
        bounded = without_long_comments(without_large_texts(data))
        return Image.open(io.BytesIO(bounded), formats=formats)
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is not an image but {_guess(data)}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise
    except Exception as error:  # a decoder given hostile bytes may raise anything
        raise ImageError(f"{name} is a damaged image: {error}.") from error


def media_format(head: bytes) -> str | None:
    """Return "AVIF" or "HEIF" for the first bytes of such a file, None for all others."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4]), 256, len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if brands & AVIF_BRANDS:
        return "AVIF"
    return "HEIF" if brands & HEIF_BRANDS else None


def is_animated(image: Image.Image) -> bool:
    """Return whether an opened file holds more frames, pages or images than the one that is read.

    A photo with a preview of itself beside it (MPO) does not.
    """
    try:
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except Exception:  # the head of the second frame is damaged
        return False


def _formats(data: bytes, name: str) -> list[str]:
    """Return what Pillow may try. Raises ImageError where only a package that is not here reads
    the file.
    """
    Image.init()
    wanted = media_format(data[:256])
    if wanted == "HEIF" and not _reads_heif():
        raise ImageError(
            f"{name} is a HEIC photo: pip install pillow-heif lets it be read; or save it as JPEG."
        )
    if wanted == "AVIF" and not features.check("avif"):
        raise ImageError(
            f"{name} is an AVIF image, which this build of Pillow does not read: "
            "pip install --force-reinstall pillow brings one that does; or save it as JPEG."
        )
    return [one for one in IMAGE_FORMATS if one in Image.OPEN]


def _reads_heif() -> bool:
    """Return whether Pillow reads HEIC photos, and let it where pillow-heif is here."""
    if "HEIF" not in Image.OPEN:
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            return False
        register_heif_opener(thumbnails=False)
    return True


def _guess(data: bytes) -> str:
    """Return what bytes that are no image seem to be."""
    for signature, kind in SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[4:8] == b"ftyp":
        photo = {"HEIF": "a damaged HEIC photo", "AVIF": "a damaged AVIF image"}
        return photo.get(media_format(data[:256]) or "", "a video")
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return "an SVG drawing (save it as PNG)"
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    text = head.decode("utf-8", errors="ignore")
    if text and all(character.isprintable() or character.isspace() for character in text):
        return "a text"
    return "something unknown"
