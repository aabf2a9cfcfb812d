"""Store pairs that were decided outside the review queue, as on the workbench."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy.orm import Session

from blip2core.config import CaptionConfig
from blip2core.curation.imports import import_images
from blip2core.curation.jobs import code_version
from blip2core.errors import StorageError
from blip2core.records import ReviewedText, ScorerIdentity, WebImage
from blip2core.storage import Database
from blip2core.storage.captions import add_captions, add_scores, texts_of
from blip2core.storage.datasets import find_dataset
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import NewRun, create_run, finish_run, start_run

BY_HAND = {"in": "workbench"}
"""Parameter of a run that was done on the page, so that no worker resumes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedImage:
    """One image and all its texts."""

    name: str
    """Name of its file. Hostile text."""
    data: bytes
    """A clean image file, as `blip2core.intake.check_image` gives it."""
    sha256: str
    """Of `data`, 64 hex digits."""
    texts: tuple[ReviewedText, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOrigin:
    """What wrote and scored the texts."""

    captioner: str
    """Name of the model that wrote the synthetic ones."""
    revision: str
    dtype: str
    captions: CaptionConfig
    scorer: ScorerIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPairs:
    """What is in the database now."""

    run_id: int
    """Of the run that stands for the work; give it to `store_pairs` to add to the same run."""
    images: int
    accepted: int
    rejected: int


def store_pairs(
    database: Database,
    images: Sequence[ReviewedImage],
    origin: PairOrigin,
    *,
    dataset: str,
    annotator: str,
    run_id: int | None = None,
) -> StoredPairs:
    """Store images of which texts were reviewed, with all their texts, scores and verdicts.

    Images are imported first. All the rest is one unit: where it fails, nothing of it is stored.
    A run that could be seen before it is done would be taken for one whose process was killed,
    and a worker in the background would caption the whole dataset for it. Doing it twice with the
    same `run_id` changes nothing. Raises StorageError where nothing was decided, the dataset has no
    name, or an image is refused.
    """
    images = [image for image in images if any(text.verdict for text in image.texts)]
    if not images:
        raise StorageError("Accept or reject a text first.")
    if not dataset:
        raise StorageError("Name the dataset first.")
    item_ids = _import(database, dataset, images)

    def unit(session: Session) -> tuple[int, list[str]]:
        number = run_id or _finished_run(session, origin, dataset)
        person = get_or_create_annotator(session, handle=annotator).id
        verdicts: list[str] = []
        for image, item_id in zip(images, item_ids, strict=True):
            verdicts += _store(session, image, item_id, number, origin.scorer, person)
        return number, verdicts

    number, verdicts = database.run_write(unit)
    accepted = verdicts.count("accepted")
    return StoredPairs(
        run_id=number,
        images=len(images),
        accepted=accepted,
        rejected=len(verdicts) - accepted,
    )


def _import(database: Database, dataset: str, images: Sequence[ReviewedImage]) -> list[int]:
    """Return the number of the item of each image."""
    inputs = []
    for image in images:
        words = tuple(text.words for text in image.texts if text.source == "web")
        inputs.append(WebImage(name=image.name, data=image.data, texts=words))
    item_ids = []
    # All of it before anything is refused: an import that is left early waits to be gone on with.
    for one in list(import_images(database, dataset=dataset, inputs=inputs, label="workbench")):
        if one.item is None:
            raise StorageError(one.problem.reason if one.problem else "An image was refused.")
        item_ids.append(one.item.item_id)
    return item_ids


def _finished_run(session: Session, origin: PairOrigin, dataset: str) -> int:
    """Return the number of a new run that is over as soon as it is in the database."""
    new = NewRun(
        kind="capfilt",
        code_version=code_version(),
        model=origin.captioner,
        revision=origin.revision,
        dtype=origin.dtype,
        parameters={"captions": asdict(origin.captions), **BY_HAND},
        seed=origin.captions.decode.seed,
    )
    dataset_id = find_dataset(session, name=dataset).id
    run_id = create_run(session, replace(new, dataset_id=dataset_id)).id
    start_run(session, run_id=run_id)
    finish_run(session, run_id=run_id, status="done")
    return run_id


def _store(
    session: Session,
    image: ReviewedImage,
    item_id: int,
    run_id: int,
    scorer: ScorerIdentity,
    annotator_id: int,
) -> list[str]:
    """Store the texts, scores and verdicts of one image; return the verdicts that count."""
    written = [text.words for text in image.texts if text.source == "synthetic"]
    stored = add_captions(session, run_id=run_id, item_id=item_id, texts=written)
    stored += [one for one in texts_of(session, item_id=item_id) if one.source == "web"]
    known = {(one.source, one.text): one.caption_id for one in stored}
    numbers = {text.number: known.get((text.source, text.words)) for text in image.texts}
    verdicts: list[str] = []
    for text in image.texts:
        edited = text.source == "edited"
        if not text.verdict or (edited and text.verdict == "rejected"):
            continue  # an edited text that was rejected is no text of the dataset
        new = NewDecision(
            client_event_id=f"{run_id}:{image.sha256[:16]}:{text.number}:{text.verdict}",
            item_id=item_id,
            annotator_id=annotator_id,
            action="edit" if edited else "accept" if text.verdict == "accepted" else "reject",
            caption_id=numbers[text.parent]
            if edited and text.parent is not None
            else numbers[text.number],
            text=text.words if edited else None,
            seen={"page": "workbench", "itm": text.scored.itm},
        )
        numbers[text.number] = record_decision(session, new).caption_id
        verdicts.append(text.verdict)
    scores = {
        caption_id: text.scored
        for text in image.texts
        if (caption_id := numbers[text.number]) is not None
    }
    add_scores(session, run_id=run_id, identity=scorer, scores=scores)
    return verdicts
