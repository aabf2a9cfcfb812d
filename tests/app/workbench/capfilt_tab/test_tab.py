"""Images with competing texts: from the files to cards with texts, in time slices."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.chat.session import ChatSession
from app.inference import batches
from app.inference.cancellable import CancellableTask
from app.inference.capfilt_tasks import CapFiltSession, ImageCard
from app.inference.engine import Engine
from app.services import Services
from app.settings import AppSettings
from app.workbench.capfilt_tab.inputs import CHANGED
from app.workbench.capfilt_tab.tab import (
    continue_capfilt,
    on_capfilt,
    on_samples,
    on_stop_capfilt,
)
from app.workbench.capfilt_tab.walkthrough import on_walkthrough
from app.workbench.events import SKIP
from app.workbench.widgets.image_task import on_stop_task
from blip2core.config import DecodeConfig
from tests.app.workbench.conftest import (
    HOSTILE,
    ORDERED,
    begun,
    done,
    files,
    final,
    listed,
    on_screen,
)
from tests.capfilt.conftest import Seen
from tests.fakes import FakeModels


def test_web_and_written_texts_stand_side_by_side_from_one_encoding(
    services: Services, tmp_path: Path, seen: Seen
) -> None:
    pairs = begun(files(tmp_path, "a.png", "b.png"), {"b.png": f"a dog\n{HOSTILE}"})
    last = done(services, pairs)
    shown = last.cards
    assert seen.images == 2
    assert shown.count("<article") == 2 and ">web<" in shown and ">written<" in shown
    assert "none came from the web" in shown
    assert "&lt;img src=x" in shown and "<img src=x" not in shown
    assert "Kept:" in last.message and "pairs.csv" in last.downloads
    assert last.begin["interactive"] and not last.stop["visible"]


def test_a_text_goes_to_the_image_that_it_was_typed_beside(
    services: Services, tmp_path: Path
) -> None:
    """Also where an image before it is removed, the list is in another order, or one is added."""
    given = files(tmp_path, "a.png", "b.png", "c.png")
    typed = {"a.png": "about a", "b.png": "about b", "c.png": "about c"}
    pairs = CapFiltSession()
    for order in ([0, 1, 2], [1, 2], [2, 0], [2, 1, 0]):
        listed(pairs, [given[place] for place in order])
        on_capfilt(ChatSession(), pairs, 0, on_screen(pairs, typed), *ORDERED)
        done(services, pairs)
        found = {card.name: card.texts[0].words for card in pairs.cards}
        names = ["abc"[place] for place in order]
        assert found == {f"{name}.png": f"about {name}" for name in names}


def test_texts_beside_other_images_than_those_listed_begin_nothing(tmp_path: Path) -> None:
    given = files(tmp_path, "a.png", "b.png")
    pairs = CapFiltSession()
    listed(pairs, given)
    before = on_screen(pairs, {"a.png": "about a"})
    listed(pairs, given[1:])
    for sent in (before, "[]"):
        refused = on_capfilt(ChatSession(), pairs, 0, sent, *ORDERED)
        assert CHANGED in refused.message and refused.slices == 0
    assert pairs.batch.items == ()


def test_stop_and_long_work_take_slices(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "SLICE_SECONDS", 0)
    pairs = begun(files(tmp_path, "a.png", "b.png", "c.png"))
    assert final(continue_capfilt(services, pairs, 1)).slices == 2
    stopped = on_stop_capfilt(services, pairs)
    assert "Stopped after 1 of 3 images" in stopped.message
    assert stopped.cards.count("stopped") >= 2
    assert final(continue_capfilt(services, pairs, 2)).slices == SKIP


def test_after_the_longest_time_the_rest_is_left_out(services: Services, tmp_path: Path) -> None:
    short = replace(services, settings=AppSettings(longest_job=1e-9))
    pairs = begun(files(tmp_path, "a.png", "b.png"))
    done(short, pairs)
    assert [item.problem[:8] for item in pairs.batch.items] == ["Left out"] * 2


def test_one_image_is_not_several(services: Services, tmp_path: Path) -> None:
    pairs = begun(files(tmp_path, "a.png"), {"a.png": "a dog"})
    first = next(continue_capfilt(services, pairs, 1))
    assert "0 of 1 image<" in first.message
    assert "0 of 1 image.<" in on_stop_capfilt(services, pairs).message
    pairs = begun(files(tmp_path, "a.png"), {"a.png": "a dog"})
    assert "of 1 web text," in done(services, pairs).message


def test_sample_set_begins_at_once(services: Services) -> None:
    pairs = CapFiltSession()
    update = on_samples(ChatSession(), pairs, 0, *ORDERED)
    assert (
        update.slices == 1 and len(pairs.batch.items) == 12 and "0 of 12 images" in update.message
    )
    wrong = on_samples(ChatSession(), CapFiltSession(), 0, 99, *ORDERED[1:])
    assert wrong.slices == 0 and "from 1 to 8" in wrong.message


def test_what_cannot_begin_is_said(tmp_path: Path) -> None:
    none = on_capfilt(ChatSession(), CapFiltSession(), 0, "", *ORDERED)
    assert "Add some images" in none.message and none.slices == 0
    pairs = CapFiltSession()
    listed(pairs, files(tmp_path, "a.png"))
    wrong = on_capfilt(ChatSession(), pairs, 0, on_screen(pairs), 99, *ORDERED[1:])
    assert "from 1 to 8" in wrong.message and wrong.slices == 0
    damaged = on_capfilt(ChatSession(), pairs, 0, "{", *ORDERED)
    assert "damaged" in damaged.message and damaged.slices == 0


def test_walkthrough_explains_each_step(
    services: Services, session: ChatSession, seen: Seen
) -> None:
    last = final(on_walkthrough(services, session, CancellableTask(), HOSTILE))
    assert last.message.count("<li>") == 4 and "The filter" in last.message
    assert "encodes the image, once" in last.message
    assert "from the web" in last.table and "<img src=x" not in last.table
    assert last.table.count("data-sort") == 4  # the texts and their figures; not the buttons
    assert last.begin["interactive"] and seen.images == 1
    again = final(on_walkthrough(services, session, CancellableTask(), ""))
    assert "encoded before" in again.message and "Give a text from the web" in again.message
    assert seen.images == 1


def test_the_walkthrough_writes_no_more_than_the_studio_allows(
    models: tuple[Any, Any], session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    stream = type(models[0]).caption

    def caption(self: Any, *args: Any, decode: DecodeConfig, **options: Any) -> Any:
        asked.append(decode.max_new_tokens)
        return stream(self, *args, decode=decode, **options)

    monkeypatch.setattr(type(models[0]), "caption", caption)
    engine = Engine(FakeModels(*models), max_new_tokens=5)
    services = Services(settings=AppSettings(max_new_tokens=5), engine=engine)
    last = final(on_walkthrough(services, session, CancellableTask(), "a dog"))
    assert "All texts" in last.table
    assert asked == [5]


def test_stopped_walkthrough_scores_nothing(services: Services, session: ChatSession) -> None:
    task = CancellableTask()
    steps = on_walkthrough(services, session, task, "a dog")
    next(steps)
    on_stop_task(task)
    last = final(steps)
    assert "Stopped." in last.message and last.table == ""


def test_visitors_share_nothing(pairs: CapFiltSession) -> None:
    assert copy.deepcopy(pairs).cards == []
    assert all(isinstance(card, ImageCard) for card in pairs.cards)
