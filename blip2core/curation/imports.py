"""Import what intake reads: images into the store, items into a dataset. No torch here."""

from collections.abc import Generator as Yielding
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event

from sqlalchemy.orm import Session

from blip2core.capfilt.prefetch import prefetch
from blip2core.curation.jobs import code_version, running
from blip2core.errors import ImageError, StorageError
from blip2core.intake import CheckedImage, Limits, check_image
from blip2core.intake.sums import Sums
from blip2core.records import Problem, Unused, WebImage
from blip2core.storage import Database
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.datasets import get_or_create_dataset
from blip2core.storage.items import AddedItem, ImageFacts, add_item, is_taken_down
from blip2core.storage.retries import restart_run
from blip2core.storage.runs import NewRun, add_problem, create_run, heartbeat, note_sums
from blip2core.storage.store_id import check_store

UNIT = 32
"""Images committed together."""
CHECKING_THREADS = 2
"""Threads that check image files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of one input."""

    run_id: int
    name: str
    """Where it was. Hostile text."""
    item: AddedItem | None = None
    problem: Problem | None = None


Input = WebImage | Problem | Unused


@dataclass(frozen=True, slots=True)
class _Checked:
    image: WebImage | None
    """Without its bytes: those lie in `safe`, or are useless."""
    safe: CheckedImage | None = None
    problem: Problem | None = None
    unused: Unused | None = None


def import_images(
    database: Database,
    *,
    dataset: str,
    inputs: Iterable[Input],
    label: str = "",
    limits: Limits | None = None,
    started_by: int | None = None,
    stop: Event | None = None,
    run_id: int | None = None,
    sums: Sums | None = None,
) -> Yielding[Imported, None, None]:
    """Check, store and list images with their sources and texts; a result for each image and
    problem. The record of the run, and `sums`, say what became of all that was read.

    Each image is on disk before its row is. What is in the dataset already stays as it is, so an
    import that was killed is simply run again. `label` says in the list of runs what was imported;
    `run_id` is a run of `start_import`, new without one.
    """
    stop, sums = stop or Event(), sums or Sums()
    run_id = run_id or start_import(database, dataset=dataset, label=label, started_by=started_by)
    dataset_id = _begin(database, dataset, run_id)
    with running(database, run_id, stop) as pulse:
        checked = prefetch(inputs, lambda one: _check(one, limits), CHECKING_THREADS, UNIT)
        with closing(checked):
            for unit in chunks(checked, UNIT):
                if stop.is_set():
                    return
                with database.read() as session:  # a disk that is gone would be begun anew
                    check_store(session, database.images)
                for one in unit:
                    if one.safe is not None:
                        database.images.put(one.safe.data, format=one.safe.format)
                with database.write() as session:
                    refused = _taken_down(session, unit)
                    results = [
                        _add(session, dataset_id, run_id, one, sums)
                        for one in unit
                        if one.unused is None
                    ]
                    _count_unused(unit, sums)
                    done = sum(one.item is not None for one in results)
                    failed = sum(_is_failure(one.problem) for one in results)
                    note_sums(session, run_id=run_id, sums=sums.as_json())
                    request = heartbeat(session, run_id=run_id, done=done, failed=failed)
                pulse.count(done, failed)
                for safe in refused:  # stored above, before the tables could say so
                    database.images.delete(safe.sha256, format=safe.format)
                pulse.hear(request)
                yield from results


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


def _begin(database: Database, dataset: str, run_id: int) -> int:
    """Begin a run, also one that was begun before; return the number of the dataset."""
    with database.write() as session:
        restart_run(session, run_id=run_id)
        return get_or_create_dataset(session, name=dataset).id


def _is_failure(problem: Problem | None) -> bool:
    return problem is not None and problem.about != "note"


def _count_unused(unit: Sequence[_Checked], sums: Sums) -> None:
    for one in unit:
        if one.unused is not None:
            sums.add_unused(one.unused)


def _check(one: Input, limits: Limits | None) -> _Checked:
    """Decode and hash an image and cut off what is not the image; runs in a worker thread."""
    if isinstance(one, Unused):
        return _Checked(None, unused=one)
    if isinstance(one, Problem):
        return _Checked(None, problem=one)
    bare = replace(one, data=b"")
    try:
        return _Checked(bare, check_image(one.data, limits=limits))
    except ImageError as error:
        return _Checked(bare, problem=one.problem(str(error)))
    except Exception as error:  # one hostile file must not end an import
        reason = f"The image could not be checked: {error}."
        return _Checked(bare, problem=one.problem(reason))


def _add(session: Session, dataset_id: int, run_id: int, one: _Checked, sums: Sums) -> Imported:
    if one.image is None or one.safe is None:
        problem = one.problem or Problem(name="", reason="Unknown.")
        return _problem(session, run_id, problem, sums)
    try:
        item = add_item(
            session,
            dataset_id=dataset_id,
            run_id=run_id,
            image=_facts(one.safe),
            web=one.image,
        )
    except StorageError as error:  # taken down before
        return _problem(session, run_id, one.image.problem(str(error)), sums)
    sums.add_image(one.image, is_new=item.is_new, texts_new=item.texts)
    return Imported(run_id=run_id, name=one.image.name, item=item)


def _taken_down(session: Session, unit: Sequence[_Checked]) -> list[CheckedImage]:
    safe = [one.safe for one in unit if one.safe is not None]
    return [image for image in safe if is_taken_down(session, _facts(image))]


def _problem(session: Session, run_id: int, problem: Problem, sums: Sums) -> Imported:
    sums.add_problem(problem)
    add_problem(session, run_id=run_id, problem=problem)
    return Imported(run_id=run_id, name=problem.name, problem=problem)


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
