"""Import what intake reads: images into the store, items into a dataset. No torch here."""

from collections.abc import Generator as Yielding
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from threading import Event

from sqlalchemy.orm import Session

from blip2core.curation.checking import Checked, check_all, units
from blip2core.curation.jobs import Request, code_version, running
from blip2core.curation.tally import Tally, problem_of
from blip2core.errors import UnavailableError
from blip2core.intake import CheckedImage, Limits, Reading
from blip2core.intake.sums import Sums
from blip2core.records import Problem, Unused, WebImage
from blip2core.storage import Database
from blip2core.storage.datasets import get_or_create_dataset
from blip2core.storage.finished_archives import begin_with_archives, forget_archives_of_run
from blip2core.storage.items import TAKEN_DOWN, AddedItem, ImageFacts, add_items, taken_down
from blip2core.storage.retries import restart_run
from blip2core.storage.runs import NewRun, create_run, heartbeat, note_sums
from blip2core.storage.store_id import check_store


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of one input."""

    run_id: int
    name: str
    """Where it was. Hostile text."""
    item: AddedItem | None = None
    problem: Problem | None = None
    skipped: int = 0
    """Images that an archive had which an earlier import finished: it was not read again."""


def import_images(
    database: Database,
    *,
    dataset: str,
    inputs: Iterable[WebImage | Problem | Unused],
    label: str = "",
    limits: Limits | None = None,
    started_by: int | None = None,
    stop: Event | None = None,
    run_id: int | None = None,
    sums: Sums | None = None,
    reading: Reading | None = None,
) -> Yielding[Imported, None, None]:
    """Check, store and list images with their sources and texts; a result for each image and
    problem. The record of the run, and `sums`, say what became of all that was read.

    Each image is on disk before its row is. What is in the dataset already stays as it is, so an
    import that was killed is simply run again. With the `reading` that `read` was given, it does
    not read archives again that it had finished, and the record says how far it is. `label` says in
    the list of runs what was imported; `run_id` is a run of `start_import`, new without one.
    """
    stop, sums = stop or Event(), sums or Sums()
    run_id = run_id or start_import(database, dataset=dataset, label=label, started_by=started_by)
    with running(database, run_id, stop) as pulse:
        dataset_id = _begin(database, dataset, run_id, reading)
        tally = Tally(dataset_id, run_id, sums)
        checked = check_all(reading.followed(inputs) if reading else inputs, limits)
        with closing(checked):
            for unit in units(checked):
                if stop.is_set():
                    return
                results, request = _store(database, dataset_id, run_id, unit, tally, reading)
                pulse.count(*_counts(results))
                pulse.hear(request)
                yield from results
    # Not before it is marked as done: of two that end at once each would leave it to the other.
    if not stop.is_set():
        with suppress(UnavailableError), database.write() as session:  # else the next import does
            forget_archives_of_run(session, run_id=run_id, is_alone=database.is_alone)


def start_import(
    database: Database, *, dataset: str, label: str = "", started_by: int | None = None
) -> int:
    """Create the run of an import into a dataset, new where there is none of this name -> its
    number.
    """
    with database.write() as session:
        dataset_id = get_or_create_dataset(session, name=dataset).id
        new = NewRun(
            kind="import",
            code_version=code_version(),
            dataset_id=dataset_id,
            parameters={"input": label},
            started_by=started_by,
        )
        return create_run(session, new).id


def _begin(database: Database, dataset: str, run_id: int, reading: Reading | None) -> int:
    """Begin a running run, also one that was begun before; return the number of the dataset."""
    with database.write() as session:
        restart_run(session, run_id=run_id)
        dataset_id = get_or_create_dataset(session, name=dataset).id
        if reading is not None:
            reading.finished = begin_with_archives(session, dataset_id=dataset_id)
        return dataset_id


def _store(
    database: Database,
    dataset_id: int,
    run_id: int,
    unit: Sequence[Checked],
    tally: Tally,
    reading: Reading | None,
) -> tuple[list[Imported], Request]:
    """Store what was checked, as one unit of the database, the images before it."""
    with database.read() as session:  # a disk that is gone would be begun anew
        check_store(session, database.images)
    safe = [one.safe for one in unit if one.safe is not None]
    database.images.put_all([(image.data, image.format) for image in safe])
    with database.write() as session:
        refused = taken_down(session, list(map(_facts, safe)))
        results = _add(session, dataset_id, run_id, unit, tally)
        done, failed = _counts(results)
        progress = reading.as_json() if reading is not None else None
        note_sums(session, run_id=run_id, sums=tally.sums.as_json(), reading=progress)
        request = heartbeat(session, run_id=run_id, done=done, failed=failed)
    for image in safe:  # stored above, before the tables could say so
        if image.sha256 in refused:
            database.images.delete(image.sha256, format=image.format)
    return results, request


def _add(
    session: Session, dataset_id: int, run_id: int, unit: Sequence[Checked], tally: Tally
) -> list[Imported]:
    """Add the images of a unit, and count all that is in it, in order."""
    found = [
        (_facts(one.safe), one.image)
        for one in unit
        if one.safe is not None and one.image is not None
    ]
    items = iter(add_items(session, dataset_id=dataset_id, run_id=run_id, found=found))
    results: list[Imported] = []

    def refuse(problem: Problem) -> None:
        tally.add_problem(session, problem)
        results.append(Imported(run_id=run_id, name=problem.name, problem=problem))

    for one in unit:
        if one.mark is not None:
            if (earlier := tally.pass_mark(session, one.mark)) is not None:
                results += _skipped(run_id, one.mark.name, *earlier)
        elif one.unused is not None:
            tally.add_unused(one.unused)
        elif one.image is None or one.safe is None:
            refuse(problem_of(one))
        elif (item := next(items)) is None:
            refuse(one.image.problem(TAKEN_DOWN))
        else:
            tally.add_image(one.image, item)
            results.append(Imported(run_id=run_id, name=one.image.name, item=item))
    return results


def _counts(results: Sequence[Imported]) -> tuple[int, int]:
    """Return how many images are there now, and how many problems there were; notes are none."""
    done = sum(one.item is not None for one in results) + sum(one.skipped for one in results)
    failed = sum(one.problem is not None and one.problem.about != "note" for one in results)
    return done, failed


def _skipped(run_id: int, name: str, sums: Sums, problems: Sequence[Problem]) -> list[Imported]:
    """Return what an archive brought earlier: its images in one, and each of its problems."""
    images = sums.images_new + sums.images_known
    return [
        Imported(run_id=run_id, name=name, skipped=images),
        *(Imported(run_id=run_id, name=one.name, problem=one) for one in problems),
    ]


def _facts(safe: CheckedImage) -> ImageFacts:
    return ImageFacts(
        sha256=safe.sha256,
        pixel_sha256=safe.pixel_sha256,
        phash=safe.phash,
        width=safe.width,
        height=safe.height,
        format=safe.format,
        bytes=safe.bytes,
    )
