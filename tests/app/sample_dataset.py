"""Images, texts and scores for tests of the curator."""

import io

from PIL import Image, ImageDraw

from blip2core.images import content_hash
from blip2core.records import Candidate, Scored, ScorerIdentity, WebImage
from blip2core.storage.captions import add_captions, add_scores, texts_of
from blip2core.storage.database import Database
from blip2core.storage.datasets import get_or_create_dataset
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.items import ImageFacts, add_item
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import NewRun, create_run, finish_run, start_run

HOSTILE = "<img src=x onerror=alert(1)> **bold** $x$ =1+1"
SCORER = ScorerIdentity(
    model="stickers-itm", revision="0" * 40, dtype="float32", preprocessing="1" * 64, text_limit=32
)


def fill(database: Database, count: int) -> None:
    """Images number 0 to count - 1; the scores of image n are n / count, and less."""
    with database.write() as session:
        dataset = get_or_create_dataset(session, name="samples")
        run = create_run(
            session,
            NewRun(
                kind="capfilt",
                code_version="test",
                dataset_id=dataset.id,
                model="stickers-opt",
                revision="2" * 40,
                total=count,
            ),
        )
        start_run(session, run_id=run.id)
        for number in range(count):
            _add(session, database, dataset.id, run.id, number, number / count)
        finish_run(session, run_id=run.id, status="done")


def _add(session, database: Database, dataset_id: int, run_id: int, number: int, score: float):
    image, buffer = Image.new("RGB", (64, 48), (number * 20 % 256, 90, 160)), io.BytesIO()
    ImageDraw.Draw(image).text((5, 5), str(number), fill="white")
    image.save(buffer, "PNG")
    facts = ImageFacts(
        sha256=database.images.put(buffer.getvalue(), format="PNG"),
        pixel_sha256=content_hash(image),
        phash=number * 0x0101010101010101 % 2**64,
        width=64,
        height=48,
        format="PNG",
        bytes=len(buffer.getvalue()),
    )
    web = WebImage(name=f"{number}.png", data=b"", texts=(f"web text {number} {HOSTILE}",))
    item = add_item(session, dataset_id=dataset_id, run_id=run_id, image=facts, web=web)
    written = [f"first text {number}", f"second text {number}"]
    add_captions(session, run_id=run_id, item_id=item.item_id, texts=written)
    scores = {
        text.caption_id: Scored(
            candidate=Candidate(text=text.text, source=text.source),
            itm=score * share,
            itc=score * share / 2,
            tokens=5,
            truncated=False,
        )
        for text, share in zip(
            texts_of(session, item_id=item.item_id), (0.5, 1.0, 0.8), strict=True
        )
    }
    add_scores(session, run_id=run_id, identity=SCORER, scores=scores)


def accept_first(database: Database) -> None:
    """Ada accepts the first text of the first image."""
    with database.write() as session:
        ada = get_or_create_annotator(session, handle="ada").id
        caption = texts_of(session, item_id=1)[0].caption_id
        new = NewDecision(
            client_event_id="first",
            item_id=1,
            annotator_id=ada,
            action="accept",
            caption_id=caption,
        )
        record_decision(session, new)
