"""Commands that decide: curate list, accept, reject, apply, undo."""

import uuid
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from blip2core.cli.options import AsJson, DatabaseUrl, DatasetName, Person, Threshold, Yes
from blip2core.cli.output import write_row
from blip2core.cli.studio import annotator_number, dataset_number, doubted_in_words, opened, shown
from blip2core.errors import ConfigError, StorageError
from blip2core.texts import count_of

if TYPE_CHECKING:
    from blip2core.storage.cards import Card

curate = typer.Typer(help="Decide which texts are good.", no_args_is_help=True)
Captions = Annotated[
    list[int], typer.Argument(metavar="CAPTION...", help="Numbers that `curate list` shows.")
]
Note = Annotated[str | None, typer.Option(help="Why, for the record.")]


@curate.command(name="list")
def list_(
    dataset: DatasetName,
    status: Annotated[
        list[str] | None, typer.Option(help="Of the items; pending and audit if none is given.")
    ] = None,
    order: Annotated[
        Literal["nearest", "random", "disagreement", "newest"],
        typer.Option(help="nearest: those nearest to the threshold first."),
    ] = "nearest",
    search: Annotated[str, typer.Option(help="Words that a text has all of.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Most items shown.")] = 25,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List items with their texts and scores, in the order of review."""
    from blip2core.storage.cards import card
    from blip2core.storage.review import UNDONE, QueueFilter, review_queue
    from blip2core.storage.schema import ITEM_STATUS

    if unknown := set(status or ()).difference(ITEM_STATUS):
        raise ConfigError(f"--status {unknown.pop()!r} must be one of {', '.join(ITEM_STATUS)}")
    with opened(database, owner=False) as studio:
        number = dataset_number(studio, dataset)
        where = QueueFilter(statuses=tuple(status) if status else UNDONE, search=search)
        with studio.read() as session:
            page = review_queue(session, dataset_id=number, order=order, where=where, limit=limit)
            for entry in page.entries:
                _write_card(card(session, item_id=entry.item_id), as_json)


@curate.command()
def accept(
    captions: Captions,
    person: Person = "command line",
    note: Note = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Accept texts by their numbers."""
    _decide("accept", captions, person, note, database, as_json)


@curate.command()
def reject(
    captions: Captions,
    person: Person = "command line",
    note: Note = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Reject texts by their numbers."""
    _decide("reject", captions, person, note, database, as_json)


@curate.command()
def apply(
    dataset: DatasetName,
    threshold: Threshold = None,
    audit: Annotated[
        int, typer.Option(min=0, help="Items drawn at random for people to look at.")
    ] = 50,
    seed: Annotated[int, typer.Option(help="Of that draw.")] = 0,
    yes: Yes = False,
    person: Person = "command line",
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Accept and reject all undecided texts by the dataset's rules: one batch, undone as one."""
    from dataclasses import replace

    from blip2core.curation import apply_rules, preview, rules_of
    from blip2core.storage.batches import NewBatch
    from blip2core.storage.datasets import get_dataset

    with opened(database) as studio:
        number = dataset_number(studio, dataset)
        with studio.read() as session:
            rules = rules_of(get_dataset(session, dataset_id=number))
            rules = rules if threshold is None else replace(rules, threshold=threshold)
            seen = preview(session, dataset_id=number, rules=rules)
        rejected, images = count_of(seen.reject, "text"), count_of(seen.items, "image")
        left = doubted_in_words(seen)
        asked = f"Accept {seen.accept} and reject {rejected} of {images}{left}?"
        if not yes:
            typer.confirm(asked, abort=True, err=True)
        batch = NewBatch(
            uid=str(uuid.uuid4()), dataset_id=number, annotator_id=annotator_number(studio, person)
        )
        applied = apply_rules(
            studio, batch, rules=rules, expected=seen.decisions, audit=audit, seed=seed
        )
        row = {"batch": applied.batch_id, "accepted": seen.accept, "rejected": seen.reject}
        row["items_doubted"] = seen.items_doubted
        words = f"batch {applied.batch_id}: {seen.accept} accepted, {seen.reject} rejected{left}"
        write_row(
            row | {"audit": applied.audit}, as_json, f"{words}, {len(applied.audit)} to look at"
        )


@curate.command(name="undo")
def undo_newest(
    dataset: DatasetName,
    person: Person = "command line",
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Take back the newest decision of a person, a batch as a whole."""
    from blip2core.storage.decisions import undo_last

    with opened(database) as studio:
        number = dataset_number(studio, dataset)
        who = annotator_number(studio, person)
        with studio.write() as session:
            undone = undo_last(
                session, annotator_id=who, client_event_id=str(uuid.uuid4()), dataset_id=number
            )
        if undone is None:
            raise StorageError(f"{person} has decided nothing in {dataset}.")
        row = {"action": undone.action, "decisions": undone.decisions, "items": undone.item_ids}
        write_row(
            row, as_json, f"{count_of(undone.decisions, 'decision')} taken back ({undone.action})"
        )


def _decide(
    action: Literal["accept", "reject"],
    captions: list[int],
    person: str,
    note: str | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Decide about these captions: all of them, or none where one number is wrong."""
    from blip2core.storage.decisions import NewDecision, record_decision
    from blip2core.storage.missing_images import refuse_missing_images
    from blip2core.storage.schema import Caption

    with opened(url) as studio:
        who = annotator_number(studio, person)
        results = []
        with studio.write() as session:
            for number in captions:
                caption = session.get(Caption, number)
                if caption is None:
                    raise StorageError(f"There is no text number {number}.")
                if action == "accept":
                    refuse_missing_images(session, studio.images, item_ids=[caption.item_id])
                decision = NewDecision(
                    client_event_id=str(uuid.uuid4()),
                    item_id=caption.item_id,
                    annotator_id=who,
                    action=action,
                    caption_id=number,
                    note=note,
                )
                results.append((caption.text, record_decision(session, decision)))
        for text, recorded in results:
            row = {"caption": recorded.caption_id, "item": recorded.item_id, "action": action}
            words = f"{action}ed {recorded.caption_id}"
            write_row(
                row | {"status": recorded.status}, as_json, words, shown(text), recorded.status
            )


def _write_card(shown_item: "Card", as_json: bool) -> None:
    texts = [
        {
            "caption": text.caption_id,
            "source": text.source,
            "text": text.text,
            "itm": text.itm.value if text.itm else None,
            "itc": text.itc.value if text.itc else None,
            "truncated": bool(text.itm and text.itm.truncated),
            "verdicts": {verdict.handle: verdict.verdict for verdict in text.verdicts},
        }
        for text in shown_item.texts
    ]
    names = [source.name for source in shown_item.sources]
    row = {"item": shown_item.item_id, "status": shown_item.status, "names": names}
    if as_json:
        write_row(row | {"image": shown_item.image_sha256, "texts": texts}, as_json)
        return
    write_row({}, False, f"item {shown_item.item_id}", shown_item.status, *map(shown, names))
    for text in shown_item.texts:
        score = f"{text.itm.value:.3f}" if text.itm else "-"
        said = " ".join(f"{verdict.handle}: {verdict.verdict}" for verdict in text.verdicts)
        number = f"  {text.caption_id}"
        write_row(
            {}, False, number, score, text.source, shown(text.text), shown(said) if said else ""
        )
