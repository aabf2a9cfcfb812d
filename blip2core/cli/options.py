"""Arguments and options that several commands have."""

from typing import Annotated, Literal

import typer

Images = Annotated[
    list[str], typer.Argument(metavar="IMAGE...", help="Files, folders, or - for standard input.")
]
OneImage = Annotated[
    str, typer.Argument(metavar="IMAGE", help="A file, a folder, or - for standard input.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per result.")]
GeneratorName = Annotated[str, typer.Option("--model", help="A name of `blip2 models`.")]
MatcherName = GeneratorName
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ...")]
Mode = Annotated[Literal["greedy", "sample", "beam"], typer.Option(help="How words are chosen.")]
Seed = Annotated[int | None, typer.Option(help="Same seed, same text; sample only.")]
MaxTokens = Annotated[int, typer.Option("--max-new-tokens", help="Longest text, in tokens.")]
