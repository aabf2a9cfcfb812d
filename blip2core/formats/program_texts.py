"""What cameras and programs write into an image by themselves, which is no text about it."""

from __future__ import annotations

import re

PROGRAMS = (
    "adobe|photoshop|lightroom|illustrator|gimp|paint.net|mspaint|inkscape|krita|canva|vsco|"
    "snapseed|picasa|picsart|imagemagick|graphicsmagick|jpegmini|jpeg-recompress|caesium|gd|blender|"
    "matplotlib|snagit|greenshot|figma|novelai|stable diffusion|midjourney|comfyui|invokeai"
)
NAMES = re.sub(r"([ .])", r"\\\1", PROGRAMS)
BY_ITSELF = re.compile(
    rf"""
    [\d\s_\-:./,]*
    | untitled | no\ title | default | digital\ camera | ascii | binary\ comment | applemark
    | (olympus|minolta|konica\ minolta|sanyo|kodak|casio|fujifilm|nikon|pentax|samsung|sony)
      (\ [\w\ ]{{0,40}})?\ (digital\ (still\ )?camera|camera\ pic\w+)
    | sony\ dsc | [<>\w\ /]{{0,40}}kenox[\w\ />]{{0,40}} | (exif_)?jpeg_pic\w+ | dcf_pic\w+
    | creator:\ gd-jpeg.* | .*using\ ijg\ jpeg.* | lead\ technologies.* | intel\(r\)\ jpeg.*
    | (file\ )?\w{{2,12}}\ (with|by|using|in)\ (the\ )?({NAMES})([\ .,(].{{0,60}})?
    | ({NAMES})([\ ,]*([\w.]+\ ){{0,2}}[\w.(]*\d.{{0,60}})?
    | ai\ generated\ image | screen\ ?shot([\ _-][\d\ _.,:at/-]*([ap]m)?)?
    | lavc[\d.]+ | oppo_\d+ | hisilicon.{{0,20}} | charset=\w+
    | (img|dsc|dscn|dscf|imgp|pxl|mvimg|gopr|scan|wp)[-_\ ]?\d[\d_\-]*
    | \S{{1,80}}\.(jpe?g|png|tiff?|heic|webp|gif|bmp|psd|svg)
    | (\w[\w\ ]{{0,30}}:\ ?[^;\n]{{0,60}};\ ?){{2,}}[^;\n]{{0,60}}
    | imagej=.* | \{{\s*["'].* | \{{\s*\}} | \[\s*[\{{"].* | <\?xml.* | <\w[^>]*>\s*<.*
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""Names of cameras, programs and files, lists of settings, JSON and XML."""
SETTINGS = re.compile(r"^(Negative prompt:|Steps: \d+(,|$))", re.MULTILINE)
"""Where the settings begin that programs on Stable Diffusion write after a prompt."""
MOST_SETTINGS = 10_000
"""Characters of these that are kept."""


def is_by_itself(text: str) -> bool:
    """Return whether a camera or program writes this text without being asked."""
    return BY_ITSELF.fullmatch(text.strip()[:2_000]) is not None


def prompt_of(text: str) -> tuple[str, dict[str, object]]:
    """Return the prompt of an image that was generated, and what else was said there as data.

    A text without such settings is returned as it is, with no data.
    """
    begins = SETTINGS.search(text)
    if begins is None:
        return text, {}
    prompt, rest = text[: begins.start()].strip(), text[begins.start() :]
    negative, steps, settings = rest.partition("Steps: ")
    data = {
        "negative prompt": negative.removeprefix("Negative prompt:").strip(),
        "settings": (steps + settings).strip(),
    }
    return prompt, {
        name: said for name, said in data.items() if said and len(said) <= MOST_SETTINGS
    }
