"""Commands that push an export to the Hugging Face Hub, and pull a dataset from it."""

from pathlib import Path
from typing import Annotated

import typer

from blip2core.cli.options import AsJson, DryRun
from blip2core.cli.output import write_row
from blip2core.cli.transfers import TransferLine
from blip2core.remote.transfers import megabytes
from blip2core.texts import count_of

hub = typer.Typer(
    help="Datasets on the Hugging Face Hub, with your own token (`hf auth login`, or HF_TOKEN).",
    no_args_is_help=True,
)
DatasetOnHub = Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The dataset on the Hub.")]


@hub.command()
def push(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An export, complete.")],
    name: DatasetOnHub,
    private: Annotated[
        bool, typer.Option("--private", help="Only you, and whom you allow, may see it.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send a finished export to the Hub as a dataset. The same call goes on where it broke off.

    With --dry-run its files and its card are shown, and nothing is asked of the network.
    """
    from blip2core.errors import ExportError
    from blip2core.exports.finished import finished_export
    from blip2core.exports.hub_push import card_of, push_export
    from blip2core.remote.hub import check_dataset_name

    if dry_run:
        check_dataset_name(name, ExportError)
        files = finished_export(folder)
        for file in files:
            write_row({"file": file.name, "bytes": file.size}, as_json, file.name, f"{file.size:,}")
        for line in card_of(files).splitlines():
            write_row({"card": line}, as_json, line or " ")
        size = sum(file.size for file in files)
        row = {"dataset": name, "files": len(files), "bytes": size, "private": private}
        words = f"{name}: {count_of(len(files), 'file')}, {megabytes(size)}; nothing was sent"
        write_row(row, as_json, words)
        return
    pushed = push_export(folder, name, private=private, show=TransferLine())
    sent = count_of(pushed.sent, "file")
    write_row(
        {"dataset": name, "address": pushed.address, "sent": pushed.sent},
        as_json,
        f"{pushed.address}: {sent} sent" if pushed.sent else f"{pushed.address}: all was there",
    )


@hub.command()
def pull(
    name: DatasetOnHub,
    out: Annotated[Path, typer.Option(help="A new folder for it.")],
    revision: Annotated[
        str | None, typer.Option(help="A branch, a tag or a commit; else the main branch.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="MB", help="The most that is fetched, in megabytes.")
    ] = 10_000,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Fetch what an import reads of a dataset: images, tables, archives and texts. The same call
    goes on where it broke off.
    """
    from blip2core.errors import IntakeError
    from blip2core.intake.hub_dataset import list_dataset, pull_dataset

    if out.exists():
        raise IntakeError(f"{out} exists already: name a new folder.")
    dataset = list_dataset(name, revision=revision, companions=True, most_bytes=limit * 1_000_000)
    if told := dataset.told_left_out():
        row = {"left_out": len(dataset.left_out), "examples": dataset.left_out[:3]}
        write_row(row, as_json, f"left out: {told}")
    counts = {"files": len(dataset.files), "bytes": dataset.bytes, "commit": dataset.commit}
    words = f"{count_of(len(dataset.files), 'file')}, {megabytes(dataset.bytes)}"
    at = f"at {dataset.commit[:7]}"
    write_row({"dataset": name} | counts, as_json, f"{name} {at}: {words}")
    if not dry_run:
        pull_dataset(dataset, out, show=TransferLine())
        write_row({"out": str(out)}, as_json, f"{out} is complete")
