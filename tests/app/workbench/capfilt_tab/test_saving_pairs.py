"""Pairs that were decided about in a dataset: once, whole or not at all."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.inference.capfilt_tasks import CapFiltSession
from app.services import Services
from app.workbench.capfilt_tab.actions import on_decide, on_edit_text, on_save_pairs
from blip2core.curation import pairs as stored_pairs
from blip2core.errors import StorageError
from blip2core.storage import open_database
from blip2core.storage.datasets import find_dataset
from blip2core.storage.runs import claim_run
from blip2core.storage.schema import Caption, DecisionEvent, Item, Run, Score
from tests.app.workbench.capfilt_tab.conftest import event


def test_judged_pairs_are_kept_once_however_often(
    services: Services, pairs: CapFiltSession, tmp_path: Path
) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'studio.db'}")
    kept = Services(settings=services.settings, engine=services.engine, database=database)
    assert "Accept or reject" in on_save_pairs(kept, pairs, "mine", "ada")
    on_decide(pairs, event(pairs, card=0, text=0, verdict="rejected"))
    on_decide(pairs, event(pairs, card=0, text=1, verdict="accepted"))
    on_edit_text(kept, pairs, {"run": pairs.name, "card": 0, "text": 0, "words": "a big dog"})
    number = pairs.cards[0].texts[-1].number
    on_decide(pairs, event(pairs, card=0, text=number, verdict="accepted"))
    for _ in range(2):
        saved = on_save_pairs(kept, pairs, "mine", "ada")
        assert "2 accepted texts and 1 rejected text of 1 image are in" in saved
    with database.read() as session:
        find_dataset(session, name="mine")
        found = session.execute(select(Caption.source, Caption.text)).all()
        texts = {(text.scored.candidate.source, text.words) for text in pairs.cards[0].texts}
        assert sorted(tuple(row) for row in found) == sorted(texts)
        assert session.scalar(select(func.count()).select_from(Item)) == 1
        assert session.scalar(select(func.count()).select_from(Score)) == 2 * len(texts)
        acts = session.scalars(select(DecisionEvent.action)).all()
        assert sorted(acts) == ["accept", "edit", "reject"]


def test_where_keeping_fails_no_run_is_left_for_the_worker_to_go_on_with(
    services: Services, pairs: CapFiltSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'studio.db'}")
    kept = Services(settings=services.settings, engine=services.engine, database=database)
    for card in pairs.cards:
        on_decide(pairs, event(pairs, card=card.number, text=0, verdict="accepted"))

    def breaks(session: Any, **scores: Any) -> None:
        with database.read() as other:  # what the worker would see meanwhile
            assert claim_run(other, kinds=("capfilt",), stale_after=0.0) is None
        raise StorageError("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(stored_pairs, "add_scores", breaks)
        assert "The disk is full" in on_save_pairs(kept, pairs, "mine", "ada")
    with database.write() as session:
        assert claim_run(session, kinds=("capfilt",), stale_after=0.0) is None
        assert session.scalars(select(DecisionEvent)).all() == []
    assert "accepted" in on_save_pairs(kept, pairs, "mine", "ada")
    with database.read() as session:
        runs = session.scalars(select(Run).where(Run.kind == "capfilt")).all()
        assert [run.status for run in runs] == ["done"]
        assert len(session.scalars(select(DecisionEvent)).all()) == len(pairs.cards)


def test_an_edited_text_that_was_rejected_is_not_kept(
    services: Services, pairs: CapFiltSession, tmp_path: Path
) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'studio.db'}")
    kept = Services(settings=services.settings, engine=services.engine, database=database)
    on_edit_text(kept, pairs, {"run": pairs.name, "card": 0, "text": 0, "words": "a big dog"})
    number = pairs.cards[0].texts[-1].number
    on_decide(pairs, event(pairs, card=0, text=number, verdict="rejected"))
    on_decide(pairs, event(pairs, card=0, text=1, verdict="accepted"))
    assert "1 accepted text and 0 rejected texts of" in on_save_pairs(kept, pairs, "mine", "ada")
    with database.read() as session:
        assert session.scalars(select(DecisionEvent.action)).all() == ["accept"]
        assert "a big dog" not in session.scalars(select(Caption.text)).all()


def test_dataset_needs_a_name(services: Services, pairs: CapFiltSession, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'studio.db'}")
    kept = Services(settings=services.settings, engine=services.engine, database=database)
    on_decide(pairs, event(pairs, card=0, text=0, verdict="accepted"))
    assert "Name the dataset" in on_save_pairs(kept, pairs, "  ", "ada")
