"""The command that shows the heat maps of a matcher."""

from pathlib import Path
from typing import Annotated

import typer

from blip2core.cli.options import AsJson, Device, MatcherName, OneImage
from blip2core.cli.output import NamedImages, write_row

explain_commands = typer.Typer()


@explain_commands.command()
def explain(
    image: OneImage,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for; may be empty.")],
    method: Annotated[str | None, typer.Option(help="A method by name, or all of them.")] = None,
    query: Annotated[int | None, typer.Option(help="One query; else all, or the best.")] = None,
    layer: Annotated[int | None, typer.Option(help="One layer with cross-attention.")] = None,
    head: Annotated[int | None, typer.Option(help="One head; else the mean.")] = None,
    word: Annotated[int | None, typer.Option(help="One word of the text, counted from 0.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Also measure the map.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the map over the image, PNG.")] = None,
    npz: Annotated[Path | None, typer.Option(help="Write all attention as numbers.")] = None,
    model: MatcherName = "stickers-itm",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Show where the matcher looked for a text: in words, as an image, as numbers."""
    from blip2core.explain import Focus
    from blip2core.explain.report import explain_image
    from blip2core.models.loading import load_matcher

    focus = Focus(query=query, layer=layer, head=head, word=word)
    named = NamedImages([image], as_json)
    matcher = load_matcher(model, device=device)
    for name, opened in named:
        label = named.label(name)
        files = (_beside(out, label), _beside(npz, label))
        for row in explain_image(
            matcher, opened, text, method=method, focus=focus, test=test, files=files
        ):
            words = [row["fit"] or "", row["method"], row["description"], row.get("verdict", "")]
            write_row({"image": name, **row}, as_json, label, *words)
    named.finish()


def _beside(file: Path | None, label: str) -> Path | None:
    """Return the file to write; with several images, each has its name in it."""
    return file if file is None or not label else file.with_stem(f"{file.stem}-{Path(label).stem}")
