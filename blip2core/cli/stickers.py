"""Commands of the synthetic world: stickers paint."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from blip2core.cli.options import AsJson
from blip2core.cli.output import write_row
from blip2core.stickers.scene import SPLITS

stickers = typer.Typer(help="The synthetic sticker world.", no_args_is_help=True)


@stickers.command(name="paint")
def paint_stickers(
    out: Annotated[Path, typer.Option(help="Folder for the images and truth.jsonl.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the first image.")] = SPLITS["test"].start,
    count: Annotated[int, typer.Option(min=1, help="Number of images.")] = 1,
    heldout: Annotated[
        bool, typer.Option("--heldout", help="Only scenes with combinations kept from training.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Paint images of the sticker world, with what is in them as JSON beside them."""
    from blip2core.stickers.paint import paint as paint_scene
    from blip2core.stickers.scene import draw_scene

    out.mkdir(parents=True, exist_ok=True)
    with (out / "truth.jsonl").open("w", encoding="utf-8") as truth:
        for number in range(seed, seed + count):
            scene = draw_scene(number, held_out=heldout)
            file = out / f"{number:08d}.png"
            paint_scene(scene).save(file)
            row = {"file": file.name, "truth": asdict(scene)}
            truth.write(json.dumps(row) + "\n")
            write_row(row, as_json, str(file))
