"""The handlers of the match tab, without a browser: texts for an image, images for a text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from app.chat.session import ChatSession
from app.inference import batches
from app.inference.cancellable import CancellableTask
from app.workbench.events import SKIP
from app.workbench.match_tab.search import (
    BatchUpdate,
    ImageGallery,
    continue_search,
    on_search,
    on_stop_search,
)
from app.workbench.match_tab.tab import MOST_TEXTS, on_score_texts, texts_from
from app.workbench.widgets.image_task import TaskUpdate, on_image_change, on_stop_task
from blip2core.errors import TextError
from tests.app.visitor import upload
from tests.fakes import FakeGenerator, FakeMatcher, fake_services

Update = TypeVar("Update", TaskUpdate, BatchUpdate)
HOSTILE = "<img src=x onerror=alert(1)>"


def final(steps: Iterator[Update]) -> Update:
    *_, last = steps
    return last


def test_texts_are_ranked_and_the_image_is_encoded_once(session: ChatSession) -> None:
    generator, matcher = FakeGenerator(), FakeMatcher()
    services = fake_services(generator, matcher)
    typed = f"a blue dog\n\n  a red bird  \na blue dog\n{HOSTILE}"
    last = final(on_score_texts(services, session, CancellableTask(), typed))
    places = [last.table.index(text) for text in ("a red bird", "a blue dog", "&lt;img")]
    assert places == sorted(places)
    assert "<img" not in last.table and last.message == ""
    assert last.begin["interactive"] and not last.stop["visible"]
    assert matcher.scored == ["a blue dog", "a red bird", HOSTILE]
    final(on_score_texts(services, session, CancellableTask(), "a dog"))
    assert (generator.vision_calls, matcher.vision_calls) == (1, 0)


def test_truncation_is_said(session: ChatSession) -> None:
    services = fake_services(FakeGenerator(), FakeMatcher(text_limit=3))
    last = final(on_score_texts(services, session, CancellableTask(), "a red bird on\na bird"))
    assert last.table.count("only its beginning is read") == 1


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (" \n ", "There is no text"),
        ("\u200b\n\u2800", "There is no text"),
        ("\n".join(map(str, range(MOST_TEXTS + 1))), "at most 100"),
        (f"a\n{'b' * 1001}", "Text 2 has 1001"),
    ],
)
def test_what_cannot_be_scored_is_explained(session: ChatSession, typed: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        texts_from(typed)
    services = fake_services(FakeGenerator(), FakeMatcher())
    assert message in final(on_score_texts(services, session, CancellableTask(), typed)).message


def test_no_image_is_said() -> None:
    services = fake_services(FakeGenerator(), FakeMatcher())
    last = final(on_score_texts(services, ChatSession(), CancellableTask(), "a dog"))
    assert "Choose an image first" in last.message and not last.begin["interactive"]
    assert "no image yet" in on_image_change(ChatSession(), CancellableTask()).message


def test_stop_keeps_the_scores_there_are(session: ChatSession) -> None:
    matcher, task = FakeMatcher(), CancellableTask()
    services = fake_services(FakeGenerator(), matcher)
    steps = on_score_texts(
        services, session, task, "\n".join(f"text {number}" for number in range(40))
    )
    next(steps)
    on_stop_task(task)
    last = final(steps)
    assert "Stopped" in last.message and last.table.count("<tr ") == 17
    assert len(matcher.scored) == 16


# Images for a text.


def files(tmp_path: Path, *widths: int) -> list[dict[str, str]]:
    return [upload(tmp_path, f"{width}.png", Image.new("RGB", (width, 5))) for width in widths]


def found(services: Any, gallery: ImageGallery) -> BatchUpdate:
    slices = 1
    while True:
        last = final(continue_search(services, ChatSession(), gallery, slices))
        if last.slices == SKIP:
            return last
        slices = last.slices


def test_after_the_longest_time_the_rest_is_left_out(tmp_path: Path) -> None:
    gallery = ImageGallery()
    services = fake_services(FakeGenerator(), FakeMatcher(), longest_job=1e-9)
    on_search(gallery, 0, "a dog", files(tmp_path, 10, 20))
    found(services, gallery)
    assert [item.problem[:8] for item in gallery.items] == ["Left out"] * 2


def test_images_are_ranked_and_encoded_once_however_often_searched(tmp_path: Path) -> None:
    matcher, gallery = FakeMatcher(), ImageGallery()
    services = fake_services(FakeGenerator(), matcher)
    given = [*files(tmp_path, 10, 30, 20), upload(tmp_path, "note.png", b"Dear diary")]
    for text in ("a red bird", "a dog"):
        on_search(gallery, 0, text, given)
        last = found(services, gallery)
    places = [last.table.index(name) for name in ("30.png", "20.png", "10.png")]
    assert places == sorted(places)
    assert "note.png" in last.message and "not an image" in last.message
    assert last.begin["interactive"] and "“a dog”" in last.table
    assert matcher.vision_calls == 3


def test_search_takes_slices_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SLICE_SECONDS", 0)
    services, gallery = fake_services(FakeGenerator(), FakeMatcher()), ImageGallery()
    on_search(gallery, 0, "a dog", files(tmp_path, 10, 30, 20))
    assert final(continue_search(services, ChatSession(), gallery, 1)).slices == 2
    assert "Stopped" in on_stop_search(gallery).message
    assert final(continue_search(services, ChatSession(), gallery, 2)).table == ""


def test_one_image_is_not_several(tmp_path: Path) -> None:
    services, gallery = fake_services(FakeGenerator(), FakeMatcher()), ImageGallery()
    on_search(gallery, 0, "a dog", files(tmp_path, 10))
    first = next(continue_search(services, ChatSession(), gallery, 1))
    assert "0 of 1 image encoded" in first.message


@pytest.mark.parametrize(
    ("text", "count", "message"), [("", 1, "Type what"), ("a", 0, "Add some"), ("a", 51, "at most")]
)
def test_what_cannot_be_searched_is_said(
    tmp_path: Path, text: str, count: int, message: str
) -> None:
    update = on_search(ImageGallery(), 0, text, files(tmp_path, 5) * count)
    assert message in update.message and update.slices == 0


def test_hostile_text_and_name_stay_text(tmp_path: Path) -> None:
    services, gallery = fake_services(FakeGenerator(), FakeMatcher()), ImageGallery()
    on_search(gallery, 0, HOSTILE, [files(tmp_path, 5)[0] | {"orig_name": HOSTILE}])
    shown = found(services, gallery).table
    assert "<img src=x" not in shown and "&lt;img" in shown
