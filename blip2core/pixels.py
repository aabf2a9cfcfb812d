"""The pixels of any image as RGB of 8 bits in the colours of a screen (sRGB), on white."""

import functools
import io

import numpy
from PIL import Image, ImageCms

MAX_PROFILE = 4_000_000
"""Bytes of a colour profile that is read; those of printers have up to 2 MB."""
SAME_COLOURS = 3
"""A profile that moves no colour by more than so many of 255 levels is taken for sRGB: writers of
sRGB profiles round differently, and the pixels of most files stay as they are coded.
"""
PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}
"""Mode of an image -> colour space of the profiles that fit it."""
BITS, PHOTOMETRIC = 258, 262
"""Tags of a TIFF: bits of a sample; 0 where zero means white."""


def rgb(image: Image.Image) -> Image.Image:
    """Return an image as RGB without metadata: 16 bits scaled to 8, colours as its profile says,
    transparent parts white.
    """
    profile = image.info.get("icc_profile")
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if not image.has_transparency_data:
        return _bare(_on_screen(image, profile))
    rgba = image.convert("RGBA")
    if _transform(profile, _profiled_mode(image)) is not None:
        gray = _profiled_mode(image) == "L"
        colours = _on_screen(image.convert("L") if gray else rgba.convert("RGB"), profile)
        colours.putalpha(rgba.getchannel("A"))
        rgba = colours
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def has_own_colours(image: Image.Image) -> bool:
    """Return whether `rgb` changes the colours of an image because of its profile."""
    return _transform(image.info.get("icc_profile"), _profiled_mode(image)) is not None


def _on_screen(image: Image.Image, profile: object) -> Image.Image:
    mode = _profiled_mode(image)
    transform = _transform(profile, mode)
    if transform is None:
        return image.convert("RGB")
    return transform.apply(image if image.mode == mode else image.convert(mode))


def _profiled_mode(image: Image.Image) -> str:
    """Return the mode of the colours that a profile is about."""
    if image.mode == "CMYK":
        return "CMYK"
    return "L" if image.mode in {"1", "L", "LA", "La"} or image.mode.startswith("I") else "RGB"


@functools.lru_cache(maxsize=8)
def _transform(profile: object, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return what turns colours into those of sRGB; None where nothing is to be done, or the
    profile is damaged or of another kind of image.
    """
    if not isinstance(profile, bytes) or not 0 < len(profile) <= MAX_PROFILE:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != PROFILE_SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return None if _changes_little(transform, mode) else transform
    except (ImageCms.PyCMSError, ImportError, OSError, TypeError, ValueError, AttributeError):
        return None  # a broken profile, or a Pillow without LittleCMS


def _changes_little(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether a transform leaves colours (a grid of them) as they are without it."""
    if mode == "CMYK":
        return False
    levels = numpy.linspace(0, 255, 17).astype(numpy.uint8)
    if mode == "L":
        grid = Image.fromarray(levels[None])
    else:
        cube = numpy.stack(numpy.meshgrid(levels, levels, levels), axis=-1)  # (17, 17, 17, 3)
        grid = Image.fromarray(numpy.ascontiguousarray(cube.reshape(17, -1, 3)))
    plain = numpy.asarray(grid.convert("RGB")).astype(int)
    moved = numpy.abs(numpy.asarray(transform.apply(grid)).astype(int) - plain)
    return int(moved.max()) <= SAME_COLOURS


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return one channel of 9 to 32 bits in 8 bits, with the transparency of a shade; Pillow itself
    would clip at 255.
    """
    values = numpy.nan_to_num(numpy.asarray(image).astype(numpy.float64))
    tags = getattr(image, "tag_v2", {})
    bits = next(iter(tags.get(BITS, ())), 16) if image.mode.startswith("I;16") else 16
    if image.mode.startswith("I") and values.min() >= 0 and values.max() < 1 << bits:
        low, high = 0.0, float((1 << bits) - 1)  # however dark, images keep their brightness
    else:
        low, high = float(values.min()), float(values.max())
    scaled = (values - low) / max(high - low, 1e-12) * 255
    if image.mode.startswith("I;16") and tags.get(PHOTOMETRIC) == 0:
        scaled = 255 - scaled
    shades = Image.fromarray(scaled.round().astype(numpy.uint8))
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return shades
    alpha = Image.fromarray(numpy.where(values == clear, 0, 255).astype(numpy.uint8))
    return Image.merge("LA", (shades, alpha))


def _bare(image: Image.Image) -> Image.Image:
    """Return an RGB image without what its file noted: the profile, which has been applied, and
    the orientation, which will be.
    """
    image.info = {}
    return image
