"""Open images from anywhere safely, always RGB, upright and the first frame, and identify them."""

import hashlib
import io
from pathlib import Path
from typing import BinaryIO

import numpy
from PIL import Image, ImageOps, UnidentifiedImageError

from blip2core.arguments import check_image_open, check_image_source, described
from blip2core.errors import ImageError

MAX_PIXELS = 80_000_000
"""Largest width x height that is decoded, about 240 MB as RGB."""
IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".ppm"}
)
"""Names that `find_images` takes for images."""
IMAGE_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "ICO")
"""What is decoded; others that Pillow knows start programs (EPS) or are rare and old."""
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


def open_image(
    source: str | Path | bytes | BinaryIO | Image.Image, *, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Open an image from a path, the bytes of a file or an open file, as RGB.

    Turned upright by its EXIF data; the first frame where it moves; transparency on white.
    ImageError says what is wrong, or what the file is instead.
    """
    check_image_source(source)
    if isinstance(source, Image.Image):
        check_image_open(source, "The image")
        return _decoded(source, "The image", max_pixels)
    data, name = _read(source)
    if not data:
        raise ImageError(f"{name} is empty.")
    try:
        Image.init()
        image = Image.open(io.BytesIO(data), formats=[f for f in IMAGE_FORMATS if f in Image.OPEN])
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is not an image but {_guess(data)}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(_too_large(name, max_pixels)) from error
    except Exception as error:  # a decoder given hostile bytes may raise anything
        raise ImageError(f"{name} is a damaged image: {error}.") from error
    with image:
        return _decoded(image, name, max_pixels)


def content_hash(image: Image.Image) -> str:
    """Return the SHA-256 (64 hex digits) of the pixels: the same image,
    whatever file it came in.
    """
    digest = hashlib.sha256(f"{image.mode} {image.width}x{image.height} ".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


def find_images(path: str | Path) -> list[Path]:
    """Return a file itself, or the images in a folder and below, sorted, hidden ones left out.

    ImageError where there is nothing.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise ImageError(f"There is no file or folder {path}.")
    if not path.is_dir():
        return [path]
    found = [
        file
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in IMAGE_SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    if not found:
        raise ImageError(f"There are no images in {path}.")
    return found


def _read(source: str | Path | bytes | BinaryIO) -> tuple[bytes, str]:
    """Return all bytes, and the name of the source for a message."""
    if isinstance(source, bytes):
        return source, "The file"
    if not isinstance(source, str | Path):
        data = source.read()
        if not isinstance(data, bytes):
            raise ImageError(
                f"The file gives {described(data)}, not bytes: open it with mode 'rb'."
            )
        return data, "The file"
    path = Path(source).expanduser()
    try:
        return path.read_bytes(), str(path)
    except FileNotFoundError as error:
        raise ImageError(f"There is no file {path}.") from error
    except IsADirectoryError as error:
        raise ImageError(f"{path} is a folder, not an image.") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{path} cannot be read: {error}.") from error


def _decoded(image: Image.Image, name: str, max_pixels: int) -> Image.Image:
    if image.width * image.height > max_pixels:
        raise ImageError(_too_large(name, max_pixels, image.size))
    try:
        image.load()
        return _rgb(_upright(image))
    except Exception as error:  # as above: truncated data, broken tables, wrong sizes
        raise ImageError(f"{name} is a damaged image: {error}.") from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF data is no reason to refuse good pixels
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return one channel of 16 or 32 bits in 8 bits; Pillow itself would clip at 255."""
    values = numpy.nan_to_num(numpy.asarray(image).astype(numpy.float64))
    if image.mode.startswith("I") and values.min() >= 0 and values.max() <= 65_535:
        low, high = 0.0, 65_535.0  # 16-bit images, however dark, keep their brightness
    else:
        low, high = float(values.min()), float(values.max())
    scaled = (values - low) / max(high - low, 1e-12) * 255
    return Image.fromarray(scaled.round().astype(numpy.uint8))


def _too_large(name: str, max_pixels: int, size: tuple[int, int] | None = None) -> str:
    has = f"has {size[0]} x {size[1]} pixels" if size else "has far too many pixels"
    return f"{name} {has}; at most {max_pixels // 1_000_000} million are opened. Make it smaller."


def _guess(data: bytes) -> str:
    """Return what bytes that are no image seem to be."""
    for signature, kind in SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[4:8] == b"ftyp":
        photo = data[8:12] in {b"heic", b"heix", b"hevc", b"mif1", b"msf1"}
        return "a HEIC photo (save it as JPEG)" if photo else "a video"
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return "an SVG drawing (save it as PNG)"
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    text = head.decode("utf-8", errors="ignore")
    if text and all(character.isprintable() or character.isspace() for character in text):
        return "a text"
    return "something unknown"
