"""The handlers of the caption tab, without a browser."""

import base64
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from app.chat.session import ChatSession
from app.inference import batches
from app.inference.batches import ImageBatch
from app.inference.cancellable import CancellableTask
from app.services import Services
from app.workbench import events
from app.workbench.caption_tab import batch
from app.workbench.caption_tab.batch import (
    DOUBTED,
    BatchUpdate,
    continue_captions,
    on_caption_batch,
    on_stop_captions,
)
from app.workbench.caption_tab.tab import on_write_captions
from app.workbench.events import SKIP
from app.workbench.image.panel import on_upload
from app.workbench.widgets.caption_rows import CAPTION_FIELDS
from app.workbench.widgets.image_task import TaskUpdate, on_image_change, on_stop_task
from blip2core.errors import ModelUnavailableError
from blip2core.records import Doubt
from tests.app.visitor import upload
from tests.fakes import FakeGenerator, FakeMatcher, fake_services

Update = TypeVar("Update", TaskUpdate, BatchUpdate)
DECODING = ("sample", 20, 0, 1, 1, 0.9, 5, 1, "7")
"""As the page sends them; a slider at a whole number sends a whole number."""
ORDER = (3, "", *DECODING)


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left out for being too fast."""
    monkeypatch.setattr(events, "PACE_SECONDS", 0)


def final(steps: Iterator[Update]) -> Update:
    *_, last = steps
    return last


def downloads(html: str) -> dict[str, str]:
    """The files that are in the links below a table."""
    found = re.findall(r'download="([^"]+)" href="data:[^"]*base64,([^"]+)"', html)
    return {name: base64.b64decode(data).decode() for name, data in found}


def both(**matcher: Any) -> Services:
    return fake_services(FakeGenerator(), FakeMatcher(**matcher))


def test_captions_come_with_scores_and_one_encoding(session: ChatSession) -> None:
    generator, matcher = FakeGenerator(), FakeMatcher()
    services = fake_services(generator, matcher)
    last = final(on_write_captions(services, session, CancellableTask(), *ORDER))
    assert "a red bird on the beach" in last.table and "×2" in last.table
    assert "1.000" in last.table and last.message == ""
    assert last.begin["interactive"] and not last.stop["visible"]
    final(on_write_captions(services, session, CancellableTask(), *ORDER))
    assert (generator.vision_calls, matcher.vision_calls) == (1, 0)


def test_matcher_with_its_own_encoder_runs_it_once(session: ChatSession) -> None:
    matcher = FakeMatcher()
    matcher.vision.fingerprint = "other"
    services = fake_services(FakeGenerator(), matcher)
    for _ in range(2):
        final(on_write_captions(services, session, CancellableTask(), *ORDER))
    assert matcher.vision_calls == 1


def test_settings_reach_the_model(session: ChatSession) -> None:
    generator = FakeGenerator()
    services = fake_services(generator, FakeMatcher())
    order = (2, "a photo of", *DECODING)
    shown = final(on_write_captions(services, session, CancellableTask(), *order)).table
    assert generator.prompts == ["a photo of"]
    assert generator.decodes[0].seed == 7
    assert "a photo of a red bird" in shown and "seed 7" in shown


def test_download_has_all_that_is_needed_to_make_them_again(session: ChatSession) -> None:
    shown = final(on_write_captions(both(), session, CancellableTask(), *ORDER)).table
    files = downloads(shown)
    rows = list(csv.DictReader(io.StringIO(files["captions.csv"].removeprefix("\ufeff"))))
    assert tuple(rows[0]) == CAPTION_FIELDS
    assert (rows[0]["caption"], rows[0]["times"]) == ("a red bird on the beach", "2")
    about = json.loads(files["captions.json"])
    assert about["parameters"]["decode"]["seed"] == 7
    assert about["revision"] == "0" * 64 and about["matcher_revision"] == "1" * 64
    assert about["pictures"][0]["sha256"] == session.image.key
    assert [one["caption"] for one in about["pictures"][0]["captions"]] == [
        "a red bird on the beach",
        "a bird",
    ]


def test_stop_keeps_what_there_is_without_scores(session: ChatSession) -> None:
    matcher, task = FakeMatcher(), CancellableTask()
    steps = on_write_captions(fake_services(FakeGenerator(), matcher), session, task, *ORDER)
    assert next(steps).stop["visible"]
    on_stop_task(task)
    last = final(steps)
    assert "Stopped" in last.message and "stopped</small>" in last.table
    assert last.begin["interactive"] and not last.stop["visible"]
    assert matcher.scored == []


def test_captions_of_an_image_that_was_replaced_are_given_up(
    session: ChatSession, tmp_path: Path
) -> None:
    task = CancellableTask()
    steps = on_write_captions(both(), session, task, *ORDER)
    next(steps)
    on_upload(session, upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue")))
    on_image_change(session, task)
    assert final(steps).table == ""


def test_no_image_is_said_and_the_button_waits() -> None:
    last = final(on_write_captions(both(), ChatSession(), CancellableTask(), *ORDER))
    assert "Choose an image first" in last.message and last.table == ""
    assert not last.begin["interactive"]
    assert not on_image_change(ChatSession(), CancellableTask()).begin["interactive"]


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ((9, "", *DECODING), "from 1 to 8"),
        ((3, "", "sample", None, *DECODING[2:]), "max_new_tokens is empty"),
        ((3, "a" * 999, *DECODING), "at most 300"),
    ],
)
def test_wrong_order_is_explained(
    session: ChatSession, order: tuple[Any, ...], message: str
) -> None:
    last = final(on_write_captions(both(), session, CancellableTask(), *order))
    assert message in last.message and "alert" in last.message and last.begin["interactive"]


def test_failure_keeps_secrets_and_the_next_captions_come(session: ChatSession) -> None:
    generator = FakeGenerator(captions=("!",))
    services = fake_services(generator, FakeMatcher())
    said = final(on_write_captions(services, session, CancellableTask(), *ORDER)).message
    assert "reference" in said and "secret" not in said
    generator.captions = ("a dog",)
    assert "a dog" in final(on_write_captions(services, session, CancellableTask(), *ORDER)).table


def test_matcher_that_is_not_there_is_explained(session: ChatSession) -> None:
    services = fake_services(FakeGenerator(), ModelUnavailableError("Run this and that."))
    last = final(on_write_captions(services, session, CancellableTask(), *ORDER))
    assert "Run this and that." in last.message


def test_closed_page_ends_the_writing(session: ChatSession) -> None:
    generator = FakeGenerator()
    services = fake_services(generator, FakeMatcher())
    steps = on_write_captions(services, session, CancellableTask(), *ORDER)
    next(steps)
    steps.close()
    assert services.engine.call(lambda pair: "free", "") == "free"


# Several images at once.


def files(tmp_path: Path, *sizes: tuple[int, int]) -> list[dict[str, str]]:
    return [
        upload(tmp_path, f"{number}.png", Image.new("RGB", size))
        for number, size in enumerate(sizes, 1)
    ]


def begin(services: Services, given: list[dict[str, str]], *order: Any) -> ImageBatch:
    batch = ImageBatch()
    on_caption_batch(services, ChatSession(), batch, 0, given, *(order or ORDER))
    return batch


def all_slices(services: Services, batch: ImageBatch) -> BatchUpdate:
    slices = 1
    while True:
        last = final(continue_captions(services, ChatSession(), batch, slices))
        if last.slices == SKIP:
            return last
        slices = last.slices


def test_after_the_longest_time_the_rest_is_left_out(tmp_path: Path) -> None:
    services = fake_services(FakeGenerator(), FakeMatcher(), longest_job=1e-9)
    shown = all_slices(services, begin(services, files(tmp_path, (4, 4), (8, 8)))).table
    assert shown.count("Left out: work of more than 1e-09 minutes ends here.") == 2


def test_each_image_is_a_row_and_a_bad_file_is_one_with_its_reason(tmp_path: Path) -> None:
    generator = FakeGenerator()
    services = fake_services(generator, FakeMatcher())
    given = files(tmp_path, (4, 4), (8, 8))
    given.insert(1, upload(tmp_path, "note.png", b"Dear diary"))
    batch = begin(services, given)
    last = all_slices(services, batch)
    shown = last.table
    assert shown.count("<tr ") == 4
    assert "The file is not an image but a text." in shown and str(tmp_path) not in shown
    assert "1 more" in shown and last.begin["interactive"] and last.message == ""
    assert generator.vision_calls == 2
    rows = list(csv.DictReader(io.StringIO(downloads(shown)["captions.csv"][1:])))
    assert [row["picture"] for row in rows] == ["1.png", "1.png", "note.png", "2.png", "2.png"]
    assert "not an image" in rows[2]["problem"]


def test_long_batch_takes_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SLICE_SECONDS", 0)
    services = both()
    batch = begin(services, files(tmp_path, (4, 4), (8, 8), (9, 9)))
    first = final(continue_captions(services, ChatSession(), batch, 1))
    assert first.slices == 2, "asks for another slice"
    assert batch.done == 1
    all_slices(services, batch)
    assert batch.done == 3


def test_stopped_batch_keeps_what_is_done(tmp_path: Path) -> None:
    services = both()
    batch = begin(services, files(tmp_path, (4, 4), (8, 8)))
    steps = continue_captions(services, ChatSession(), batch, 1)
    while batch.done == 0:
        next(steps)
    stopped = on_stop_captions(services, batch)
    assert "Stopped after 1 of 2 images" in stopped.message and "stopped" in stopped.table
    assert stopped.begin["interactive"] and not stopped.stop["visible"]
    assert final(steps).table == stopped.table
    assert "captions.csv" in downloads(stopped.table)


def test_one_image_is_not_several(tmp_path: Path) -> None:
    services = both()
    batch = begin(services, files(tmp_path, (4, 4)))
    first = next(continue_captions(services, ChatSession(), batch, 1))
    assert "0 of 1 image<" in first.message
    assert "0 of 1 image.<" in on_stop_captions(services, batch).message


@pytest.mark.parametrize(("count", "message"), [(0, "Add some images"), (51, "at most 50")])
def test_wrong_number_of_files_is_said(tmp_path: Path, count: int, message: str) -> None:
    given = files(tmp_path, (4, 4)) * count
    update = on_caption_batch(both(), ChatSession(), ImageBatch(), 0, given, *ORDER)
    assert message in update.message and update.slices == 0


def test_hostile_file_name_is_text(tmp_path: Path) -> None:
    given = [files(tmp_path, (4, 4))[0] | {"orig_name": "=<script>alert(1)</script>.png"}]
    services = both()
    shown = all_slices(services, begin(services, given)).table
    assert "<script" not in shown
    assert "'=<script>" in downloads(shown)["captions.csv"]


def test_each_image_in_doubt_is_marked_in_the_table_and_in_what_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_doubt(engine: object, model: str, image: Image.Image, features: object) -> Doubt:
        is_blue = image.getpixel((0, 0))[2] > 128
        return Doubt(captions=("a",), itc=0.5 if is_blue else 0.8, threshold=0.7)

    monkeypatch.setattr(batch, "find_doubt", find_doubt)
    services = both()
    given = [
        upload(tmp_path, f"{colour}.png", Image.new("RGB", (9, 9), colour))
        for colour in ("blue", "red")
    ]
    last = all_slices(services, begin(services, given))
    assert last.table.count(DOUBTED) == 1
    rows = csv.DictReader(io.StringIO(downloads(last.table)["captions.csv"].removeprefix("\ufeff")))
    assert {(row["picture"], row["doubted"]) for row in rows} == {
        ("blue.png", "True"),
        ("red.png", "False"),
    }
    about = json.loads(downloads(last.table)["captions.json"])
    assert [one["doubt"]["itc"] for one in about["pictures"]] == [0.5, 0.8]


def test_of_a_model_that_is_not_calibrated_no_doubt_is_saved(session: ChatSession) -> None:
    shown = final(on_write_captions(both(), session, CancellableTask(), *ORDER)).table
    files = downloads(shown)
    rows = list(csv.DictReader(io.StringIO(files["captions.csv"].removeprefix("\ufeff"))))
    assert {row["doubted"] for row in rows} == {""}
    assert json.loads(files["captions.json"])["pictures"][0]["doubt"] is None
