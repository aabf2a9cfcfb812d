"""What version 0.1 wrote and understood is still read and understood."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from typer.main import get_command

from app.chat.archive import unpack
from app.settings import AppSettings
from app.workbench.page import build_workbench
from blip2core import cli
from blip2core.storage.database import Database, open_database
from blip2core.storage.datasets import find_dataset, status_counts
from blip2core.storage.maintenance import check
from tests.fakes import FakeGenerator, fake_services

OLD = Path(__file__).parent / "v0_1"
INTERFACE = json.loads((OLD / "interface.json").read_text("utf-8"))
EXPORTS = json.loads((OLD / "exports.json").read_text("utf-8"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder as 0.1 left it."""
    with zipfile.ZipFile(OLD / "studio.zip") as archive:
        archive.extractall(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def database(data: Path) -> Iterator[Database]:
    opened = open_database(str(data / "studio.db"))
    yield opened
    opened.close()


def test_a_database_is_brought_forward_with_all_that_was_decided(database: Database) -> None:
    assert check(database.engine).problems == ()
    with database.read() as session:
        dataset = find_dataset(session, name="web")
        assert status_counts(session, dataset_id=dataset.id) == {"decided": 3}


@pytest.mark.parametrize("format", sorted(set(EXPORTS) - {"parquet"}))
def test_a_snapshot_is_written_again_byte_for_byte(
    data: Path, tmp_path: Path, format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parquet is left out: its bytes depend on the version of pyarrow. CSV has one column more."""
    out, database = tmp_path / "again", data / "studio.db"
    call = ["export", "web@v1", "--format", format, "--out", str(out)]
    assert cli.main([*call, "--database", str(database)]) == 0, capsys.readouterr().err
    lines = (out / "SHA256SUMS").read_text("utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    card = "README.md"  # names the version that wrote it
    assert sums.pop(card) and EXPORTS[format].keys() - {card} == sums.keys()
    for table in (name for name in sums if name.endswith(".csv")):
        sums[table] = sha256(without_last_column(out / table)).hexdigest()
    assert sums == {name: EXPORTS[format][name] for name in sums}


def without_last_column(table: Path) -> bytes:
    """A table as 0.1 wrote it, which did not say where it had put apostrophes."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][-1] == "apostrophe_before"
    written = io.StringIO(newline="")
    csv.writer(written).writerows(row[:-1] for row in rows)
    return written.getvalue().encode()


def test_a_conversation_is_opened_with_its_answers_and_ratings() -> None:
    opened = unpack((OLD / "conversation.zip").read_bytes())
    assert [turn.answer for turn in opened.turns] == ["a snail", "a cap", "yellow", "yellow"]
    rating = opened.turns[-1].rating
    assert rating is not None and (rating.liked, rating.reason) == (False, "It is grey.")


@pytest.mark.parametrize("path", INTERFACE["commands"])
def test_every_command_has_the_options_it_had(path: str) -> None:
    command = get_command(cli.app)
    for word in path.split():
        command = command.commands[word]  # type: ignore[attr-defined]
    options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    assert set(INTERFACE["commands"][path]) <= options


def test_every_setting_is_there() -> None:
    assert set(INTERFACE["settings"]) <= AppSettings.model_fields.keys()


def test_every_endpoint_takes_and_gives_what_it_did() -> None:
    info = build_workbench(fake_services(FakeGenerator())).get_api_info()["named_endpoints"]
    for name, before in INTERFACE["endpoints"].items():
        parameters = info[name]["parameters"]
        now = [[one["parameter_name"], one["parameter_has_default"]] for one in parameters]
        assert now[: len(before["parameters"])] == before["parameters"]
        assert all(has_default for _, has_default in now[len(before["parameters"]) :])
        assert len(info[name]["returns"]) == before["returns"]
