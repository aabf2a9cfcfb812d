"""From judged pairs to the curator's database: images, texts, scores, decisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from sqlalchemy.orm import Session

from app.inference.capfilt_tasks import CapFiltSession, JudgedImage, JudgedText, caption_config
from app.inference.pool import ModelPair
from app.services import Services
from blip2core.curation import import_images
from blip2core.curation.jobs import code_version
from blip2core.errors import StorageError
from blip2core.records import ScorerIdentity, WebImage
from blip2core.storage import Database
from blip2core.storage.captions import add_captions, add_scores, texts_of
from blip2core.storage.datasets import find_dataset
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import NewRun, create_run, finish_run, start_run

BY_HAND = {"in": "workbench"}
"""Among the parameters of a run: it was done on the page, and no worker goes on with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is in the database now."""

    images: int
    accepted: int
    rejected: int


def keep_pairs(services: Services, pairs: CapFiltSession, *, dataset: str, handle: str) -> Kept:
    """Stores every image of which a text was judged, with all its texts and scores.

    All of it or, where it fails, nothing but the images. Doing it twice changes nothing.
    StorageError where nothing was judged, or the name is empty.
    """
    database = services.database
    cards = [card for card in pairs.cards if any(text.verdict for text in card.texts)]
    if database is None or not cards:
        raise StorageError("Accept or reject a text first.")
    if not dataset:
        raise StorageError("Name the dataset first.")
    from blip2core.capfilt import scorer_identity  # loads torch, which the models did already

    items = _import(database, dataset, cards)
    pair = services.engine.pair(pairs.order.model)
    new, identity = _new_run(pair, pairs), scorer_identity(pair.matcher)

    def unit(session: Session) -> tuple[int, list[str]]:
        run_id = pairs.runs.get(dataset) or _done_run(session, new, dataset)
        person = get_or_create_annotator(session, handle=handle).id
        verdicts: list[str] = []
        for card in cards:
            verdicts += _keep(session, card, items[card.number], run_id, identity, person)
        return run_id, verdicts

    # One unit: a run that were seen before it is done would be taken for a lost one, and the
    # worker in the background would caption the whole dataset for it.
    pairs.runs[dataset], verdicts = database.run_write(unit)
    accepted = verdicts.count("accepted")
    return Kept(images=len(cards), accepted=accepted, rejected=len(verdicts) - accepted)


def _import(database: Database, dataset: str, cards: Iterable[JudgedImage]) -> dict[int, int]:
    """Number of a card -> number of its item."""
    images = []
    for card in cards:
        texts = [text for text in card.texts if text.scored.candidate.source == "web"]
        words = tuple(text.words for text in texts)
        images.append(WebImage(name=card.name, data=card.data, texts=words))
    found = list(import_images(database, dataset=dataset, inputs=images, label="workbench"))
    items = {}
    for card, one in zip(cards, found, strict=True):
        if one.item is None:
            raise StorageError(one.problem.reason if one.problem else "An image was refused.")
        items[card.number] = one.item.item_id
    return items


def _new_run(pair: ModelPair, pairs: CapFiltSession) -> NewRun:
    """The run that stands for the work on a desk."""
    from blip2core.models.identity import dtype_of

    order = pairs.order.order
    return NewRun(
        kind="capfilt",
        code_version=code_version(),
        model=pair.generator.spec.name,
        revision=pair.generator.revision,
        dtype=dtype_of(pair.generator),
        parameters={"captions": asdict(caption_config(order)), **BY_HAND},
        seed=order.decode.seed,
    )


def _done_run(session: Session, new: NewRun, dataset: str) -> int:
    """The number of a run that is over as soon as it is in the database."""
    dataset_id = find_dataset(session, name=dataset).id
    run_id = create_run(session, replace(new, dataset_id=dataset_id)).id
    start_run(session, run_id=run_id)
    finish_run(session, run_id=run_id, status="done")
    return run_id


def _keep(
    session: Session,
    card: JudgedImage,
    item_id: int,
    run_id: int,
    identity: ScorerIdentity,
    person: int,
) -> list[str]:
    """One image's texts, scores and verdicts -> the verdicts, as stored."""
    written = [text.words for text in card.texts if _source(text) == "synthetic"]
    stored = add_captions(session, run_id=run_id, item_id=item_id, texts=written)
    stored += [one for one in texts_of(session, item_id=item_id) if one.source == "web"]
    known = {(one.source, one.text): one.caption_id for one in stored}
    numbers = {text.number: known.get((_source(text), text.words)) for text in card.texts}
    verdicts = []
    for text in card.texts:
        edited = _source(text) == "edited"
        if not text.verdict or (edited and text.verdict == "rejected"):
            continue
        new = NewDecision(
            client_event_id=f"{run_id}:{card.sha256[:16]}:{text.number}:{text.verdict}",
            item_id=item_id,
            annotator_id=person,
            action="edit" if edited else "accept" if text.verdict == "accepted" else "reject",
            caption_id=numbers[text.parent] if edited else numbers[text.number],
            text=text.words if edited else None,
            seen={"page": "workbench", "itm": text.scored.itm},
        )
        numbers[text.number] = record_decision(session, new).caption_id
        verdicts.append(text.verdict)
    scores = {numbers[text.number]: text.scored for text in card.texts if numbers[text.number]}
    add_scores(session, run_id=run_id, identity=identity, scores=scores)
    return verdicts


def _source(text: JudgedText) -> str:
    return text.scored.candidate.source
