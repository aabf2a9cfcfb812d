"""The command that writes accepted pairs to files: export."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from blip2core.cli.export_target import export_target
from blip2core.cli.options import AsJson, DatabaseUrl, Person
from blip2core.cli.output import write_row
from blip2core.cli.studio import annotator_number, opened
from blip2core.texts import count_of

if TYPE_CHECKING:
    from blip2core.exports import Manifest
    from blip2core.storage import Database
    from blip2core.storage.snapshot_selection import SnapshotPolicy

export_commands = typer.Typer()


@export_commands.command()
def export(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A dataset: what is accepted now is frozen. Or a snapshot, DATASET@SNAPSHOT.",
        ),
    ],
    format: Annotated[
        Literal[
            "imagefolder",
            "webdataset",
            "coco",
            "karpathy",
            "parquet",
            "llava",
            "jsonl",
            "csv",
            "sidecars",
            "vqa",
            "label-studio",
        ],
        typer.Option(help="How it is written."),
    ],
    out: Annotated[
        str,
        typer.Option(help="A new folder for it, or a new address at s3://, gs:// or hf://."),
    ],
    captions: Annotated[
        Literal["rows", "lists"], typer.Option(help="A row per text, or one per image.")
    ] = "rows",
    embed_texts: Annotated[
        bool,
        typer.Option(
            "--embed-texts",
            help="Write the texts into the copies of the images too: EXIF, XMP, PNG text.",
        ),
    ] = False,
    decided: Annotated[
        Literal["both", "people", "threshold"], typer.Option(help="Who must have accepted a text.")
    ] = "both",
    source: Annotated[
        list[str] | None,
        typer.Option(help="Kind of text that is taken: web, synthetic, edited, human; all."),
    ] = None,
    lowest_itm: Annotated[float | None, typer.Option(help="Least ITM score of a text.")] = None,
    per_item: Annotated[int | None, typer.Option(min=1, help="Most texts of an image.")] = None,
    validation: Annotated[float, typer.Option(help="Share of the images.")] = 0.0,
    test: Annotated[float, typer.Option(help="Share of the images.")] = 0.0,
    snapshot: Annotated[str | None, typer.Option(help="What to call a new snapshot.")] = None,
    person: Person = "command line",
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Write accepted pairs to files, with where each comes from and a dataset card."""
    from blip2core.config import ExportConfig
    from blip2core.exports.snapshots import write_snapshot
    from blip2core.storage.schema import CAPTION_SOURCES
    from blip2core.storage.snapshot_selection import SnapshotPolicy

    policy = SnapshotPolicy(
        sources=tuple(source or CAPTION_SOURCES),
        decided=decided,
        lowest_itm=lowest_itm,
        per_item=per_item,
        validation=validation,
        test=test,
    )
    target = export_target(out)  # before anything is frozen
    with opened(database) as studio, target.folder() as folder:
        number, label = _snapshot(studio, name, policy, snapshot, person)
        config = ExportConfig(captions=captions, embed_texts=embed_texts)
        manifest = write_snapshot(
            studio,
            snapshot_id=number,
            format=format,
            out=folder,
            config=config,
            send=target.send,
        )
    _write_result(target.shown, label, manifest, as_json)


def _snapshot(
    database: "Database", name: str, policy: "SnapshotPolicy", new_name: str | None, person: str
) -> tuple[int, str]:
    """Return number and name of the snapshot to write: the named one, or a new one of what is
    accepted now.
    """
    from blip2core.errors import ConfigError, StorageError
    from blip2core.storage.datasets import find_dataset
    from blip2core.storage.freezing import freeze_snapshot
    from blip2core.storage.snapshot_selection import SnapshotPolicy
    from blip2core.storage.snapshots import named_snapshot

    with database.read() as session:
        try:
            dataset = find_dataset(session, name=name).id
        except StorageError:
            found = named_snapshot(session, name=name)
            if found is None:
                raise
            if policy != SnapshotPolicy() or new_name is not None:
                raise ConfigError(
                    f"{found.name} is frozen: no rule changes it. Name the dataset to freeze "
                    "another snapshot."
                ) from None
            return found.id, found.name
    by = annotator_number(database, person)
    made = freeze_snapshot(
        database, dataset_id=dataset, policy=policy, created_by=by, name=new_name
    )
    return made.id, made.name


def _write_result(out: str, snapshot: str, manifest: "Manifest", as_json: bool) -> None:
    row = {
        "out": out,
        "snapshot": snapshot,
        "content_sha256": manifest.data["content_sha256"],
        "manifest_sha256": manifest.sha256,
        "pairs": manifest.pairs,
        "pictures": manifest.images,
    }
    pairs, images = count_of(manifest.pairs, "pair"), count_of(manifest.images, "image")
    words = f"{out}: {pairs} of {images}, snapshot {snapshot}"
    write_row(row, as_json, words)
