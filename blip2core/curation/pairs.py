"""Store pairs that were decided outside the review queue, as on the workbench."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from blip2core.config import CaptionConfig
from blip2core.curation.imports import import_images
from blip2core.curation.jobs import code_version
from blip2core.errors import StorageError
from blip2core.records import ReviewedText, ScorerIdentity, WebImage
from blip2core.storage import Database
from blip2core.storage.captions import add_captions, add_scores, texts_of
from blip2core.storage.datasets import find_dataset
from blip2core.storage.decisions import Action, NewDecision, record_decision
from blip2core.storage.items import AddedItem
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import NewRun, create_run, finish_run, start_run
from blip2core.storage.schema import Caption, Verdict

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
    texts: tuple[ReviewedText, ...] = ()
    questions: Mapping[str, str] = field(default_factory=dict)
    """Text -> the question that it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOrigin:
    """What wrote and scored the texts."""

    captioner: str
    """Name of the model that wrote the synthetic ones; empty where there are none."""
    revision: str
    dtype: str | None
    """None where it is not known."""
    captions: CaptionConfig
    scorer: ScorerIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """One image in the dataset now."""

    item_id: int
    name: str
    """Hostile text."""
    is_new: bool
    """It was not in the dataset before."""
    texts: int = 0
    """Texts that were not there before."""
    known: int = 0
    """Texts with a verdict that were there before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPairs:
    """What is in the database now."""

    run_id: int
    """Of the run that stands for the work; give it to `store_pairs` to add to the same run."""
    images: tuple[StoredImage, ...]
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
    and a worker in the background would caption the whole dataset for it. A text that is there
    already, and a verdict that counts already, stay: doing it twice changes nothing. Raises
    StorageError where nothing was decided, the dataset has no name, or an image is refused.
    """
    images = [image for image in images if any(text.verdict for text in image.texts)]
    if not images:
        raise StorageError("Accept or reject a text first.")
    items = _import(database, dataset, images)

    def unit(session: Session) -> tuple[int, list[StoredImage]]:
        number = run_id or _finished_run(session, origin, dataset)
        person = get_or_create_annotator(session, handle=annotator).id
        return number, [
            _store(session, image, item, number, origin.scorer, person)
            for image, item in zip(images, items, strict=True)
        ]

    number, stored = database.run_write(unit)
    verdicts = [text.verdict for image in images for text in _decided(image)]
    accepted = verdicts.count("accepted")
    return StoredPairs(
        run_id=number,
        images=tuple(stored),
        accepted=accepted,
        rejected=len(verdicts) - accepted,
    )


def store_image(database: Database, image: ReviewedImage, *, dataset: str) -> StoredImage:
    """Store an image without a text. Raises StorageError where the dataset has no name, or the
    image is refused.
    """
    (item,) = _import(database, dataset, [image])
    return StoredImage(item_id=item.item_id, name=image.name, is_new=item.is_new)


def _import(database: Database, dataset: str, images: Sequence[ReviewedImage]) -> list[AddedItem]:
    """Return the item of each image."""
    if not dataset:
        raise StorageError("Name the dataset first.")
    inputs = []
    for image in images:
        words = tuple(text.words for text in image.texts if text.source == "web")
        inputs.append(WebImage(name=image.name, data=image.data, texts=words))
    items = []
    # All of it before anything is refused: an import that is left early waits to be gone on with.
    for one in list(import_images(database, dataset=dataset, inputs=inputs, label="workbench")):
        if one.item is None:
            raise StorageError(one.problem.reason if one.problem else "An image was refused.")
        items.append(one.item)
    return items


def _finished_run(session: Session, origin: PairOrigin, dataset: str) -> int:
    """Return the number of a new run that is over as soon as it is in the database."""
    new = NewRun(
        kind="capfilt" if origin.captioner else "score",
        code_version=code_version(),
        model=origin.captioner or origin.scorer.model,
        revision=origin.revision if origin.captioner else origin.scorer.revision,
        dtype=origin.dtype if origin.captioner else origin.scorer.dtype,
        parameters={"captions": asdict(origin.captions), **BY_HAND},
        seed=origin.captions.decode.seed,
    )
    dataset_id = find_dataset(session, name=dataset).id
    run_id = create_run(session, replace(new, dataset_id=dataset_id)).id
    start_run(session, run_id=run_id)
    finish_run(session, run_id=run_id, status="done")
    return run_id


def _decided(image: ReviewedImage) -> list[ReviewedText]:
    """Return the texts with a verdict; an edited one that was rejected is no text of a dataset."""
    return [
        text
        for text in image.texts
        if text.verdict and not (text.source == "edited" and text.verdict == "rejected")
    ]


def _store(
    session: Session,
    image: ReviewedImage,
    item: AddedItem,
    run_id: int,
    scorer: ScorerIdentity,
    annotator_id: int,
) -> StoredImage:
    """Store the texts, scores and verdicts of one image."""
    before = {(one.source, one.text) for one in texts_of(session, item_id=item.item_id)}
    written = [
        text.words
        for text in image.texts
        if text.source == "synthetic" and ("synthetic", text.words) not in before
    ]
    add_captions(session, run_id=run_id, item_id=item.item_id, texts=written)
    found = texts_of(session, item_id=item.item_id)
    known = {(one.source, one.text): one.caption_id for one in found}
    # What somebody types may be there already, from whatever source.
    typed = {one.text: one.caption_id for one in found}
    numbers = {
        text.number: typed.get(text.words)
        if text.source == "human"
        else known.get((text.source, text.words))
        for text in image.texts
    }
    decided = _decided(image)
    new = [text for text in decided if numbers[text.number] is None or text.words in written]
    for text in decided:
        decision = _decision(session, text, numbers, item.item_id, annotator_id)
        if decision is not None:
            numbers[text.number] = record_decision(session, decision).caption_id
    _note_questions(session, image.questions, {text.words: numbers[text.number] for text in new})
    scores = {
        caption_id: text.scored
        for text in image.texts
        if (caption_id := numbers[text.number]) is not None
    }
    add_scores(session, run_id=run_id, identity=scorer, scores=scores)
    return StoredImage(
        item_id=item.item_id,
        name=image.name,
        is_new=item.is_new,
        texts=len(new) + item.texts,
        known=max(0, len(decided) - len(new) - item.texts),
    )


def _decision(
    session: Session,
    text: ReviewedText,
    numbers: Mapping[int, int | None],
    item_id: int,
    annotator_id: int,
) -> NewDecision | None:
    """Return the decision on a text; None where it counts already."""
    caption_id = numbers[text.number]
    action: Action = "accept" if text.verdict == "accepted" else "reject"
    if caption_id is not None:
        query = select(Verdict.verdict).where(
            Verdict.caption_id == caption_id, Verdict.annotator_id == annotator_id
        )
        said = session.scalar(query)
        if said == action or (said, action) == ("edit", "reject"):  # replaced: not good enough
            return None
    parent = None if text.parent is None else numbers[text.parent]
    return NewDecision(
        client_event_id=f"workbench:{uuid.uuid4().hex}",
        item_id=item_id,
        annotator_id=annotator_id,
        action=action if caption_id is not None else "edit",
        caption_id=parent if caption_id is None else caption_id,
        text=text.words if caption_id is None else None,
        seen={"page": "workbench", "itm": text.scored.itm},
    )


def _note_questions(
    session: Session, questions: Mapping[str, str], numbers: Mapping[str, int | None]
) -> None:
    """Store with each new text, by its words, the question that it answers."""
    for words, caption_id in numbers.items():
        caption = session.get(Caption, caption_id) if caption_id is not None else None
        if caption is not None and words in questions:
            caption.place, caption.data = "chat", {"question": questions[words]}
