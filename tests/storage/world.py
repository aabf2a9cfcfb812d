"""A small dataset to decide on: items with a web text, synthetic ones, and scores."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from blip2core.records import Candidate, Scored, ScorerIdentity, WebImage
from blip2core.storage import Database
from blip2core.storage.captions import add_captions, add_scores, texts_of
from blip2core.storage.datasets import get_or_create_dataset
from blip2core.storage.items import AddedItem, ImageFacts, add_item
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import NewRun, create_run

SCORER = ScorerIdentity(
    model="stickers-itm", revision="1" * 40, dtype="float32", preprocessing="a" * 64, text_limit=32
)
OTHER_SCORER = ScorerIdentity(
    model="stickers-itm", revision="2" * 40, dtype="float32", preprocessing="a" * 64, text_limit=32
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A dataset and who works on it."""

    dataset_id: int
    run_id: int
    ann: int
    bob: int


def new_world(session: Session, name: str = "birds") -> World:
    """An empty dataset, a run over it, two annotators."""
    dataset = get_or_create_dataset(session, name=name)
    run = create_run(session, captioning(dataset.id))
    return World(
        dataset_id=dataset.id,
        run_id=run.id,
        ann=get_or_create_annotator(session, handle="ann").id,
        bob=get_or_create_annotator(session, handle="bob").id,
    )


def captioning(dataset_id: int, **changes: object) -> NewRun:
    """A run that captions and scores."""
    settings: dict[str, object] = {
        "kind": "capfilt",
        "code_version": "1",
        "dataset_id": dataset_id,
        "model": "stickers-opt",
        "revision": "3" * 40,
    }
    return NewRun(**settings | changes)


def image_bytes(number: int) -> bytes:
    """What lies in the store as image `number`."""
    return f"image {number}".encode()


def facts(number: int, **changes: object) -> ImageFacts:
    """An image that looks like no other below number 65,536."""
    sha256 = hashlib.sha256(image_bytes(number)).hexdigest()
    phash = int.from_bytes(hashlib.sha256(f"looks {number}".encode()).digest()[:8], "big")
    settings: dict[str, object] = {
        "sha256": sha256,
        "pixel_sha256": sha256[::-1],
        "phash": phash,
        "width": 40,
        "height": 30,
        "format": "PNG",
        "bytes": len(image_bytes(number)),
    }
    return ImageFacts(**settings | changes)


def found(number: int, *texts: str, **changes: object) -> WebImage:
    """Where image `number` was, with its alternative texts."""
    settings: dict[str, object] = {
        "name": f"{number}.png",
        "data": b"",
        "texts": texts,
        "url": f"https://example.org/{number}.png",
        "license": "CC0",
    }
    return WebImage(**settings | changes)


def import_one(session: Session, world: World, number: int, *texts: str) -> AddedItem:
    return add_item(
        session,
        dataset_id=world.dataset_id,
        run_id=world.run_id,
        image=facts(number),
        web=found(number, *(texts or (f"a bird {number}",))),
    )


def scored(itm: float, itc: float = 0.1, *, text: str = "", truncated: bool = False) -> Scored:
    candidate = Candidate(text=text, source="web")
    return Scored(candidate=candidate, itm=itm, itc=itc, tokens=5, truncated=truncated)


def fill(
    database: Database, *, items: int, itm: Sequence[float] = (0.3, 0.8), name: str = "birds"
) -> World:
    """`items` items with one web and one synthetic text, scored so everywhere."""
    for number in range(items):
        database.images.put(image_bytes(number), format="PNG")
    with database.write() as session:
        world = new_world(session, name)
        for number in range(items):
            item_id = import_one(session, world, number).item_id
            add_captions(
                session, run_id=world.run_id, item_id=item_id, texts=[f"a drawn bird {number}"]
            )
            score_item(session, world, item_id, itm)
    return world


def score_item(
    session: Session,
    world: World,
    item_id: int,
    itm: Sequence[float],
    identity: ScorerIdentity = SCORER,
) -> None:
    """Scores the texts of an item in their order."""
    texts = texts_of(session, item_id=item_id)
    scores = {text.caption_id: scored(value) for text, value in zip(texts, itm, strict=True)}
    add_scores(session, run_id=world.run_id, identity=identity, scores=scores)
