"""Commands on images from outside: intake."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blip2core.cli.options import AsJson
from blip2core.cli.output import write_row
from blip2core.texts import count_of

if TYPE_CHECKING:
    from blip2core.intake import CheckedImage

intake_commands = typer.Typer()


@intake_commands.command()
def intake(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Folders, images, zip and tar archives, tables (CSV, TSV, JSONL, Parquet).",
        ),
    ],
    download: Annotated[
        bool, typer.Option("--download", help="Fetch addresses from the public Internet.")
    ] = False,
    root: Annotated[
        Path | None, typer.Option(help="Folder that the paths of a table may reach into.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what an import would bring: images, texts, problems, duplicates. Nothing is kept."""
    from blip2core.errors import ImageError
    from blip2core.intake import Downloads, check_image, read, safe_name
    from blip2core.records import Problem

    one = sources[0] if len(sources) == 1 else sources
    names: list[str] = []
    checked: list[CheckedImage] = []
    problems = 0
    for found in read(one, download=Downloads() if download else None, root=root):
        try:
            if isinstance(found, Problem):
                raise ImageError(found.reason)
            facts = check_image(found.data)
        except ImageError as error:
            problems += 1
            row: dict[str, object] = {"name": found.name, "problem": str(error)}
            write_row(row, as_json, safe_name(found.name), f"problem: {error}")
            continue
        names.append(found.name)
        checked.append(replace(facts, data=b""))  # memory does not grow with the images
        row = _row(found.name, facts) | {"texts": found.texts, "url": found.url}
        texts = " | ".join(safe_name(text) for text in found.texts)
        size = f"{facts.width} x {facts.height} {facts.format}"
        write_row(row, as_json, safe_name(found.name), size, texts, facts.changed)
    alike = 0
    for kind, places in _alike(checked):
        alike += 1
        group = [names[place] for place in places]
        write_row({"alike": group, "kind": kind}, as_json, kind, *map(safe_name, group))
    counts = {"pictures": len(names), "problems": problems, "groups_alike": alike}
    words = (count_of(len(names), "image"), count_of(problems, "problem"))
    write_row(counts, as_json, ", ".join((*words, f"{count_of(alike, 'group')} alike")))


def _row(name: str, facts: "CheckedImage") -> dict[str, object]:
    fields = ("sha256", "width", "height", "format", "bytes", "changed")
    return {"name": name} | {field: getattr(facts, field) for field in fields}


def _alike(checked: "Sequence[CheckedImage]") -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield groups of images that are the same or look alike, and which of these it is."""
    from blip2core.intake import clusters, near_pairs

    for group in clusters(near_pairs([facts.phash for facts in checked])):
        files = {checked[place].sha256 for place in group}
        pixels = {checked[place].pixel_sha256 for place in group}
        same = "same file" if len(files) == 1 else "same pixels"
        yield same if len(pixels) == 1 else "alike", group
