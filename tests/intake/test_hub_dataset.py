"""Datasets of the Hub are pulled whole or gone on with, and read as folders are."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from blip2core.errors import IntakeError
from blip2core.intake import Limits, Storages, read
from blip2core.intake.hub_dataset import MARK, fetch_dataset, list_dataset, pull_dataset
from blip2core.records import Problem, Unused, WebImage
from blip2core.remote.transfers import Transfer
from tests.intake.making import images, png, texts
from tests.remote.fake_hub import TOKEN, FakeHub

FILES = {
    "README.md": b"# Web",
    "SHA256SUMS": b"",
    ".gitattributes": b"*.png filter=lfs",
    "train/a.png": png(1),
    "train/a.txt": b"a red bird",
    "test/B.PNG": png(2),
    "loader.py": b"import os",
    "weights.bin": b"0",
}
READ = ["test/B.PNG", "train/a.png", "train/a.txt"]
S = Storages()


def files_below(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_what_an_import_reads_is_listed(hub: FakeHub) -> None:
    made = hub.put("ann/web", FILES)
    found = list_dataset("ann/web")
    assert [file.path for file in found.files] == READ
    assert found.commit == made.sha() and found.bytes == sum(len(FILES[name]) for name in READ)
    assert found.left_out == ("README.md", "SHA256SUMS", "loader.py", "weights.bin")
    assert "4 files" in found.told_left_out() and found.told_left_out().endswith(", ...")
    with_card = list_dataset("ann/web", companions=True)
    assert [file.path for file in with_card.files] == ["README.md", "SHA256SUMS", *READ]
    assert hub.asked("resolve") == 0, "nothing is fetched"


def test_a_pull_is_a_folder_with_the_same_bytes(hub: FakeHub, tmp_path: Path) -> None:
    hub.put("ann/web", FILES)
    shown: list[Transfer] = []
    dataset = list_dataset("ann/web", companions=True)
    assert pull_dataset(dataset, tmp_path / "web", show=shown.append) == tmp_path / "web"
    names = {*READ, "README.md", "SHA256SUMS"}
    assert files_below(tmp_path / "web") == {name: FILES[name] for name in names}
    assert [path.name for path in tmp_path.iterdir()] == ["web"]
    assert (shown[-1].files, shown[-1].bytes) == (5, dataset.bytes)
    assert texts(read(tmp_path / "web")) == {"test/B.PNG": (), "train/a.png": ("a red bird",)}
    with pytest.raises(IntakeError, match="exists already"):
        pull_dataset(dataset, tmp_path / "web")


def test_a_file_that_ends_early_is_not_taken(hub: FakeHub, tmp_path: Path) -> None:
    hub.put("ann/web", FILES)
    hub.fail(r"GET .*resolve/.*/train/a.png", "half")
    dataset = list_dataset("ann/web")
    with pytest.raises(IntakeError, match="ann/web"):
        pull_dataset(dataset, tmp_path / "web")
    assert "train/a.png" not in files_below(tmp_path / "web.partial")
    hub.faults.clear()
    pull_dataset(dataset, tmp_path / "web")
    assert files_below(tmp_path / "web") == {name: FILES[name] for name in READ}


def test_a_pull_that_broke_goes_on(hub: FakeHub, tmp_path: Path) -> None:
    hub.put("ann/web", FILES)
    hub.fail(r"resolve/.*/train/a.png", "cut")
    dataset = list_dataset("ann/web")
    with pytest.raises(IntakeError, match="connection broke: do the same again") as caught:
        pull_dataset(dataset, tmp_path / "web")
    assert TOKEN not in str(caught.value)
    assert not (tmp_path / "web").exists()
    missing = {"test/B.PNG", "train/a.txt"} - files_below(tmp_path / "web.partial").keys()
    hub.faults.clear()
    hub.requests.clear()
    pull_dataset(dataset, tmp_path / "web")
    assert files_below(tmp_path / "web") == {name: FILES[name] for name in READ}
    assert hub.asked(r"GET .*resolve") == 1 + len(missing)


def test_a_pull_that_was_interrupted_goes_on(hub: FakeHub, tmp_path: Path) -> None:
    hub.put("ann/web", FILES)
    dataset = list_dataset("ann/web")

    def interrupt(_: Transfer) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull_dataset(dataset, tmp_path / "web", show=interrupt)
    assert (tmp_path / "web.partial" / MARK).is_file()
    pull_dataset(dataset, tmp_path / "web")
    assert files_below(tmp_path / "web") == {name: FILES[name] for name in READ}


def test_a_folder_in_the_way_is_left_alone(hub: FakeHub, tmp_path: Path) -> None:
    hub.put("ann/web", FILES)
    dataset = list_dataset("ann/web")
    partial = tmp_path / "web.partial"
    partial.mkdir()
    (partial / "mine.txt").write_text("mine")
    with pytest.raises(IntakeError, match="in the way"):
        pull_dataset(dataset, tmp_path / "web")
    (partial / MARK).write_text('{"dataset": "ann/other"}')
    with pytest.raises(IntakeError, match="another dataset or revision"):
        pull_dataset(dataset, tmp_path / "web")
    assert (partial / "mine.txt").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(IntakeError, match="cannot be written"):
        pull_dataset(dataset, tmp_path / "file" / "web")


def test_damaged_bytes_are_asked_for_again_and_then_told(hub: FakeHub, tmp_path: Path) -> None:
    hub.put("ann/web", FILES)
    dataset = list_dataset("ann/web")
    hub.fail(r"GET .*a.png", "damage", times=1)
    pull_dataset(dataset, tmp_path / "once")
    assert files_below(tmp_path / "once")["train/a.png"] == png(1)
    hub.fail(r"GET .*a.txt", "damage")
    with pytest.raises(IntakeError, match="a.txt of ann/web arrives damaged"):
        pull_dataset(dataset, tmp_path / "twice")
    assert not (tmp_path / "twice").exists()


def test_a_revision_and_a_folder(hub: FakeHub, tmp_path: Path) -> None:
    made = hub.put("ann/web", FILES)
    made.commits.append({"train/a.png": png(9)})
    old, new = list_dataset("ann/web", revision=made.sha(0)), list_dataset("ann/web")
    assert (len(old.files), len(new.files)) == (3, 1)
    with pytest.raises(IntakeError, match="no such revision"):
        list_dataset("ann/web", revision="v9")
    below = list_dataset("ann/web", revision=made.sha(0), below="train")
    assert [file.path for file in below.files] == ["train/a.png", "train/a.txt"]
    one = list_dataset("ann/web", below="train/a.png")
    assert [file.path for file in one.files] == ["train/a.png"]
    with pytest.raises(IntakeError, match="no file or folder tain"):
        list_dataset("ann/web", below="tain")


def test_hostile_paths_are_left_out(hub: FakeHub, tmp_path: Path) -> None:
    bad = ["../x.png", "/etc/y.png", "a/../z.png", "b\\c.png", "n\0.png", "m" * 300 + ".png"]
    hub.put("ann/web", dict.fromkeys(["ok.png", *bad], png(3)))
    dataset = list_dataset("ann/web")
    assert [file.path for file in dataset.files] == ["ok.png"]
    assert set(dataset.left_out) == set(bad) and "\0" not in dataset.told_left_out()
    pull_dataset(dataset, tmp_path / "deep" / "web")
    assert files_below(tmp_path) == {"deep/web/ok.png": png(3)}


def test_bounds(hub: FakeHub) -> None:
    hub.put("ann/web", FILES)
    with pytest.raises(IntakeError, match="more than 3 files: name a folder"):
        list_dataset("ann/web", limits=Limits(members=3))
    total = list_dataset("ann/web").bytes
    assert list_dataset("ann/web", most_bytes=total)
    with pytest.raises(IntakeError, match="3 files, and at most .* --limit"):
        list_dataset("ann/web", most_bytes=total - 1)


def test_nothing_to_read(hub: FakeHub) -> None:
    hub.put("ann/model", {"weights.bin": b"", "README.md": b""})
    with pytest.raises(IntakeError, match="left out: 1 file that no import reads: weights.bin"):
        list_dataset("ann/model", companions=True)
    hub.put("ann/empty", {".gitattributes": b""})
    with pytest.raises(IntakeError, match="nothing, as it is empty"):
        list_dataset("ann/empty")


PUBLIC, PRIVATE = "ann/web", "ann/private"
REFUSALS: list[tuple[str, str, dict[str, Any], str]] = [
    ("nowhere", "ann/none", {}, "no dataset ann/none"),
    ("private, without a token", PRIVATE, {"token": None}, "private and your token may not"),
    ("a wrong token", PUBLIC, {"token": "hf_wr0ng"}, "does not take the token"),
    ("no permission", PUBLIC, {"status": 403}, "may not do this"),
    ("too many requests", PUBLIC, {"status": 429}, "asks to wait"),
    ("out of order", PUBLIC, {"status": 503}, "problem of its own"),
    ("another refusal", PUBLIC, {"status": 418}, "refuses this for ann/web (418)"),
    ("a cut connection", PUBLIC, {"status": "cut"}, "cannot be reached"),
    ("offline", PUBLIC, {"offline": True}, "HF_HUB_OFFLINE"),
]


@pytest.mark.parametrize(
    ("name", "settings", "said"), [one[1:] for one in REFUSALS], ids=[one[0] for one in REFUSALS]
)
def test_refusals_are_one_sentence_without_the_token(
    hub: FakeHub,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    settings: dict[str, Any],
    said: str,
) -> None:
    hub.put(PUBLIC, FILES)
    hub.put(PRIVATE, FILES, private=True)
    if "token" in settings:
        monkeypatch.setenv("HF_TOKEN", settings["token"] or "")
    if "status" in settings:
        hub.fail("GET", settings["status"])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", "offline" in settings)
    for call in (lambda: list_dataset(name), lambda: read(f"hf://datasets/{name}", storages=S)):
        with pytest.raises(IntakeError) as caught:
            call()
        assert said in str(caught.value) and "\n" not in str(caught.value)
        assert "hf_" not in str(caught.value).replace("`hf auth", "")
    assert (*capfd.readouterr(), hub.logged) == ("", "", []), "the client says nothing of its own"


def test_a_private_dataset_is_given_to_its_owner(hub: FakeHub) -> None:
    hub.put(PRIVATE, FILES, private=True)
    assert len(list_dataset(PRIVATE).files) == 3


def test_a_rate_limit_that_passes_is_waited_for(hub: FakeHub, tmp_path: Path) -> None:
    hub.put("ann/web", FILES)
    hub.fail("resolve", 429, times=2)
    hub.fail("tree", 429, times=1)
    pull_dataset(list_dataset("ann/web"), tmp_path / "web")
    assert len(files_below(tmp_path / "web")) == 3
    assert hub.logged == [], "the client would tell of each try"


def test_an_address_on_the_hub_is_read(hub: FakeHub) -> None:
    made = hub.put("ann/web", FILES)
    found = list(read("hf://datasets/ann/web", storages=S))
    got = {one.name: one.texts for one in found if isinstance(one, WebImage)}
    assert got == {"test/B.PNG": (), "train/a.png": ("a red bird",)}
    (unused,) = [one for one in found if isinstance(one, Unused)]
    assert (unused.kind, unused.count) == ("file", 4) and "loader.py" in unused.advice
    hub.requests.clear()
    assert len(images(read(f"hf://datasets/ann/web@{made.sha()}/train", storages=S))) == 1
    assert hub.asked("GET .*resolve") == 0, "what is in the cache is not fetched again"
    assert [one.name for one in images(read("hf://datasets/ann/web/test/B.PNG", storages=S))] == [
        "B.PNG"
    ]


def test_addresses_on_the_hub_that_are_no_dataset(hub: FakeHub, tmp_path: Path) -> None:
    for address in ("hf://ann/web", "hf://datasets/ann", "hf://models/ann/web"):
        with pytest.raises(IntakeError, match="hf://datasets/OWNER/NAME"):
            read(address, storages=S)
    (tmp_path / "a.png").write_bytes(png(1))
    hub.put("ann/web", FILES)
    hub.fail("GET .*resolve", 404)
    found = list(read([tmp_path / "a.png", "hf://datasets/ann/web"], storages=S))
    assert [one.name for one in found if isinstance(one, WebImage)] == ["a.png"]
    assert [one.name for one in found if isinstance(one, Problem)] == ["ann/web"]


def test_the_same_file_is_fetched_once(hub: FakeHub) -> None:
    hub.put("ann/web", FILES)
    dataset = list_dataset("ann/web")
    first, second = fetch_dataset(dataset), fetch_dataset(dataset)
    assert first == second and hub.asked(r"GET .*resolve") == 3
    assert str(first).startswith(constants.HF_HUB_CACHE)
