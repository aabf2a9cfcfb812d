"""Commands parse, call one library function and write its result; what is wrong is one line."""

import io
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from blip2core import cli
from blip2core.cli import train
from blip2core.cli.config_files import read_config
from blip2core.config import Stage2Config
from blip2core.errors import ConfigError, DeviceError
from blip2core.explain import METHODS
from blip2core.models import Matcher, loading
from blip2core.models.specs import find_spec
from blip2core.records import Generated, Match
from blip2core.stickers.taught import CAN_DO
from tests.fakes import FakeFeatures, FakeGenerator

NEEDED = {"stage1": "a", "language_model": "b", "vision": "c"}


class FakeMatcher:
    """Scores texts by their length and images by their width."""

    def encode(self, images: list[Image.Image]) -> FakeFeatures:
        return FakeFeatures(sizes=tuple(image.size for image in images))

    def match(self, features: FakeFeatures, texts: list[str]) -> list[Match]:
        return [Match(text=text, itm=len(text) / 100, itc=0.5, query=3) for text in texts]

    def rank(self, text: str, features: FakeFeatures, *, shortlist: int) -> list[tuple[int, Match]]:
        widths = [width for width, _ in features.sizes]
        order = sorted(range(len(widths)), key=lambda index: -widths[index])
        return [(i, Match(text=text, itm=widths[i] / 100, itc=0.5, query=0)) for i in order]


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> FakeGenerator:
    fake = FakeGenerator(caption_text="a red bird", answers={"Who?": "a dog"})
    monkeypatch.setattr(loading, "load_generator", lambda *_, **__: fake)
    monkeypatch.setattr(loading, "load_matcher", lambda *_, **__: FakeMatcher())
    return fake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images of different widths."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, width in (("a.png", 10), ("b.png", 20)):
        Image.new("RGB", (width, 5)).save(folder / name)
    return folder


def run(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("generator")
def test_caption_of_one_image_is_just_text(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("caption", folder / "a.png") == 0
    assert capsys.readouterr().out == "a red bird\n"


@pytest.mark.usefixtures("generator")
def test_caption_of_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("caption", folder, "--num", "2", "--mode", "sample", "--json") == 0
    found = [(Path(row["image"]).name, row["caption"]) for row in rows(capsys)]
    one = ["a red bird", "a red bird 2"]
    assert found == [(name, text) for name in ("a.png", "b.png") for text in one]


@pytest.mark.usefixtures("generator")
def test_rows_have_the_prompt_that_was_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("caption", folder / "a.png", "--prompt", "a  photo of ", "--json") == 0
    assert [row["prompt"] for row in rows(capsys)] == ["a photo of"]
    assert run("ask", folder / "a.png", "Question: Who? ", "--json") == 0
    assert [row["prompt"] for row in rows(capsys)] == ["Question: Who? Answer:"]


def test_a_row_is_one_line_whatever_is_in_it(
    generator: FakeGenerator, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.png").rename(folder / "a\n\x1b[31m.png")
    generator.caption_text = "a\tred\nbird"
    assert run("caption", folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("a\\u000a\\u001b[31m.png\ta\\u0009red\\u000abird")
    assert len(lines) == 2


@pytest.mark.usefixtures("generator")
def test_caption_of_standard_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = io.BytesIO((folder / "a.png").read_bytes())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=data))
    assert run("caption", "-", "--json") == 0
    assert rows(capsys) == [{"image": "-", "prompt": "", "caption": "a red bird", "cut_off": False}]


@pytest.mark.usefixtures("generator")
def test_bad_image_is_a_row_and_the_others_go_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.png").write_text("no image")
    assert run("caption", folder, folder / "missing.png", "--json") == 2
    bad, good, missing = rows(capsys)
    assert "not an image but a text" in bad["error"]
    assert good["caption"] == "a red bird"
    assert "missing.png" in missing["error"]


@pytest.mark.usefixtures("generator")
def test_bad_image_is_one_line_of_errors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.png").write_text("no image")
    assert run("caption", folder) == 2
    output = capsys.readouterr()
    assert output.out == f"{folder / 'b.png'}\ta red bird\n"
    assert output.err == f"blip2: {folder / 'a.png'} is not an image but a text.\n"


def test_questions_make_a_conversation(
    folder: Path, generator: FakeGenerator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("ask", folder / "a.png", "Who?", "Where is it?", "--json") == 0
    assert [row["answer"] for row in rows(capsys)] == ["a dog", "Where is it?"]
    assert generator.prompts[-1] == ("Question: Who? Answer: a dog\nQuestion: Where is it? Answer:")
    assert generator.vision_calls == 1


def test_what_was_never_taught_is_not_asked_and_is_no_turn(
    folder: Path, generator: FakeGenerator, capsys: pytest.CaptureFixture[str]
) -> None:
    generator.spec, generator.caption_text = find_spec("stickers-opt"), "two red cars"
    image = folder / "a.png"
    assert run("ask", image, "What animal is there?", "Why?", "What colour is it?", "--json") == 0
    _, untaught, last = rows(capsys)
    assert (untaught["taught"], untaught["answer"], untaught["can_do"]) == (False, "", CAN_DO)
    assert untaught["try"][0] == "How many cars are there?"
    assert "Why" not in last["prompt"] and last["taught"] and len(generator.prompts) == 2
    assert run("ask", image, "Why?") == 0
    assert f"{CAN_DO} Try: How many cars are there?" in capsys.readouterr().out
    assert run("ask", image, "Why?", "--anyway") == 0
    assert capsys.readouterr().out == "Why?\n"


def test_a_text_that_was_cut_off_says_so(
    folder: Path, generator: FakeGenerator, capsys: pytest.CaptureFixture[str]
) -> None:
    def brief(*_: object, **__: object) -> list[Generated]:
        return [Generated(text="a small", tokens=(1, 2), cut_off=True)]

    generator.answer = brief  # type: ignore[method-assign, assignment]
    assert run("ask", folder / "a.png", "Who?") == 0
    told = capsys.readouterr()
    assert told.out == "a small\n" and "a small: cut off by --max-new-tokens" in told.err


@pytest.mark.parametrize(
    ("options", "sent"), [([], 3), (["--history", "1"], 1), (["--history", "0"], 0)]
)
def test_a_question_is_sent_with_the_turns_before_it_that_are_asked_for(
    folder: Path,
    generator: FakeGenerator,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    sent: int,
) -> None:
    assert run("ask", folder / "a.png", "A?", "B?", "C?", "D?", "E?", *options, "--json") == 0
    last = rows(capsys)[-1]
    assert last["prompt"] == generator.prompts[-1]
    assert last["prompt"].count("Question:") == sent + 1 and last["dropped"] == 4 - sent


def test_all_turns_can_be_sent(folder: Path, generator: FakeGenerator) -> None:
    assert run("ask", folder / "a.png", *"ABCDE", "--history", "all") == 0
    assert generator.prompts[-1].count("Question:") == 5


@pytest.mark.usefixtures("generator")
@pytest.mark.parametrize("turns", ["-1", "three", "", "1.5", "9" * 5000, "\N{SUPERSCRIPT TWO}"])
def test_a_history_that_is_none_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], turns: str
) -> None:
    assert run("ask", folder / "a.png", "Who?", f"--history={turns}") == 2
    told = capsys.readouterr().err
    assert "must be a number of turns" in told and told.count("\n") == 1


@pytest.mark.usefixtures("generator")
def test_match(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("match", folder / "a.png", "short", "rather long", "--json") == 0
    assert [(row["text"], row["itm"], row["query"]) for row in rows(capsys)] == [
        ("short", 0.05, 3),
        ("rather long", 0.11, 3),
    ]


@pytest.fixture
def looked_into(tiny_matcher: Matcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "load_matcher", lambda *_, **__: tiny_matcher)


@pytest.mark.usefixtures("looked_into")
def test_explain_says_shows_and_writes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, npz = tmp_path / "map.png", tmp_path / "all.npz"
    assert run("explain", folder / "a.png", "a car", "--out", out, "--npz", npz, "--json") == 0
    (row,) = rows(capsys)
    assert (row["method"], row["text"]) == ("winner", "a car")
    assert row["description"].startswith("ITC query")
    assert row["fits"] is (row["itm"] >= 0.5) and row["fit"].startswith("ITM ")
    assert len(row["map"]) == 2
    assert out.read_bytes().startswith(b"\x89PNG")
    assert npz.read_bytes().startswith(b"PK")


@pytest.mark.usefixtures("looked_into")
def test_explain_takes_every_method_and_tests_it(
    images: list[Image.Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "map.png"
    images[0].save(tmp_path / "a.png")
    call = ("explain", tmp_path / "a.png", "a red car", "--method", "all", "--test", "--out", out)
    assert run(*call, "--json") == 0
    found = rows(capsys)
    assert [row["method"] for row in found] == list(METHODS)
    assert all(row["verdict"].startswith("Deletion") for row in found)
    assert not any(row["shows_what_counts"] and not row["fits"] for row in found)
    assert all(0 <= low <= high <= 1 for low, high in (row["random"] for row in found))
    assert {file.name for file in tmp_path.glob("map*")} == {f"map-{name}.png" for name in METHODS}


@pytest.mark.usefixtures("looked_into")
def test_explain_says_first_whether_the_text_fits(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", folder / "a.png", "a car") == 0
    fit, method, description = capsys.readouterr().out.strip().split("\t")
    assert re.fullmatch(
        r"ITM 0\.\d{3}: “a car” (fits|does not fit) the image, says the matcher\.", fit
    )
    assert method == "winner" and description.startswith("ITC query")


@pytest.mark.usefixtures("looked_into")
def test_explain_writes_a_map_for_each_image(folder: Path, tmp_path: Path) -> None:
    assert run("explain", folder, "a car", "--out", tmp_path / "map.png") == 0
    assert {file.name for file in tmp_path.glob("*.png")} == {"map-a.png", "map-b.png"}


@pytest.mark.usefixtures("looked_into")
def test_explain_of_an_image_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", folder / "a.png", "", "--query", "2", "--json") == 0
    (row,) = rows(capsys)
    assert (row["method"], row["itm"]) == ("cross-attention", None)
    assert row["description"].startswith("query 2: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("a car", "--method", "magic"), "method (magic) must be one of winner, gradcam"),
        (("a car", "--layer", "1"), "layer (1) must be one of 0"),
        (("a car", "--method", "words", "--word", "9"), "word (9)"),
        (("", "--test"), "test needs a text"),
        (("", "--method", "gradcam"), "needs a text"),
        (("a car", "--out", "/nowhere/map.png"), "/nowhere/map.png cannot be written"),
    ],
)
@pytest.mark.usefixtures("looked_into")
def test_explain_tells_what_is_wrong(
    folder: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", folder / "a.png", *options) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.usefixtures("generator")
def test_retrieve_names_the_best_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("retrieve", folder, "a bird", "--top", "1", "--json") == 0
    (best,) = rows(capsys)
    assert (Path(best["image"]).name, best["itm"]) == ("b.png", 0.2)


@pytest.mark.parametrize("group", ["convert", "curate", "capfilt", "db", "stickers"])
def test_a_group_alone_lists_its_commands(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(group)
    told = capsys.readouterr()
    assert "Commands" in told.out + told.err and "Missing command" not in told.out + told.err
    assert "blip2: " not in told.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["caption"], "Missing argument 'IMAGE...'"),
        (["nonsense"], "No such command 'nonsense'"),
        (["caption", "x.png", "--mode", "loud"], "Invalid value for '--mode'"),
        (["caption", "x.png", "--num", "few"], "Invalid value for '--num'"),
        (["caption", "x.png", "--model", "nonsense"], "There is no model 'nonsense'"),
        (["caption", "x.png", "--max-new-tokens", "0"], "max_new_tokens (0)"),
        (["train", "stage2", "--config", "none.json", "--out", "o"], "none.json cannot be read"),
        (["convert", "lavis", "a.pth", "folder"], "--base is needed"),
    ],
)
def test_wrong_calls_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("blip2: ") and message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), DeviceError("No memory is left.")]
)
def test_a_device_that_fails_is_one_line(
    error: Exception,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(loading, "load_generator", fail)
    assert run("caption", folder / "a.png") == 1
    told = capsys.readouterr().err
    assert told.startswith("blip2: ") and "memory" in told and told.count("\n") == 1


def test_interrupt_is_silent(
    folder: Path,
    generator: FakeGenerator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeGenerator, "encode", interrupted)
    assert run("caption", folder) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", [["--help"], ["models"]])
def test_light_commands_load_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from blip2core.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)


def test_models_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "--json") == 0
    table = {row["name"]: row for row in rows(capsys)}
    assert table["stickers-opt"]["place"] == "embedded"
    assert table["blip2-opt-2.7b"]["place"] == "Salesforce/blip2-opt-2.7b"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.json", json.dumps(NEEDED | {"steps": 9, "warmup_steps": 2})),
        (
            "config.toml",
            'stage1 = "a"\nlanguage_model = "b"\nvision = "c"\nsteps = 9\nwarmup_steps = 2\n',
        ),
    ],
)
def test_train_reads_its_settings(
    name: str,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    taken: list[Any] = []

    def recipe(config: Stage2Config, out: Path) -> Path:
        taken.append(config)
        return out / "model"

    monkeypatch.setattr(train, "import_module", lambda _: SimpleNamespace(run=recipe))
    (tmp_path / name).write_text(text)
    out = tmp_path / "run"
    assert run("train", "stage2", "--config", tmp_path / name, "--out", out, "--json") == 0
    assert taken == [Stage2Config(**NEEDED, steps=9, warmup_steps=2)]
    assert rows(capsys) == [{"stage": "stage2", "out": str(out / "model")}]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"step": 9}, "unknown settings: step. Valid: "),
        ({"qformer": {"depth": 4}}, "unknown settings: qformer.depth"),
        ({"steps": "many"}, "steps: "),
        ({"qformer": {"layers": 0}}, "layers"),
        ({"warmup_steps": 10_000}, "warmup_steps (10000) must be below steps"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(NEEDED | wrong))
    with pytest.raises(ConfigError) as caught:
        read_config(file, Stage2Config)
    assert message in str(caught.value)


def test_settings_must_be_readable(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("steps = = 3")
    with pytest.raises(ConfigError, match="cannot be read as JSON or TOML") as caught:
        read_config(file, Stage2Config)
    assert isinstance(caught.value.__cause__, tomllib.TOMLDecodeError)


def test_evaluate_writes_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(*arguments: object) -> dict[str, Any]:
        assert arguments == ("stickers-t5", "vqa", 7, 50, True)
        return {"vqa": {"accuracy": 0.5, "by_kind": {"where": 1.0}}}

    monkeypatch.setattr("blip2core.evaluation.evaluate", measure)
    call = ["evaluate", "--model", "stickers-t5", "--task", "vqa", "--seed", "7"]
    assert run(*call, "--scenes", "50", "--heldout") == 0
    assert capsys.readouterr().out == "vqa.accuracy\t0.5000\nvqa.by_kind.where\t1.0000\n"
    assert run(*call, "--scenes", "50", "--heldout", "--json") == 0
    assert rows(capsys) == [measure("stickers-t5", "vqa", 7, 50, True)]


def test_stickers_are_painted_with_their_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = Image.new("RGB", (112, 112))
    monkeypatch.setattr("blip2core.stickers.paint.paint", lambda scene: blank)
    out = tmp_path / "painted"
    assert run("stickers", "paint", "--seed", "5", "--count", "2", "--out", out, "--json") == 0
    written = [json.loads(line) for line in (out / "truth.jsonl").read_text().splitlines()]
    assert written == rows(capsys)
    assert [row["file"] for row in written] == ["00000005.png", "00000006.png"]
    assert all((out / row["file"]).is_file() and row["truth"]["groups"] for row in written)
    assert run("stickers", "paint", "--seed", "7", "--out", out) == 0
    assert capsys.readouterr().out == f"{out / '00000007.png'}\n"


def test_lavis_goes_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[object, ...]] = []
    imported = SimpleNamespace(taken=("a", "b"), kept=("c",))
    monkeypatch.setattr(
        "blip2core.training.lavis.import_lavis", lambda *a: calls.append(a) or imported
    )
    monkeypatch.setattr(
        "blip2core.training.lavis.export_lavis", lambda *a, **k: calls.append((*a, k))
    )
    file, folder = tmp_path / "model.pth", tmp_path / "model"
    assert run("convert", "lavis", file, folder, "--base", "blip2-opt-2.7b", "--json") == 0
    assert run("convert", "lavis", folder, file, "--trained-only") == 0
    assert calls == [(file, "blip2-opt-2.7b", folder), (folder, file, {"frozen": False})]
    first = capsys.readouterr().out.splitlines()[0]
    assert json.loads(first) == {"folder": str(folder), "taken": 2, "kept": 1}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", [["models"], ["stickers", "paint", "--help"]])
def test_a_full_disk_is_one_line(command: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "blip2core", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "blip2: No space left on device\n"


def test_a_file_that_cannot_be_written_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stickers", "paint", "--out", "/dev/null/folder") == 1
    assert capsys.readouterr().err == "blip2: Not a directory: /dev/null/folder\n"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "blip2core", "models"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (0, "")
