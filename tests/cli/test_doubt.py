"""`blip2 doubt`, the task of that name, and what captions and answers say of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from blip2core import cli
from blip2core.doubt import DoubtCalibration, read_calibration, write_calibration
from blip2core.evaluation.doubt import LEAST_KNOWN
from blip2core.models import Generator, Matcher, loading
from blip2core.records import DOUBT_WARNING
from tests.capfilt.conftest import tiny_pair

FOLDERS = ("known", "noise")


@pytest.fixture(scope="module")
def pair() -> tuple[Generator, Matcher]:
    return tiny_pair()


@pytest.fixture
def calibration(
    pair: tuple[Generator, Matcher], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Where the tiny captioner has its calibration; there is none yet."""
    file = tmp_path / "doubt.json"
    monkeypatch.setattr("blip2core.doubt.calibration_file", lambda spec: file)
    for name, model in zip(("load_generator", "load_matcher"), pair, strict=True):
        monkeypatch.setattr(loading, name, lambda *_, model=model, **__: model)
    return file


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for number, name in enumerate(FOLDERS):
        (tmp_path / name).mkdir()
        for index in range(6):
            colour = (40 * index, 200 * number, 90)
            Image.new("RGB", (28, 28), colour).save(tmp_path / name / f"{index}.png")
    return tmp_path


def run(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def measured_with(pair: tuple[Generator, Matcher], threshold: float) -> DoubtCalibration:
    captioner, matcher = pair
    return DoubtCalibration(
        captioner="c",
        captioner_revision=captioner.revision,
        matcher="m",
        matcher_revision=matcher.revision,
        threshold=threshold,
        known=2,
        doubted=0.0,
    )


def test_a_calibration_is_written_beside_the_model(
    calibration: Path, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(LEAST_KNOWN - 6):
        Image.new("RGB", (28, 28), (index, 9, 9)).save(folders / "known" / f"more-{index}.png")
    call = ["doubt", "--known", folders / "known", "--strangers", f"noise={folders / 'noise'}"]
    assert run(*call, "--share", "0.5") == 0
    found = read_calibration(calibration)
    assert (found.known, found.strangers[0].name, found.strangers[0].images) == (
        LEAST_KNOWN,
        "noise",
        6,
    )
    assert f"{found.threshold:.3f}" in capsys.readouterr().out


def test_the_task_measures_without_writing(
    calibration: Path, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["--task", "doubt", "--known", folders / "known", "--json"]
    assert run("evaluate", *call, "--strangers", f"noise={folders / 'noise'}") == 0
    (row,) = rows(capsys)
    assert row["doubt"]["strangers"]["noise"]["images"] == 6
    assert not calibration.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["evaluate", "--task", "doubt"], "--strangers photographs=FOLDER"),
        (["evaluate", "--task", "vqa", "--strangers", "a=."], "belong to --task doubt"),
        (["doubt", "--strangers", "nowhere"], "give a name and a folder"),
        (["doubt", "--strangers", "a=/no/such/folder"], "give a name and a folder"),
    ],
)
@pytest.mark.usefixtures("calibration")
def test_a_wrong_call_is_told(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("call", [["caption"], ["ask"]])
def test_captions_and_answers_tell_the_doubt(
    call: list[str],
    calibration: Path,
    folders: Path,
    pair: tuple[Generator, Matcher],
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = folders / "known" / "0.png"
    arguments = [*call, image, *(["What?"] if call == ["ask"] else []), "--max-new-tokens", "4"]
    write_calibration(measured_with(pair, 1.0), calibration)
    assert run(*arguments, "--json") == 0
    (row,) = rows(capsys)
    assert row["doubt"]["is_doubted"] is True
    assert -1 <= row["doubt"]["itc"] < row["doubt"]["threshold"] == 1.0
    assert run(*arguments) == 0
    assert DOUBT_WARNING in capsys.readouterr().err
    write_calibration(measured_with(pair, -1.0), calibration)
    assert run(*arguments) == 0
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if not line.endswith("cut off by --max-new-tokens")] == []


def test_without_a_calibration_for_these_weights_nothing_is_said(
    calibration: Path,
    folders: Path,
    pair: tuple[Generator, Matcher],
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = folders / "known" / "0.png"
    for other in ({}, {"captioner_revision": "0"}, {"matcher_revision": "0"}):
        if other:
            write_calibration(replace(measured_with(pair, 1.0), **other), calibration)
        assert run("caption", image, "--max-new-tokens", "4", "--json") == 0
        assert "doubt" not in rows(capsys)[0]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (["doubt", "--known", "known", "--strangers", "a=noise"], "known images: 6 images"),
        (["doubt", "--known", "many", "--strangers", "a=empty"], "a: 0 images"),
        (["evaluate", "--task", "doubt", "--known", "known", "--strangers", "a=empty"], "a: 0"),
        (["evaluate", "--task", "doubt", "--known", "empty", "--strangers", "a=noise"], "known"),
    ],
)
@pytest.mark.usefixtures("calibration")
def test_too_few_images_are_told(
    call: list[str],
    told: str,
    folders: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folders / "empty").mkdir()
    (folders / "empty" / "note.png").write_text("Dear diary")
    (folders / "many").mkdir()
    for number in range(LEAST_KNOWN):
        Image.new("RGB", (28, 28), (number, 0, 0)).save(folders / "many" / f"{number}.png")
    monkeypatch.chdir(folders)
    assert run(*call) == 2
    assert f"{told}" in capsys.readouterr().err
