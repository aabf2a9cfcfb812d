"""From decisions in a real database to files, by the library and by the command."""

import hashlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from PIL import Image
from sqlalchemy import select

from blip2core import cli
from blip2core.cli import export
from blip2core.errors import ConfigError, ExportError, StorageError
from blip2core.exports import FORMATS
from blip2core.exports.snapshots import export_snapshot, write_snapshot
from blip2core.records import Candidate, Scored, ScorerIdentity, TextOrigin, WebImage
from blip2core.storage import Database, open_database
from blip2core.storage.batches import (
    NewBatch,
    count_threshold,
    decide_many,
    threshold_choices,
)
from blip2core.storage.captions import add_captions, add_scores, texts_of
from blip2core.storage.datasets import get_or_create_dataset, update_dataset
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.freezing import freeze_snapshot
from blip2core.storage.items import ImageFacts, add_item
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import NewRun, create_run
from blip2core.storage.schema import Export
from blip2core.storage.snapshot_selection import SnapshotPolicy
from blip2core.storage.snapshots import named_snapshot
from tests.exports.reading import json_lines

SCORER = ScorerIdentity(
    model="stickers-itm", revision="1" * 40, dtype="float32", preprocessing="a" * 64, text_limit=32
)
ITEMS = 12


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Database]:
    """A dataset of twelve images; each has a web text at 0.3 and a synthetic one at 0.8."""
    database = open_database(str(tmp_path / "studio.db"))
    with database.write() as session:
        dataset = get_or_create_dataset(session, name="birds")
        get_or_create_annotator(session, handle="ann")
        run = create_run(
            session,
            NewRun(
                kind="capfilt",
                code_version="1",
                dataset_id=dataset.id,
                model="stickers-opt",
                revision="3" * 40,
            ),
        )
        for number in range(ITEMS):
            _add(database, session, dataset.id, run.id, number)
    yield database
    database.close()


def _add(database: Database, session: Any, dataset_id: int, run_id: int, number: int) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (number * 20, 0, 0)).save(file, "PNG")
    digest = database.images.put(file.getvalue(), format="PNG")
    facts = ImageFacts(
        sha256=digest,
        pixel_sha256=digest[::-1],
        phash=number << 8,
        width=8,
        height=6,
        format="PNG",
        bytes=len(file.getvalue()),
    )
    text = f"a bird {number}"
    said = {text: TextOrigin(place="alt", data={"id": "a-0", "b": 1})} if number == 0 else {}
    image = WebImage(name=f"{number}.png", data=b"", texts=(text,), origins=said, license="CC0")
    item = add_item(session, dataset_id=dataset_id, run_id=run_id, image=facts, web=image)
    add_captions(session, run_id=run_id, item_id=item.item_id, texts=[f"a drawn bird {number}"])
    texts = texts_of(session, item_id=item.item_id)
    scores = {
        text.caption_id: Scored(
            candidate=Candidate(text="", source="web"), itm=itm, itc=0.1, tokens=5, truncated=False
        )
        for text, itm in zip(texts, (0.3, 0.8), strict=True)
    }
    add_scores(session, run_id=run_id, identity=SCORER, scores=scores)


def accept(database: Database, *captions: int, action: str = "accept") -> None:
    """Item n has the texts 2n - 1 and 2n."""
    with database.write() as session:
        for caption in captions:
            record_decision(
                session,
                NewDecision(
                    client_event_id=f"{caption} {action}",
                    item_id=(caption + 1) // 2,
                    annotator_id=1,
                    action=action,
                    caption_id=caption,
                    reason="not a bird" if action == "reject" else None,
                ),
            )


def test_what_was_said_of_a_text_is_written_where_any_has_it(
    studio: Database, tmp_path: Path
) -> None:
    accept(studio, 3)
    bare = freeze_snapshot(studio, dataset_id=1, created_by=1, policy=SnapshotPolicy())
    write_snapshot(studio, snapshot_id=bare.id, format="jsonl", out=tmp_path / "bare")
    accept(studio, 1)
    both = freeze_snapshot(studio, dataset_id=1, created_by=1, policy=SnapshotPolicy())
    write_snapshot(studio, snapshot_id=both.id, format="jsonl", out=tmp_path / "both")
    lines = [path.read_text("utf-8") for path in sorted((tmp_path / "bare").glob("*.jsonl"))]
    assert lines and not [line for line in lines if "text_place" in line or "text_data" in line]
    rows = [row for path in (tmp_path / "both").glob("*.jsonl") for row in json_lines(path)]
    told = {row["text"]: (row["text_place"], row["text_data"]) for row in rows}
    assert told == {"a bird 0": ("alt", '{"b": 1, "id": "a-0"}'), "a bird 1": (None, None)}
    assert bare.content_sha256 != both.content_sha256


def apply_threshold(database: Database) -> None:
    with database.write() as session:
        counts = count_threshold(session, dataset_id=1, threshold=0.5)
        decide_many(
            session,
            NewBatch(
                uid="t",
                dataset_id=1,
                annotator_id=1,
                kind="threshold",
                settings={"threshold": 0.5},
            ),
            choices=threshold_choices(session, dataset_id=1, threshold=0.5),
            expected=counts["accept"] + counts["reject"],
        )


def frozen(database: Database, name: str | None = None, **policy: Any) -> int:
    return freeze_snapshot(
        database, dataset_id=1, policy=SnapshotPolicy(**policy), created_by=1, name=name
    ).id


def texts(out: Path) -> set[str]:
    return {row["text"] for file in out.glob("*.jsonl") for row in json_lines(file)}


def test_what_is_decided_later_changes_no_byte(studio: Database, tmp_path: Path) -> None:
    accept(studio, 2, 4, 5)
    accept(studio, 3, action="reject")
    snapshot = frozen(studio)
    one = write_snapshot(studio, snapshot_id=snapshot, format="jsonl", out=tmp_path / "one")
    accept(studio, 7, 8)
    accept(studio, 6, action="reject")
    two = write_snapshot(studio, snapshot_id=snapshot, format="jsonl", out=tmp_path / "two")
    assert (one.pairs, one.sha256) == (3, two.sha256)
    assert one.data["rejected"] == {"not a bird": 1}
    row = next(row for row in json_lines(tmp_path / "one" / "train.jsonl") if row["itm"] == 0.8)
    assert row["captioner"] == "stickers-opt@" + "3" * 40
    assert row["scorer"] == "stickers-itm@" + "1" * 40
    assert (row["decided_by"], row["license"]) == ("ann", "CC0")


def test_what_annotators_were_told_is_frozen_with_the_pairs(
    studio: Database, tmp_path: Path
) -> None:
    accept(studio, 2)
    with studio.write() as session:
        update_dataset(session, dataset_id=1, guidelines="Count the birds.")
    snapshot = frozen(studio)
    with studio.write() as session:
        update_dataset(session, dataset_id=1, guidelines="Name the birds.")
    write_snapshot(studio, snapshot_id=snapshot, format="jsonl", out=tmp_path / "out")
    assert "Count the birds" in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_an_export_is_recorded_with_the_hash_of_its_manifest(
    studio: Database, tmp_path: Path
) -> None:
    accept(studio, 2)
    out = export_snapshot(studio, snapshot_id=frozen(studio), format="imagefolder", folder=tmp_path)
    again = export_snapshot(
        studio, snapshot_id=frozen(studio), format="imagefolder", folder=tmp_path
    )
    assert out != again
    with studio.read() as session:
        records = list(session.scalars(select(Export)))
    for record, folder in zip(records, (out, again), strict=True):
        assert (record.status, record.pairs, record.format) == ("complete", 1, "imagefolder")
        assert record.location == str(folder)
        manifest = (folder / "manifest.json").read_bytes()
        assert record.manifest_sha256 == hashlib.sha256(manifest).hexdigest()


def test_an_export_that_fails_is_recorded_as_such(studio: Database, tmp_path: Path) -> None:
    accept(studio, 2)
    (tmp_path / "taken").mkdir()
    with pytest.raises(ExportError):
        write_snapshot(studio, snapshot_id=frozen(studio), format="csv", out=tmp_path / "taken")
    with studio.read() as session:
        assert [one.status for one in session.scalars(select(Export))] == ["failed"]


def test_an_export_of_an_unknown_format_is_not_recorded(studio: Database, tmp_path: Path) -> None:
    accept(studio, 2)
    with pytest.raises(ConfigError, match="There is no format 'zip': use one of imagefolder"):
        write_snapshot(studio, snapshot_id=frozen(studio), format="zip", out=tmp_path / "out")
    with studio.read() as session:
        assert session.scalars(select(Export)).all() == []


@pytest.mark.parametrize(
    ("decided", "expected"),
    [("people", {"a bird 0"}), ("threshold", {f"a drawn bird {n}" for n in range(1, ITEMS)})],
)
def test_who_decided(studio: Database, tmp_path: Path, decided: str, expected: set[str]) -> None:
    accept(studio, 1)
    apply_threshold(studio)
    snapshot = frozen(studio, decided=decided)
    manifest = write_snapshot(studio, snapshot_id=snapshot, format="jsonl", out=tmp_path / "out")
    assert texts(tmp_path / "out") == expected
    who = "ann" if decided == "people" else "a threshold that ann applied"
    assert manifest.data["counts"]["deciders"] == {who: len(expected)}
    rules = [{"batch": 1, "applied_by": "ann", "threshold": 0.5}]
    assert manifest.data["applied"] == (rules if decided == "threshold" else [])
    everything = write_snapshot(
        studio, snapshot_id=frozen(studio), format="jsonl", out=tmp_path / "both"
    )
    assert everything.pairs == ITEMS


def test_the_same_pairs_and_rules_are_the_same_snapshot(studio: Database) -> None:
    accept(studio, 2)
    first = frozen(studio)
    assert frozen(studio) == first
    assert frozen(studio, name="mine") != first
    assert frozen(studio, validation=0.2) != first
    accept(studio, 4)
    assert frozen(studio) != first
    with studio.read() as session:
        assert named_snapshot(session, name="birds@v1").id == first
        assert named_snapshot(session, name="mine").id != first
        assert named_snapshot(session, name="v9") is None


def test_a_rule_that_takes_nothing(studio: Database) -> None:
    accept(studio, 2)
    with pytest.raises(StorageError, match="Nothing is accepted"):
        frozen(studio, decided="threshold")
    with pytest.raises(StorageError, match="decided is one of both, people, threshold"):
        SnapshotPolicy(decided="nobody")


@pytest.fixture
def command(studio: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """(arguments) -> exit code, its line, what it said on standard error."""

    def command(*arguments: str) -> tuple[int, Any, str]:
        studio.close()  # a command owns the database while it runs
        url = ["--database", str(tmp_path / "studio.db"), "--json"]
        code = cli.main(["export", *arguments, *url])
        told = capsys.readouterr()
        return code, json.loads(told.out) if told.out else None, told.err

    return command


def test_the_command_freezes_and_writes(command: Any, studio: Database, tmp_path: Path) -> None:
    accept(studio, *range(2, 2 * ITEMS + 1, 2))
    out = tmp_path / "out"
    arguments = ("birds", "--format", "jsonl", "--validation", "0.3", "--source", "synthetic")
    code, told, _ = command(*arguments, "--out", str(out))
    assert code == 0
    assert (told["pairs"], told["snapshot"], told["out"]) == (ITEMS, "v1", str(out))
    manifest = (out / "manifest.json").read_bytes()
    assert told["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    assert json.loads(manifest)["policy"]["validation"] == 0.3
    assert (out / "validation.jsonl").is_file()

    # What cannot be written freezes nothing.
    code, _, said = command("birds", "--format", "jsonl", "--out", str(out))
    assert code == 2 and "exists already" in said
    assert "it has: v1." in command("birds@v2", "--format", "csv", "--out", str(out / "new"))[2]

    code, again, _ = command("birds@v1", "--format", "jsonl", "--out", str(tmp_path / "again"))
    assert (code, again["manifest_sha256"]) == (0, told["manifest_sha256"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fish"], "There is no dataset fish"),
        (["birds@v7"], "The dataset birds has no snapshot v7; it has: v1."),
        (["fish@v1"], "There is no dataset fish; there are: birds."),
        (["birds", "--validation", "2"], "shares that leave some for training"),
        (["birds", "--captions", "lists", "--format", "csv"], "csv has no lists"),
        (["birds@v1", "--per-item", "1"], "v1 is frozen"),
    ],
)
def test_the_command_says_what_is_wrong(
    command: Any, studio: Database, tmp_path: Path, arguments: list[str], message: str
) -> None:
    accept(studio, 2)
    frozen(studio)
    known = [] if "--format" in arguments else ["--format", "jsonl"]
    code, told, said = command(*arguments, *known, "--out", str(tmp_path / "out"))
    assert (code, told) == (2, None)
    assert message in said
    assert "out" not in os.listdir(tmp_path)


def test_the_command_says_that_nothing_is_frozen_yet(command: Any, tmp_path: Path) -> None:
    _, _, said = command("birds@v1", "--format", "jsonl", "--out", str(tmp_path / "out"))
    assert "birds has no snapshot v1: none is frozen. `blip2 export birds` freezes" in said


def test_the_command_knows_every_format_and_the_database_has_room_for_its_name() -> None:
    offered = get_args(get_args(get_type_hints(export.export, include_extras=True)["format"])[0])
    assert offered == tuple(FORMATS)
    assert max(map(len, FORMATS)) <= Export.__table__.columns["format"].type.length
