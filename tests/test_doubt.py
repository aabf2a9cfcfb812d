"""Doubt: how well a captioner's own captions fit, and the file that says from where on to doubt."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from blip2core.config import CaptionConfig
from blip2core.doubt import (
    CAPTIONS,
    DECODE,
    DoubtCalibration,
    Strangers,
    calibration_file,
    calibration_for,
    doubts,
    find_calibration,
    own_fits,
    read_calibration,
    write,
    write_calibration,
)
from blip2core.errors import ModelError
from blip2core.models import SPECS, Generator, Matcher
from blip2core.models.identity import revision_of
from tests.capfilt.conftest import tiny_pair

CALIBRATION = DoubtCalibration(
    captioner="c",
    captioner_revision="1",
    matcher="m",
    matcher_revision="2",
    threshold=0.75,
    known=100,
    doubted=0.05,
    strangers=(Strangers(name="p", images=20, area=0.99, low=0.98, high=1.0, doubted=0.9),),
)


@pytest.fixture(scope="module")
def pair() -> tuple[Generator, Matcher]:
    return tiny_pair()


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    return [Image.new("RGB", (28, 28), colour) for colour in ("red", "green", "blue")]


def test_captions_are_drawn_as_capfilt_draws_them() -> None:
    usual = CaptionConfig()
    assert (usual.num, usual.decode.mode, usual.decode.top_p, usual.decode.seed) == (
        CAPTIONS,
        DECODE.mode,
        DECODE.top_p,
        DECODE.seed,
    )


def test_the_fit_is_the_mean_of_the_captions_cosines(
    pair: tuple[Generator, Matcher], images: list[Image.Image]
) -> None:
    captioner, matcher = pair
    features = captioner.encode(images)
    written = write(captioner, features)
    expected = [
        matcher.itc(features[[row]], texts).mean().item() for row, texts in enumerate(written)
    ]
    assert all(texts for texts in written)
    assert own_fits(matcher, features, written) == pytest.approx(expected, abs=1e-6)
    assert len({round(fit, 4) for fit in expected}) == len(images)


def test_the_same_captions_come_in_any_batch(
    pair: tuple[Generator, Matcher], images: list[Image.Image]
) -> None:
    captioner, _ = pair
    alone = [write(captioner, captioner.encode([image]))[0] for image in images]
    assert write(captioner, captioner.encode(images)) == alone


def test_an_image_without_captions_is_doubted_and_the_others_keep_their_own(
    pair: tuple[Generator, Matcher], images: list[Image.Image]
) -> None:
    captioner, matcher = pair
    features = captioner.encode(images)
    fits = own_fits(matcher, features, [["a"], [], ["b", "c"]])
    assert fits[1] == -1.0
    assert fits[0] == pytest.approx(matcher.itc(features[[0]], ["a"]).item(), abs=1e-6)
    assert fits[2] == pytest.approx(matcher.itc(features[[2]], ["b", "c"]).mean().item(), abs=1e-6)
    assert own_fits(matcher, features, [[], [], []]) == [-1.0] * 3


def test_below_the_threshold_is_doubted(
    pair: tuple[Generator, Matcher], images: list[Image.Image]
) -> None:
    captioner, matcher = pair
    features = captioner.encode(images)
    fits = own_fits(matcher, features, write(captioner, features))
    calibration = replace(CALIBRATION, threshold=sorted(fits)[1])
    found = doubts(calibration, captioner, matcher, features)
    assert [one.itc for one in found] == pytest.approx(fits)
    assert sum(one.is_doubted for one in found) == 1
    assert all(1 <= len(one.captions) <= CAPTIONS for one in found)


def test_a_calibration_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_calibration(CALIBRATION, tmp_path / "new" / "doubt.json")
    assert read_calibration(tmp_path / "new" / "doubt.json") == CALIBRATION


def test_it_holds_for_the_weights_it_was_measured_with(
    pair: tuple[Generator, Matcher], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioner, matcher = pair
    fitting = replace(
        CALIBRATION,
        captioner_revision=revision_of(captioner),
        matcher_revision=revision_of(matcher),
    )
    file = tmp_path / f"{captioner.spec.name}.json"
    monkeypatch.setattr("blip2core.doubt.calibration_file", lambda spec: file)
    assert calibration_for(captioner, matcher) is None
    write_calibration(fitting, file)
    assert calibration_for(captioner, matcher) == fitting
    for other in ({"captioner_revision": "0"}, {"matcher_revision": "0"}):
        write_calibration(replace(fitting, **other), file)
        assert calibration_for(captioner, matcher) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"threshold": 1}',
        json.dumps(asdict(CALIBRATION) | {"threshold": "0.7"}).encode(),
        json.dumps(asdict(CALIBRATION) | {"threshold": 7}).encode(),
        json.dumps(asdict(CALIBRATION) | {"more": 7}).encode(),
        json.dumps(asdict(CALIBRATION) | {"strangers": 7}).encode(),
        json.dumps(asdict(CALIBRATION) | {"strangers": [{"name": "p"}]}).encode(),
        b'{"threshold": NaN}',
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "doubt.json"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"doubt\.json"):
        read_calibration(file)


def test_a_calibration_that_cannot_be_read_is_told_once_and_is_none(
    pair: tuple[Generator, Matcher],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = tmp_path / "doubt.json"
    monkeypatch.setattr("blip2core.doubt.calibration_file", lambda spec: file)
    for wrong in ("", "[" * 100_000, '{"threshold": true}'):
        file.write_text(wrong)
        assert calibration_for(*pair) is None
        assert calibration_for(*pair) is None
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3 and all("not looked at for doubt" in one for one in told)


def test_a_model_of_the_hub_has_its_calibration_in_a_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = SPECS["blip2-opt-2.7b"]
    monkeypatch.setenv("BLIP2_DOUBT", str(tmp_path))
    assert find_calibration(spec) is None
    write_calibration(CALIBRATION, tmp_path / "blip2-opt-2.7b.json")
    assert find_calibration(spec) == CALIBRATION
    own = SPECS["stickers-opt"].checkpoint
    assert calibration_file(SPECS["stickers-opt"]) == own / "doubt.json"


def test_features_of_the_matcher_score_where_the_encoders_differ() -> None:
    captioner, matcher = tiny_pair()
    torch.manual_seed(0)
    image = Image.new("RGB", (28, 28), "red")
    features = captioner.encode([image])
    fits = own_fits(matcher, features, [["a"]])
    assert -1 <= fits[0] <= 1
    with pytest.raises(ModelError, match="another image encoder"):
        own_fits(matcher, replace(features, encoder="other"), [["a"]])
