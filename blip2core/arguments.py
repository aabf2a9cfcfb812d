"""Checks of what a caller gives to the library: the error says what was given, what is expected and
how to get it. Cheap: nothing here looks at pixels or tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args

from blip2core.errors import Blip2Error, ConfigError, ImageError, TextError

if TYPE_CHECKING:  # settings are checked where no image is opened
    from PIL import Image

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
"""The beginning of a URL."""
MODES_OF_MORE_BITS = ("I", "F")
"""Beginnings of Pillow's modes with more than 8 bits, which a plain conversion makes white."""


def described(value: object) -> str:
    """Return what a value is, for the end of a sentence: "None", "a str", "a list of 3"."""
    if value is None:
        return "None"
    if _is_image(value):
        return "an image"
    name, library = type(value).__name__, type(value).__module__.partition(".")[0]
    shape = getattr(value, "shape", None)
    if library in ("numpy", "torch", "pandas") and isinstance(shape, tuple):
        kind = {"ndarray": "NumPy array", "Tensor": "tensor"}.get(name, name)
        return f"a {kind} of shape {tuple(shape)}"
    article = "an" if name[0].lower() in "aeiou" else "a"
    count = f" of {len(value)}" if isinstance(value, list | tuple | set | dict) else ""
    return f"{article} {name}{count}"


def check_kind(
    value: object, kind: type | tuple[type, ...], expected: str, error: type[Blip2Error]
) -> None:
    """Raise `error` where a value is not of a kind: "`expected`; got a str."."""
    if not isinstance(value, kind):
        raise error(f"{expected}; got {described(value)}.")


def checked_folder(folder: object, what: str) -> Path:
    """Return a folder as a path. Raises ConfigError where it is given as something else."""
    if not isinstance(folder, str | Path):
        raise ConfigError(f"{what} must be the path of a folder; got {described(folder)}.")
    return Path(folder)


def check_text(text: object, what: str) -> None:
    """Raise TextError where `text`, which is called `what`, is no text that a model can read."""
    check_kind(text, str, f"{what} must be one text, a str", TextError)
    if isinstance(text, str) and not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            half = f"\\u{ord(text[error.start]):04x}"
            raise TextError(
                f"{what} has half of a character in it ({half}, a lone surrogate), which no model "
                "reads: blip2core.texts.clean_text takes it out."
            ) from error


def check_texts(texts: object, function: str) -> None:
    """Raise TextError where `texts`, which `function` was given, is no list of texts."""
    expected = f"{function} takes a list of texts"
    if isinstance(texts, str):
        raise TextError(f"{expected}; got a str: put it into a list, [text].")
    if not isinstance(texts, Sequence) or isinstance(texts, bytes):
        hint = ": list(texts) makes one of it" if isinstance(texts, Iterable) else ""
        raise TextError(f"{expected}; got {described(texts)}{hint}.")
    if not texts:
        raise TextError(f"{expected}; got an empty one.")
    for number, text in enumerate(texts, start=1):
        check_text(text, f"Text {number} of {function}")


def checked_images(images: object, function: str) -> list[Image.Image]:
    """Return a list of opened images. Raises ImageError where `images` is something else."""
    expected = f"{function} takes a list of images"
    if _is_image(images):
        raise ImageError(f"{expected}; got one image: put it into a list, [image].")
    if _is_array(images) or isinstance(images, str | bytes) or not isinstance(images, Iterable):
        raise ImageError(f"{expected}; got {described(images)}{_way_to_an_image(images)}.")
    if isinstance(images, Mapping):
        raise ImageError(f"{expected}; got {described(images)}: list(images.values()) makes one.")
    given = list(images)
    if not given:
        raise ImageError(f"{expected}; got an empty one.")
    for number, image in enumerate(given, start=1):
        if not _is_image(image):
            what = f"number {number} of it is {described(image)}{_way_to_an_image(image)}"
            raise ImageError(f"{expected}; {what}.")
        check_image_open(image, f"Image {number} of {function}")
        if image.mode.startswith(MODES_OF_MORE_BITS):
            raise ImageError(
                f"Image {number} of {function} has more than 8 bits (mode {image.mode}): "
                "open_image(image) makes RGB of it."
            )
    return given


def check_image_open(image: Image.Image, what: str) -> None:
    """Raise ImageError where the pixels of an image cannot be had, because it was closed or is
    damaged.
    """
    try:
        image.load()
    except ValueError as error:
        raise ImageError(
            f"{what} is closed: use it before its `with` block ends, or open it again."
        ) from error
    except (OSError, SyntaxError) as error:
        raise ImageError(f"{what} is damaged: {error}.") from error


def check_image_source(source: object) -> None:
    """Raise ImageError where `source` is nothing that `open_image` opens."""
    expected = "open_image takes a path, the bytes of a file, an open file or an image"
    if isinstance(source, str) and ADDRESS.match(source):
        raise ImageError(f"{expected}; got an address: download it first, nothing is fetched here.")
    is_path = isinstance(source, str) or hasattr(source, "__fspath__")
    if not (is_path or isinstance(source, bytes) or _is_image(source) or hasattr(source, "read")):
        hint = _way_to_an_image(source) if _is_array(source) else ""
        raise ImageError(f"{expected}; got {described(source)}{hint}.")


def check_pixels(pixels: Any, side: int, function: str) -> None:
    """Raise ImageError where a tensor is not what `prepare` makes: (B, 3, side, side), floating."""
    shape = tuple(pixels.shape)
    if len(shape) != 4 or not shape[0] or shape[1:] != (3, side, side):
        raise ImageError(
            f"{function} takes pixels of shape (B, 3, {side}, {side}); got {described(pixels)}: "
            "vision.prepare(images) makes them."
        )
    if not pixels.is_floating_point():
        number_type = str(pixels.dtype).removeprefix("torch.")
        raise ImageError(
            f"{function} takes pixels as normalised floating point numbers; got {number_type}: "
            "vision.prepare(images) makes them."
        )


def check_fields(settings: Any) -> None:
    """Raise ConfigError where a field of a dataclass of settings holds a value of another kind than
    it is declared with: numbers, texts, and settings inside of settings.
    """
    for field in fields(settings):
        declared = get_args(field.type) if isinstance(field.type, UnionType) else (field.type,)
        kinds = tuple(_NUMBERS.get(kind, kind) for kind in declared if isinstance(kind, type))
        if len(kinds) < len(declared):  # choices, which are checked by name
            continue
        value = getattr(settings, field.name)
        is_number_by_chance = isinstance(value, bool) and bool not in kinds
        if not isinstance(value, kinds) or is_number_by_chance:
            names = " or ".join(_NAMES.get(kind, kind.__name__) for kind in declared)
            raise ConfigError(f"{field.name} must be {names}; got {described(value)}.")


_NUMBERS: dict[type, type] = {int: Integral, float: Real}
"""What counts as a number of this kind: NumPy's too."""
_NAMES: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    NoneType: "None",
}


def _is_image(value: object) -> bool:
    return any((kind.__module__, kind.__name__) == _IMAGE for kind in type(value).__mro__)


_IMAGE = ("PIL.Image", "Image")


def _is_array(value: object) -> bool:
    return type(value).__module__.partition(".")[0] in ("numpy", "torch", "pandas")


def _way_to_an_image(value: object) -> str:
    """Return how to make an image of a value that somebody took for one; empty where none is
    known.
    """
    if isinstance(value, str) and ADDRESS.match(value):
        return ": download the file first, nothing is fetched here; open_image(path) reads it"
    if isinstance(value, str | bytes) or hasattr(value, "__fspath__"):
        return ": [open_image('cat.jpg')] reads one"
    if _is_array(value):
        array = "tensor.numpy()" if type(value).__module__ == "torch" else "array"
        return (
            f": Image.fromarray({array}) makes an image of 8-bit values in the order (height, "
            "width, RGB); OpenCV's are BGR, array[:, :, ::-1] turns them"
        )
    return ""
