"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from blip2core.config import DecodingMode

ImageNames = Annotated[
    list[str], typer.Argument(metavar="IMAGE...", help="Files, folders, or - for standard input.")
]
OneImage = Annotated[
    str, typer.Argument(metavar="IMAGE", help="A file, a folder, or - for standard input.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per result.")]
GeneratorName = Annotated[str, typer.Option("--model", help="A name of `blip2 models`.")]
MatcherName = GeneratorName
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ...")]
DecodingOption = Annotated[DecodingMode, typer.Option(help="How words are chosen.")]
Seed = Annotated[int | None, typer.Option(help="Same seed, same text; sample only.")]
MaxTokens = Annotated[int, typer.Option("--max-new-tokens", help="Longest text, in tokens.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database", help="A URL or an SQLite file; else BLIP2_DATABASE_URL, else yours."
    ),
]
Url = Annotated[
    str | None,
    typer.Option("--url", help="A URL or an SQLite file; else BLIP2_DATABASE_URL, else yours."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what it would do.")]
DatasetName = Annotated[str, typer.Option("--dataset", help="Its name.")]
Rules = Annotated[
    str | None,
    typer.Option(help="paper, blip2, or a JSON or TOML file with the settings of FilterConfig."),
]
Threshold = Annotated[
    float | None,
    typer.Option(min=-1, max=1, help="Least score, in place of the rules' own."),
]
Person = Annotated[str, typer.Option("--as", help="Who decides.")]
TextColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--text-column",
        metavar="NAME",
        help="Column of a table that holds texts; several by giving it again. Else guessed.",
    ),
]
ImageColumn = Annotated[
    str | None,
    typer.Option(
        "--image-column",
        metavar="NAME",
        help="Column that names the images, holds them, or has their addresses. Else guessed.",
    ),
]
IdColumn = Annotated[
    str | None,
    typer.Option(
        "--id-column",
        metavar="NAME",
        help="Column of ids, kept with the texts as columns of numbers are. Else guessed.",
    ),
]
ReadRoot = Annotated[
    Path | None,
    typer.Option("--root", help="Folder that the paths of a single table may reach into."),
]
MetadataTexts = Annotated[
    bool,
    typer.Option(
        "--metadata-texts/--no-metadata-texts",
        help="Take texts inside image files too: EXIF, IPTC, XMP, PNG.",
    ),
]
