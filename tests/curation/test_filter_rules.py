"""Rules change and decide without a model; a batch of decisions is undone as one."""

from dataclasses import replace
from typing import Any

import pytest

from blip2core.config import BLIP2_RANKING, FilterConfig
from blip2core.curation import apply_rules, decided_items, preview, rules_of, set_rules
from blip2core.errors import ConflictError, StorageError
from blip2core.records import Candidate, Scored, ScorerIdentity
from blip2core.storage.batches import NewBatch, audit_result, undo_batch
from blip2core.storage.captions import add_captions, add_scores, texts_of
from blip2core.storage.datasets import get_dataset, status_counts, update_dataset
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import NewRun, create_run
from blip2core.storage.scored_items import scored_items
from tests.curation.conftest import filled, web_image

IDENTITY = ScorerIdentity(
    model="m", revision="r", dtype="float32", preprocessing="p" * 64, text_limit=32
)
SCORES = [(0.9, 0.1), (0.4, 0.5), (0.2, 0.3), (0.7, 0.2)]
"""ITM and ITC of the web text of each image; its written text has one minus ITM."""


def test_a_threshold_of_the_dataset_is_the_filters_too(database: Any, dataset: int) -> None:
    set_rules(database, dataset_id=dataset, rules=FilterConfig(threshold=0.8, top_k=2))
    with database.write() as session:
        update_dataset(session, dataset_id=dataset, threshold=0.3)
        assert rules_of(get_dataset(session, dataset_id=dataset)) == FilterConfig(
            threshold=0.3, top_k=2
        )
    set_rules(database, dataset_id=dataset, rules=BLIP2_RANKING)
    with database.write() as session:
        update_dataset(session, dataset_id=dataset, threshold=0.4)
        assert rules_of(get_dataset(session, dataset_id=dataset)) == BLIP2_RANKING


@pytest.fixture
def dataset(database: Any) -> int:
    """Four images with a web and a written text each, and one image without texts."""
    number = filled(database, [*(web_image(n, f"web {n}") for n in range(4)), web_image(4)])
    with database.write() as session:
        new = NewRun(kind="capfilt", code_version="x", dataset_id=number, model="c", revision="r")
        run_id = create_run(session, new).id
        scores: dict[int, Scored] = {}
        for item_id, (itm, itc) in enumerate(SCORES, start=1):
            add_captions(session, run_id=run_id, item_id=item_id, texts=[f"written {item_id}"])
            for text in texts_of(session, item_id=item_id):
                value = itm if text.source == "web" else 1 - itm
                scores[text.caption_id] = Scored(
                    candidate=Candidate(text=text.text, source=text.source),
                    itm=value,
                    itc=itc if text.source == "web" else 0.0,
                    tokens=4,
                    truncated=False,
                )
        add_scores(session, run_id=run_id, identity=IDENTITY, scores=scores)
    return number


@pytest.fixture
def person(database: Any) -> int:
    with database.write() as session:
        return get_or_create_annotator(session, handle="ann").id


def statuses(database: Any, dataset: int) -> dict[str, int]:
    with database.read() as session:
        return status_counts(session, dataset_id=dataset)


def batch(dataset: int, person: int, uid: str = "one") -> NewBatch:
    return NewBatch(uid=uid, dataset_id=dataset, annotator_id=person)


def test_stored_scores_come_back_in_pages(database, dataset):
    with database.read() as session:
        first = scored_items(session, dataset_id=dataset, limit=2)
        rest = scored_items(session, dataset_id=dataset, after=first[-1].item_id)
    assert [len(item.texts) for item in (*first, *rest)] == [2, 2, 2, 2, 0]
    (_, web), (_, written) = first[0].texts
    assert (web.itm, web.itc, written.itm) == pytest.approx((0.9, 0.1, 0.1))
    assert web.candidate == Candidate(text="web 0", source="web") and web.tokens == 4


def test_a_threshold_moves_without_a_model(database, dataset):
    with database.read() as session:
        half = preview(session, dataset_id=dataset, rules=FilterConfig())
        high = preview(session, dataset_id=dataset, rules=FilterConfig(threshold=0.85))
    assert (half.accept, half.reject, half.items, half.items_kept) == (4, 4, 4, 4)
    assert (high.accept, high.items_kept, high.decisions) == (1, 1, 8)


def test_rules_are_kept_with_the_dataset(database, dataset):
    with database.read() as session:
        assert rules_of(get_dataset(session, dataset_id=dataset)) == FilterConfig()
    rules = FilterConfig(threshold=0.75, top_k=1, margin=-0.2, longest=40)
    assert set_rules(database, dataset_id=dataset, rules=rules).accept == 2
    with database.read() as session:
        kept = get_dataset(session, dataset_id=dataset)
        assert rules_of(kept) == rules and kept.threshold == 0.75
    assert set_rules(database, dataset_id=dataset, rules=BLIP2_RANKING).accept == 8
    with database.read() as session:
        kept = get_dataset(session, dataset_id=dataset)
        assert rules_of(kept) == BLIP2_RANKING and kept.threshold == 0.75
    assert statuses(database, dataset) == {"pending": 5}


def test_applied_rules_are_one_batch_with_a_sample_for_people(database, dataset, person):
    rules = FilterConfig()
    with database.read() as session:
        expected = preview(session, dataset_id=dataset, rules=rules).decisions
    applied = apply_rules(database, batch(dataset, person), rules=rules, expected=expected, audit=2)
    assert applied.decisions == 8 and len(applied.audit) == 2
    assert statuses(database, dataset) == {"audit": 2, "decided": 2, "pending": 1}
    again = apply_rules(database, batch(dataset, person), rules=rules, expected=8, audit=2)
    assert again == applied
    with database.read() as session:
        assert audit_result(session, batch_id=applied.batch_id).drawn == 2
        assert list(decided_items(session, dataset_id=dataset, rules=rules)) == []
    with database.write() as session:
        undo_batch(session, batch_id=applied.batch_id, annotator_id=person, uid="back")
    assert statuses(database, dataset) == {"pending": 5}


def test_what_changed_since_it_was_shown_is_not_decided(database, dataset, person):
    with database.write() as session:
        text = texts_of(session, item_id=1)[0]
        decision = NewDecision(
            client_event_id="e",
            item_id=1,
            annotator_id=person,
            action="accept",
            caption_id=text.caption_id,
        )
        record_decision(session, decision)
    with pytest.raises(ConflictError):
        apply_rules(database, batch(dataset, person), rules=FilterConfig(), expected=8)
    assert statuses(database, dataset) == {"decided": 1, "pending": 4}
    apply_rules(database, batch(dataset, person), rules=FilterConfig(), expected=6, audit=0)
    assert statuses(database, dataset) == {"decided": 4, "pending": 1}


def test_nothing_to_decide_is_told(database, person):
    empty = filled(database, [web_image(1)], name="empty")
    with pytest.raises(StorageError, match="nothing to decide"):
        apply_rules(database, batch(empty, person), rules=FilterConfig(), expected=0)
    with pytest.raises(StorageError, match="no dataset number 99"):
        apply_rules(database, batch(99, person), rules=FilterConfig(), expected=1)


def test_images_in_doubt_are_left_to_people(database: Any, dataset: int) -> None:
    rules = FilterConfig(threshold=0.5, own_caption_itc=0.1)  # the written ones have a cosine of 0
    with database.read() as session:
        seen = preview(session, dataset_id=dataset, rules=rules)
    assert (seen.accept, seen.reject, seen.items, seen.items_doubted) == (0, 0, 0, 4)
    rules = FilterConfig(threshold=0.5, own_caption_itc=0.0)
    with database.read() as session:
        seen = preview(session, dataset_id=dataset, rules=rules)
    assert (seen.decisions, seen.items, seen.items_doubted) == (8, 4, 0)


def test_a_batch_decides_nothing_of_an_image_in_doubt(database: Any, dataset: int) -> None:
    rules = FilterConfig(threshold=0.5, own_caption_itc=0.1)
    with database.write() as session:
        person = get_or_create_annotator(session, handle="ada").id
        (text,) = [text for text in texts_of(session, item_id=1) if text.source == "synthetic"]
        known = Scored(
            candidate=Candidate(text=text.text, source="synthetic"),
            itm=0.1,
            itc=0.9,
            tokens=4,
            truncated=False,
        )
        new = NewRun(kind="score", code_version="x", dataset_id=dataset, model="m", revision="r")
        run_id = create_run(session, new).id
        identity = replace(IDENTITY, revision="newer")
        everything = {
            one.caption_id: replace(known, candidate=Candidate(text=one.text, source=one.source))
            if item == 1
            else replace(known, itc=0.0)
            for item in range(1, 5)
            for one in texts_of(session, item_id=item)
        }
        add_scores(session, run_id=run_id, identity=identity, scores=everything)
    batch = NewBatch(uid="doubting", dataset_id=dataset, annotator_id=person)
    with database.read() as session:
        seen = preview(session, dataset_id=dataset, rules=rules)
    applied = apply_rules(database, batch, rules=rules, expected=seen.decisions, audit=0)
    assert (seen.items, seen.items_doubted, applied.decisions) == (1, 3, 2)
    with database.read() as session:
        assert status_counts(session, dataset_id=dataset)["decided"] == 1
