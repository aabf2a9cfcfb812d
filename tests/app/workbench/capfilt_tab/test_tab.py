"""Images with competing texts: filter, verdicts, edits, and the database behind them."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from PIL import Image
from sqlalchemy import func, select

from app.chat.session import ChatSession
from app.inference import batches
from app.inference.cancellable import CancellableTask
from app.inference.capfilt_tasks import CapFiltSession, ImageCard, InputImage
from app.inference.engine import Engine
from app.services import Services
from app.settings import AppSettings
from app.workbench.capfilt_tab import inputs
from app.workbench.capfilt_tab.actions import (
    on_accept_kept,
    on_decide,
    on_edit_text,
    on_save_pairs,
    on_threshold,
    on_why,
)
from app.workbench.capfilt_tab.inputs import place_texts
from app.workbench.capfilt_tab.tab import (
    CapFiltUpdate,
    continue_capfilt,
    on_capfilt,
    on_samples,
    on_stop_capfilt,
)
from app.workbench.capfilt_tab.walkthrough import on_walkthrough
from app.workbench.events import SKIP
from app.workbench.image.uploads import uploads_from
from app.workbench.widgets.image_task import TaskUpdate, on_stop_task
from blip2core.config import DecodeConfig
from blip2core.curation import pairs as stored_pairs
from blip2core.errors import StorageError
from blip2core.storage import open_database
from blip2core.storage.datasets import find_dataset
from blip2core.storage.runs import claim_run
from blip2core.storage.schema import Caption, DecisionEvent, Item, Run, Score
from tests.app.visitor import upload
from tests.capfilt.conftest import Seen, tiny_pair
from tests.fakes import FakeModels

Update = TypeVar("Update", CapFiltUpdate, TaskUpdate)
ORDERED = (2, "", "sample", 8, 0, 1.0, 1.0, 0.9, 5, 1.0, "3")
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def models() -> tuple[Any, Any]:
    return tiny_pair()


@pytest.fixture
def services(models: tuple[Any, Any]) -> Services:
    """A tiny captioner and filter that share their image encoder."""
    return Services(settings=AppSettings(), engine=Engine(FakeModels(*models)))


@pytest.fixture
def seen(models: tuple[Any, Any]) -> Iterator[Seen]:
    counter = Seen(models[0])
    yield counter
    counter.hook.remove()


def final(steps: Iterator[Update]) -> Update:
    *_, last = steps
    return last


def files(folder: Path, *names: str) -> list[dict[str, str]]:
    return [
        upload(folder, name, Image.effect_noise((20 + place, 20), 80).convert("RGB"))
        for place, name in enumerate(names)
    ]


def begun(given: list[dict[str, str]], typed: str = "", ordered: Any = ORDERED) -> CapFiltSession:
    pairs = CapFiltSession()
    on_capfilt(ChatSession(), pairs, 0, given, typed, *ordered)
    return pairs


def done(services: Services, pairs: CapFiltSession) -> CapFiltUpdate:
    slices = 1
    while True:
        last = final(continue_capfilt(services, pairs, slices))
        if last.slices == SKIP:
            return last
        slices = last.slices


def event(**data: Any) -> Any:
    return SimpleNamespace(_data=data)


@pytest.fixture
def pairs(services: Services, tmp_path: Path) -> CapFiltSession:
    """Two images with a web text each, captioned and scored."""
    pairs = begun(files(tmp_path, "a.png", "b.png"), f"a dog\n{HOSTILE}")
    done(services, pairs)
    return pairs


def test_web_and_written_texts_stand_side_by_side_from_one_encoding(
    services: Services, tmp_path: Path, seen: Seen
) -> None:
    given = [*files(tmp_path, "a.png", "b.png"), upload(tmp_path, "note.png", b"Dear diary")]
    last = done(services, begun(given, f"b.png | a dog\n{HOSTILE}"))
    shown = last.cards
    assert seen.images == 2
    assert shown.count("<article") == 3 and "From the web" in shown and "Written" in shown
    assert "&lt;img src=x" in shown and "<img src=x" not in shown
    assert "not an image but a text" in shown
    assert "Kept:" in last.message and "pairs.csv" in last.downloads
    assert last.begin["interactive"] and not last.stop["visible"]


def test_typed_texts_are_bounded_whoever_sends_them() -> None:
    found = place_texts([], "a\n" * 20_000)
    assert found.problems[0] == ("typed texts", "Only the first 20,000 characters are read.")
    assert len(found.problems) == 1 + 10_000


def test_a_typed_text_that_nobody_would_see_is_none() -> None:
    given = [InputImage(name="a.png", data=b""), InputImage(name="b.png", data=b"")]
    found = place_texts(given, "b.png | a dog\n\u2060\nb.png | \u200b\na cat")
    assert [one.texts for one in found.images] == [("a cat",), ("a dog",)]
    assert found.problems == []


def test_a_text_without_an_image_is_a_problem() -> None:
    found = place_texts([InputImage(name="a.png", data=b"")], "a dog\na cat")
    assert [one.texts for one in found.images] == [("a dog",)]
    assert found.problems == [("a cat", "There is no image for this text.")]


def test_archives_and_tables_bring_their_texts(services: Services, tmp_path: Path) -> None:
    import zipfile

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for file in files(tmp_path, "a.png", "b.png"):
            writer.write(file["path"], file["orig_name"])
    given = [
        upload(tmp_path, "all.zip", archive.getvalue()),
        upload(tmp_path, "texts.csv", b"file,text\na.png,a dog\n"),
    ]
    pairs = begun(given)
    done(services, pairs)
    assert [card.name.rpartition("/")[2] for card in pairs.cards] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("images", "size", "taken"), [(2, 10**9, 2), (1, 10**9, 1), (9, 10**9, 3), (9, 1, 0)]
)
def test_more_than_fits_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: int, size: int, taken: int
) -> None:
    """Whichever limit comes first: of images, or of their bytes."""
    monkeypatch.setattr(inputs, "MOST_IMAGES", images)
    monkeypatch.setattr(inputs, "MOST_BYTES", size)
    given = inputs.read_uploads(uploads_from(files(tmp_path, "a.png", "b.png", "c.png")), typed="")
    assert len(given.images) == taken
    assert [name for name, _ in given.problems] == ["a.png", "b.png", "c.png"][taken : taken + 1]


def test_threshold_decides_again_without_a_model(pairs: CapFiltSession, seen: Seen) -> None:
    highest = max(text.scored.itm for card in pairs.cards for text in card.texts)
    texts = sum(len(card.texts) for card in pairs.cards)
    shown = on_threshold(pairs, 0).cards
    assert shown.count('class="kept ') == texts
    shown = on_threshold(pairs, min(1.0, highest + 0.001)).cards
    assert shown.count('class="dropped ') == texts and "is below" in shown
    for wrong in ("much", -0.01, 1.01):
        on_threshold(pairs, wrong)
        assert pairs.rules.threshold == min(1.0, highest + 0.001)
    on_threshold(pairs, 1)
    assert pairs.rules.threshold == 1
    assert seen.images == 0


def test_verdicts_are_given_taken_back_and_given_to_all_kept(pairs: CapFiltSession) -> None:
    def verdicts() -> list[str]:
        return [text.verdict for card in pairs.cards for text in card.texts]

    on_decide(pairs, event(card=0, text=0, verdict="rejected"))
    assert verdicts()[0] == "rejected"
    on_threshold(pairs, 0)
    on_accept_kept(pairs)
    assert set(verdicts()[1:]) == {"accepted"} and verdicts()[0] == "rejected"
    on_decide(pairs, event(card=0, text=0, verdict="rejected"))
    assert verdicts()[0] == ""


@pytest.mark.parametrize("sent", [{"card": 9}, {"card": 0, "text": 99}, {"card": "x"}, {}])
def test_what_a_browser_makes_up_changes_nothing(
    services: Services, pairs: CapFiltSession, sent: dict[str, Any]
) -> None:
    before = pairs.cards
    assert "not here any more" in on_decide(pairs, event(verdict="accepted", **sent)).message
    assert "not here any more" in on_edit_text(services, pairs, sent | {"words": "a"}).message
    on_decide(pairs, event(card=0, text=0, verdict="stolen"))
    assert pairs.cards == before


def test_edited_text_is_scored_before_it_can_be_accepted(
    services: Services, pairs: CapFiltSession, seen: Seen
) -> None:
    for words in (" a big\x00 dog ", "a small dog"):
        on_edit_text(services, pairs, {"card": 0, "text": 0, "words": words})
    added = pairs.cards[0].texts[-2:]
    assert [text.words for text in added] == ["a big dog", "a small dog"]
    assert all(0 <= text.scored.itm <= 1 and not text.verdict for text in added)
    assert added[0].parent == 0 and seen.images == 1, "encoded once for both"
    on_edit_text(services, pairs, {"card": 0, "text": 0, "words": "  "})
    assert len(pairs.cards[0].texts) == added[-1].number + 1


def test_why_brings_image_and_text(pairs: CapFiltSession) -> None:
    session = ChatSession()
    update = on_why(session, pairs, event(card=1, text=0))
    assert session.image.name == "b.png" and update.image is session.image.shown
    assert session.inspected_text == update.inspected_text == HOSTILE
    assert update.tabs.selected == "inside"


def test_why_of_a_text_that_is_gone_is_said(pairs: CapFiltSession) -> None:
    session = ChatSession()
    update = on_why(session, pairs, event(card=1, text=99))
    assert "not here any more" in update.notice and session.image is None
    assert update.tabs == SKIP and update.inspected_text == SKIP


def test_why_waits_where_a_conversation_would_end(pairs: CapFiltSession) -> None:
    session = ChatSession()
    on_why(session, pairs, event(card=0, text=0))
    session.ask("Who?")
    update = on_why(session, pairs, event(card=1, text=0))
    assert session.offered is not None and update.decision["visible"]
    assert update.tabs == SKIP and update.inspected_text == SKIP


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
    pairs = begun(files(tmp_path, "a.png"), "a dog")
    first = next(continue_capfilt(services, pairs, 1))
    assert "0 of 1 image<" in first.message
    assert "0 of 1 image.<" in on_stop_capfilt(services, pairs).message
    pairs = begun(files(tmp_path, "a.png"), "a dog")
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
    def begin(given: Any) -> CapFiltUpdate:
        return on_capfilt(ChatSession(), CapFiltSession(), 0, given, "", *ORDERED)

    assert "Add some images" in begin(None).message and begin(None).slices == 0
    note = [upload(tmp_path, "note.txt", b"Dear diary")]
    assert "no image" in begin(note).message and begin(note).slices == 0
    wrong = on_capfilt(
        ChatSession(), CapFiltSession(), 0, files(tmp_path, "a.png"), "", 99, *ORDERED[1:]
    )
    assert "from 1 to 8" in wrong.message and wrong.slices == 0


def test_judged_pairs_are_kept_once_however_often(
    services: Services, pairs: CapFiltSession, tmp_path: Path
) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'studio.db'}")
    kept = Services(settings=services.settings, engine=services.engine, database=database)
    assert "Accept or reject" in on_save_pairs(kept, pairs, "mine", "ada")
    on_decide(pairs, event(card=0, text=0, verdict="rejected"))
    on_decide(pairs, event(card=0, text=1, verdict="accepted"))
    on_edit_text(kept, pairs, {"card": 0, "text": 0, "words": "a big dog"})
    number = pairs.cards[0].texts[-1].number
    on_decide(pairs, event(card=0, text=number, verdict="accepted"))
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
        on_decide(pairs, event(card=card.number, text=0, verdict="accepted"))

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
    on_edit_text(kept, pairs, {"card": 0, "text": 0, "words": "a big dog"})
    number = pairs.cards[0].texts[-1].number
    on_decide(pairs, event(card=0, text=number, verdict="rejected"))
    on_decide(pairs, event(card=0, text=1, verdict="accepted"))
    assert "1 accepted text and 0 rejected texts of" in on_save_pairs(kept, pairs, "mine", "ada")
    with database.read() as session:
        assert session.scalars(select(DecisionEvent.action)).all() == ["accept"]
        assert "a big dog" not in session.scalars(select(Caption.text)).all()


def test_dataset_needs_a_name(services: Services, pairs: CapFiltSession, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'studio.db'}")
    kept = Services(settings=services.settings, engine=services.engine, database=database)
    on_decide(pairs, event(card=0, text=0, verdict="accepted"))
    assert "Name the dataset" in on_save_pairs(kept, pairs, "  ", "ada")


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
    import copy

    assert copy.deepcopy(pairs).cards == []
    assert all(isinstance(card, ImageCard) for card in pairs.cards)
