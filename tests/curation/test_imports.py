"""Images come in once, with all their texts; what is bad is told; memory stays flat."""

import io
from dataclasses import replace
from threading import Event
from typing import Any

import PIL.Image
import pytest
from sqlalchemy import func, select

from blip2core.curation import import_images
from blip2core.curation.checking import UNIT
from blip2core.errors import StorageError
from blip2core.intake import Sums
from blip2core.records import Problem, TextOrigin, Unused, WebImage
from blip2core.storage import Database
from blip2core.storage.items import purge_image
from blip2core.storage.run_problems import list_problems
from blip2core.storage.runs import get_run, list_runs
from blip2core.storage.schema import Caption, Image, Item, Source
from blip2core.storage.takedown import plan_takedown, take_down
from tests.curation.conftest import web_image


def count(database: Any, table: Any) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_images_texts_and_sources_are_stored(database):
    inputs = [web_image(1, "a cat", "the same cat"), web_image(2)]
    results = list(import_images(database, dataset="web", inputs=inputs, label="pets.zip"))
    assert [one.item.is_new for one in results] == [True, True]
    tables = (Image, Item, Source, Caption)
    assert [count(database, table) for table in tables] == [2, 2, 2, 2]
    with database.read() as session:
        image = session.scalars(select(Image).order_by(Image.id)).first()
        assert database.images.read(image.sha256, format=image.format)
        (run,) = list_runs(session)
        assert (run.kind, run.status, run.done, run.failed) == ("import", "done", 2, 0)
        assert run.parameters == {"input": "pets.zip"} and run.heartbeat_at is not None


def test_again_adds_only_what_is_new(database):
    first = [web_image(1, "a cat")]
    list(import_images(database, dataset="web", inputs=first))
    again = [web_image(1, "a cat", "a new text"), web_image(2)]
    results = list(import_images(database, dataset="web", inputs=again))
    assert [one.item.is_new for one in results] == [False, True]
    assert [count(database, table) for table in (Image, Item, Caption)] == [2, 2, 2]


def test_bad_inputs_are_problems_of_the_run(database):
    inputs = [
        Problem(name="row 3", reason="There is no image in this row."),
        replace(web_image(1), data=b"<svg onload=alert(1)>", name="../../x.png"),
        web_image(2, "a cat"),
    ]
    results = list(import_images(database, dataset="web", inputs=inputs))
    assert [one.problem is None for one in results] == [False, False, True]
    with database.read() as session:
        (run,) = list_runs(session)
        assert (run.done, run.failed, run.status) == (1, 2, "done")
        told = [(one.name, one.reason) for one in list_problems(session, run_id=run.id)]
    assert told[0] == ("row 3", "There is no image in this row.")
    assert told[1][0] == "../../x.png" and "SVG" in told[1][1]


def test_what_was_taken_down_stays_away(database):
    (result,) = import_images(database, dataset="web", inputs=[web_image(1)])
    with database.write() as session:
        purge_image(session, sha256=session.get_one(Image, result.item.image_id).sha256)
    (again,) = import_images(database, dataset="web", inputs=[web_image(1)])
    assert "taken down" in again.problem.reason


def test_the_bytes_of_what_was_taken_down_do_not_come_back(database):
    (result,) = import_images(database, dataset="web", inputs=[web_image(1)])
    take_down(database, plan_takedown(database, [str(result.item.item_id)]))
    larger = io.BytesIO()
    PIL.Image.open(io.BytesIO(web_image(1).data)).save(larger, "PNG", compress_level=0)
    copy = replace(web_image(1), data=larger.getvalue())
    refused, same_pixels, other = import_images(
        database, dataset="web", inputs=[web_image(1), copy, web_image(2)]
    )
    assert "taken down" in refused.problem.reason and "taken down" in same_pixels.problem.reason
    with database.read() as session:
        kept = session.get_one(Image, other.item.image_id).sha256
    assert [file.stem for file in database.images.root.glob("??/*")] == [kept]


def test_inputs_are_read_as_they_are_needed(database):
    read: list[int] = []

    def inputs() -> Any:
        for number in range(500):
            read.append(number)
            yield web_image(number)

    results = import_images(database, dataset="web", inputs=inputs())
    next(results)
    assert len(read) <= 3 * UNIT
    results.close()
    with database.read() as session:
        assert list_runs(session)[0].status == "paused"


def test_stop_and_failure_are_noted(database):
    stop = Event()
    stop.set()
    assert not list(import_images(database, dataset="web", inputs=[web_image(1)], stop=stop))

    def broken() -> Any:
        yield web_image(1)
        raise StorageError("The disk is full.")

    with pytest.raises(StorageError):
        list(import_images(database, dataset="web", inputs=broken()))
    with database.read() as session:
        failed, paused = list_runs(session)
    assert (paused.status, failed.status, failed.error) == ("paused", "failed", "The disk is full.")


def test_the_run_says_what_became_of_all_that_was_read(database: Database) -> None:
    inputs = [
        web_image(1, "a dog", "a cat"),
        replace(web_image(1, "a cat", "a bird"), name="again.png", duplicates=2),
        WebImage(name="broken.png", data=b"no image", texts=("lost", "too")),
        Problem(name="t.csv, row 3", reason="Not UTF-8.", about="source"),
        Problem(name="b.txt", reason="Too long.", about="text", texts=1),
        Unused(kind="column", name="t.csv, column x", advice="looks like texts", count=4),
    ]
    sums = Sums()
    results = list(import_images(database, dataset="web", inputs=inputs, sums=sums))
    assert len(results) == 5, "what is not used is no result"
    expected = {
        **{"images_read": 3, "images_new": 1, "images_known": 1, "images_refused": 1},
        **{"texts_read": 9, "texts_new": 3, "texts_known": 3, "texts_without_image": 2},
        **{"texts_refused": 1, "sources_refused": 1, "unused": {"column": 4}},
        "images_alike": 0,
        "examples": {"column": [{"name": "t.csv, column x", "advice": "looks like texts"}]},
    }
    assert sums.as_json() == expected
    with database.read() as session:
        assert get_run(session, run_id=results[0].run_id).sums == expected


def test_a_note_is_no_failure(database: Database) -> None:
    note = Problem(name="t.csv", reason="Windows-1252.", about="note")
    lost = Problem(name="t.csv, row 2", reason="No such file.", texts=3, count=2)
    (result, *_) = list(import_images(database, dataset="web", inputs=[note, lost, web_image(1)]))
    with database.read() as session:
        run = get_run(session, run_id=result.run_id)
        told = list_problems(session, run_id=run.id)
    assert (run.done, run.failed) == (1, 1)
    assert [(one.about, one.inputs, one.texts) for one in told] == [("note", 1, 0), ("image", 2, 3)]


def test_a_text_keeps_where_it_stood_and_what_was_said_of_it(database: Database) -> None:
    origin = TextOrigin(place="prompt", data={"clip": 0.31, "id": "x7"})
    image = replace(web_image(1, "a dog", "a cat"), origins={"a dog": origin})
    list(import_images(database, dataset="web", inputs=[image]))
    with database.read() as session:
        found = {one.text: (one.place, one.data) for one in session.scalars(select(Caption))}
    assert found == {"a dog": ("prompt", {"clip": 0.31, "id": "x7"}), "a cat": (None, None)}
