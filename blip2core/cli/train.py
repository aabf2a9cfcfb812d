"""Commands that make and measure models: train, evaluate, convert, models."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import typer

from blip2core import config as configs
from blip2core.cli.config_files import read_config
from blip2core.cli.doubt import KnownFolder, StrangerFolders, evaluate_doubt
from blip2core.cli.options import AsJson, GeneratorName
from blip2core.cli.output import flat, write_row
from blip2core.errors import ConfigError
from blip2core.texts import count_of

train_commands = typer.Typer()
convert = typer.Typer(help="Checkpoints of other projects.", no_args_is_help=True)


@train_commands.command()
def train(
    stage: Annotated[Literal["unimodal", "stage1", "stage2", "finetune"], typer.Argument()],
    config: Annotated[Path, typer.Option(help="Settings as a JSON or TOML file.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; a killed run goes on there.")],
    as_json: AsJson = False,
) -> None:
    """Train one stage; its settings are the fields of the stage's configuration."""
    kind = getattr(configs, f"{stage.capitalize()}Config")
    settings = read_config(config, kind)
    result = import_module(f"blip2core.training.{stage}").run(settings, out)
    write_row({"stage": stage, "out": str(result)}, as_json, str(result))


@train_commands.command(name="evaluate")
def evaluate_model(
    model: GeneratorName = "stickers-opt",
    task: Annotated[
        str,
        typer.Option(
            help="captions, vqa, dialogue, itm, retrieval or all; or of the maps that explain "
            "them: pointing, faithfulness, verdicts, answers; or capfilt, doubt and questions, "
            "which no part of all are."
        ),
    ] = "all",
    seed: Annotated[int, typer.Option(help="Chooses the scenes; none was trained on.")] = 0,
    scenes: Annotated[int, typer.Option(min=1, help="Number of scenes.")] = 1000,
    heldout: Annotated[
        bool, typer.Option("--heldout", help="Scenes with combinations kept from training.")
    ] = False,
    known: KnownFolder = None,
    strangers: StrangerFolders = None,
    as_json: AsJson = False,
) -> None:
    """Measure a model on fresh sticker scenes; doubt also on strangers."""
    if task == "doubt":
        evaluate_doubt(model, seed, scenes, heldout, known, strangers or (), as_json)
        return
    if known or strangers:
        raise ConfigError("--known and --strangers belong to --task doubt.")
    from blip2core.evaluation import evaluate as measure

    figures = measure(model, task, seed, scenes, heldout)
    if as_json:
        write_row(figures, as_json)
    else:
        for name, value in flat(figures):
            write_row({}, as_json, name, f"{value:.4f}" if isinstance(value, float) else str(value))


@train_commands.command()
def models(as_json: AsJson = False) -> None:
    """List the models known by name."""
    from blip2core.models.specs import SPECS

    for spec in SPECS.values():
        place = "embedded" if spec.is_embedded else str(spec.checkpoint)
        row = {
            "name": spec.name,
            "kind": spec.kind,
            "family": spec.family,
            "parameters": spec.parameters,
            "image_size": spec.image_size,
            "place": place,
            "knows": spec.knows,
            "licence": spec.licence,
        }
        size = f"{spec.parameters / 1e6:,.0f} M"
        write_row(row, as_json, f"{spec.name:28}{spec.kind:11}{size:>9}  {place:42}{spec.knows}")


@convert.command()
def lavis(
    source: Annotated[Path, typer.Argument(help="A .pth file of LAVIS, or a checkpoint folder.")],
    target: Annotated[Path, typer.Argument(help="The folder, or the .pth file, to write.")],
    base: Annotated[
        str | None,
        typer.Option(help="From LAVIS: a checkpoint of the same architecture, for what is frozen."),
    ] = None,
    trained_only: Annotated[
        bool, typer.Option("--trained-only", help="To LAVIS: leave out the frozen weights.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Convert a LAVIS file to a folder that `from_pretrained` loads, or back."""
    if target.suffix == ".pth":
        from blip2core.training.lavis import export_lavis

        export_lavis(source, target, frozen=not trained_only)
        write_row({"file": str(target)}, as_json, str(target))
        return
    if base is None:
        raise ConfigError("--base is needed: LAVIS files lack configuration and frozen weights.")
    from blip2core.training.lavis import import_lavis

    imported = import_lavis(source, base, target)
    row = {"folder": str(target), "taken": len(imported.taken), "kept": len(imported.kept)}
    taken = count_of(len(imported.taken), "weight")
    words = f"{target}: {taken} from {source}, {row['kept']} from {base}"
    write_row(row, as_json, words)
