"""Pairs that were decided on the workbench: what is refused leaves nothing half done."""

import hashlib

import pytest
from sqlalchemy import func, select

from blip2core.config import CaptionConfig
from blip2core.curation.pairs import PairOrigin, ReviewedImage, store_pairs
from blip2core.errors import StorageError
from blip2core.records import Candidate, ReviewedText, Scored, ScorerIdentity
from blip2core.storage import Database
from blip2core.storage.schema import DecisionEvent, Run
from tests.curation.conftest import web_image

SCORER = ScorerIdentity(
    model="m", revision="0" * 40, dtype="float32", preprocessing="p", text_limit=32
)
ORIGIN = PairOrigin(
    captioner="c", revision="1" * 40, dtype="float32", captions=CaptionConfig(), scorer=SCORER
)


def reviewed(name: str, data: bytes) -> ReviewedImage:
    candidate = Candidate(text="a cat", source="synthetic")
    scored = Scored(candidate=candidate, itm=0.9, itc=0.5, tokens=2, truncated=False)
    text = ReviewedText(number=0, scored=scored, verdict="accepted")
    sha256 = hashlib.sha256(data).hexdigest()
    return ReviewedImage(name=name, data=data, sha256=sha256, texts=(text,))


@pytest.mark.parametrize("broken_first", [True, False])
def test_a_refused_image_leaves_no_run_that_waits(database: Database, broken_first: bool) -> None:
    images = [reviewed("one.png", web_image(1).data), reviewed("broken.png", b"no image")]
    with pytest.raises(StorageError):
        store_pairs(
            database,
            images[::-1] if broken_first else images,
            ORIGIN,
            dataset="pairs",
            annotator="ada",
        )
    with database.read() as session:
        runs = session.scalars(select(Run)).all()
        assert [(run.kind, run.status, run.failed) for run in runs] == [("import", "done", 1)]
        assert session.scalar(select(func.count(DecisionEvent.id))) == 0
