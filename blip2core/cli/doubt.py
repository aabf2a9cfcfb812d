"""Commands about doubt: from which fit on a captioner's word is to be taken, and how well it tells.

The images it was trained on are known, others are strangers.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blip2core.cli.options import AsJson, Device, GeneratorName
from blip2core.cli.output import NamedImages, flat, write_row
from blip2core.errors import ConfigError
from blip2core.records import DOUBT_WARNING
from blip2core.texts import visible

if TYPE_CHECKING:
    from PIL.Image import Image

    from blip2core.models import Generator, ImageFeatures, Matcher

KnownFolder = Annotated[
    Path | None,
    typer.Option(
        "--known",
        metavar="FOLDER",
        help="Images of the kind the model was trained on; of an embedded model fresh scenes, "
        "where none is given.",
    ),
]
StrangerFolders = Annotated[
    list[str] | None,
    typer.Option(
        "--strangers",
        metavar="NAME=FOLDER",
        help="Images of another kind, such as photographs=FOLDER; several by giving it again.",
    ),
]

doubt_commands = typer.Typer()


@doubt_commands.command()
def doubt(
    model: GeneratorName = "stickers-opt",
    known: KnownFolder = None,
    strangers: StrangerFolders = None,
    share: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Share of known images that may be doubted.")
    ] = 0.05,
    scenes: Annotated[int, typer.Option(min=40, help="Known scenes of an embedded model.")] = 2000,
    out: Annotated[
        Path | None, typer.Option(help="File to write; else where the model's calibration lies.")
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure from which fit on a captioner is to be doubted, and write it beside the model."""
    from blip2core.doubt import calibration_file, write_calibration
    from blip2core.evaluation.doubt import calibrate

    generator, matcher = load_pair(model, device)
    others = {name: _images(folder) for name, folder in folders_of(strangers or ()).items()}
    images = known_images(generator, known, seed=0, scenes=scenes)
    calibration = calibrate(generator, matcher, images, others, share)
    file = out or calibration_file(generator.spec)
    write_calibration(calibration, file)
    row = asdict(calibration)
    words = f"{file}: doubt where the own caption fits below {calibration.threshold:.3f}"
    write_row(row | {"file": str(file)}, as_json, words)
    if not as_json:
        write_row({}, as_json, f"known images doubted: {calibration.doubted:.3f}")
        for one in calibration.strangers:
            area = f"area under ROC {one.area:.3f} ({one.low:.3f} to {one.high:.3f})"
            write_row({}, as_json, f"{one.name}, {one.images}: doubted {one.doubted:.3f}, {area}")


def evaluate_doubt(
    model: str,
    seed: int,
    scenes: int,
    heldout: bool,
    known: Path | None,
    strangers: Sequence[str],
    as_json: bool,
) -> None:
    """Print how well several signs tell known images from strangers."""
    from blip2core.doubt import find_calibration
    from blip2core.evaluation.doubt import measure_doubt

    folders = folders_of(strangers)
    if not folders:
        raise ConfigError("The task doubt needs strangers: --strangers photographs=FOLDER.")
    generator, matcher = load_pair(model, "auto")
    calibration = find_calibration(generator.spec)
    threshold = calibration.threshold if calibration else None
    images = known_images(generator, known, seed=seed, scenes=scenes, held_out=heldout)
    others = {name: _images(folder) for name, folder in folders.items()}
    figures = {"doubt": measure_doubt(generator, matcher, images, others, threshold)}
    if as_json:
        write_row(figures, as_json)
        return
    for name, value in flat(figures):
        write_row({}, as_json, name, f"{value:.4f}" if isinstance(value, float) else str(value))


class Doubting:
    """Tells of images whether the captioner has seen anything like them, where it is calibrated."""

    def __init__(self, generator: "Generator", device: str) -> None:
        from blip2core.doubt import calibration_for
        from blip2core.models import load_matcher
        from blip2core.models.specs import matcher_name

        self._generator, self._calibration = generator, None
        if calibration_for(generator) is not None:  # else no matcher is needed
            name = matcher_name(generator.spec)
            self._matcher = load_matcher(name, device=device, share_with=generator)
            self._calibration = calibration_for(generator, self._matcher)

    def look(
        self, name: str, image: "Image", features: "ImageFeatures", as_json: bool
    ) -> dict[str, Any]:
        """Return what a row says of the doubt in an image; without `as_json` tell it on stderr."""
        from blip2core.doubt import doubts

        if self._calibration is None:
            return {}
        shared = self._matcher.vision.fingerprint == features.encoder
        scored = features if shared else self._matcher.encode([image])
        (doubt,) = doubts(self._calibration, self._generator, self._matcher, features, scored)
        if doubt.is_doubted and not as_json:
            print(f"blip2: {visible(name)}: {DOUBT_WARNING}", file=sys.stderr)
        return {"doubt": asdict(doubt) | {"is_doubted": doubt.is_doubted}}


def load_pair(model: str, device: str) -> "tuple[Generator, Matcher]":
    """Load a captioner with the matcher that goes with it."""
    from blip2core.models import load_generator, load_matcher
    from blip2core.models.specs import matcher_name

    generator = load_generator(model, device=device)
    return generator, load_matcher(matcher_name(generator.spec), share_with=generator)


def known_images(
    generator: "Generator", folder: Path | None, *, seed: int, scenes: int, held_out: bool = False
) -> "Iterator[Image]":
    """Return images of the kind a captioner was trained on.

    Raises ConfigError where nobody named a folder and the captioner is not an embedded one.
    """
    from blip2core.evaluation.gallery import draw_scenes
    from blip2core.stickers.paint import paint

    if folder is not None:
        return _images(folder)
    if not generator.spec.is_embedded:
        raise ConfigError(f"Name images that {generator.spec.name} knows: --known FOLDER.")
    return (paint(scene) for scene in draw_scenes(seed, scenes, held_out=held_out))


def folders_of(named: Sequence[str]) -> Mapping[str, Path]:
    """Return name -> folder of "photographs=FOLDER". Raises ConfigError where one is none."""
    found = {}
    for one in named:
        name, equals, folder = one.partition("=")
        if not (name and equals and Path(folder).is_dir()):
            raise ConfigError(f"--strangers {one}: give a name and a folder, photographs=FOLDER.")
        found[name] = Path(folder)
    return found


def _images(folder: Path) -> "Iterator[Image]":
    """Yield the images of a folder, and tell on stderr which could not be read."""
    return (image for _, image in NamedImages([str(folder)], as_json=False))
