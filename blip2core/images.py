"""Open images from anywhere safely, always RGB, upright and the first frame, and identify them."""

import hashlib
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image

from blip2core.arguments import check_image_open, check_image_source, described
from blip2core.errors import ImageError
from blip2core.image_files import open_file
from blip2core.pixels import rgb
from blip2core.tag_directories import claims_too_much

MAX_PIXELS = 80_000_000
"""Largest width x height that is decoded, about 240 MB as RGB."""
IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".ppm"),
        *(".heic", ".heif", ".hif"),
    }
)
"""Names that `find_images` takes for images."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Orientation in the EXIF data -> what makes the image upright."""


def open_image(
    source: str | Path | bytes | BinaryIO | Image.Image, *, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Open an image from a path, the bytes of a file or an open file, as RGB without metadata.

    Turned upright by its EXIF data; the first frame where it moves; transparency on white; colours
    in sRGB where the file has a profile of others. ImageError says what is wrong, or what the file
    is instead.
    """
    check_image_source(source)
    if isinstance(source, Image.Image):
        check_image_open(source, "The image")
        return _decoded(source, "The image", max_pixels)
    data, name = _read(source)
    if not data:
        raise ImageError(f"{name} is empty.")
    try:
        image = open_file(data, name)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(_too_large(name, max_pixels)) from error
    with image:
        return _decoded(image, name, max_pixels)


def orientation(image: Image.Image) -> int:
    """Return how the camera was held, 1 to 8 as EXIF counts; 1, upright, where nothing says it."""
    try:
        if claims_too_much(_exif(image)):
            return 1
        found = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # broken EXIF data is no reason to refuse good pixels
        return 1
    return found if found in TURNS else 1


def _exif(image: Image.Image) -> bytes:
    """Return the EXIF data that Pillow reads, of a PNG perhaps in a text; empty where none is."""
    if exif := image.info.get("exif", b""):
        return bytes(exif)
    profile = str(image.info.get("Raw profile type exif", ""))
    return bytes.fromhex("".join(profile.split("\n")[3:]))


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
        turn = TURNS.get(orientation(image))
        pixels = rgb(image)
        return pixels if turn is None else pixels.transpose(turn)
    except Exception as error:  # as above: truncated data, broken tables, wrong sizes
        raise ImageError(f"{name} is a damaged image: {_damage(error)}.") from error


def _damage(error: Exception) -> str:
    if "truncated" in str(error).lower():
        return "its end is missing, so copy or download it again"
    return str(error)


def _too_large(name: str, max_pixels: int, size: tuple[int, int] | None = None) -> str:
    has = f"has {size[0]} x {size[1]} pixels" if size else "has far too many pixels"
    return f"{name} {has}; at most {max_pixels // 1_000_000} million are opened. Make it smaller."
