"""A finished export is pushed to the Hub whole, and comes back with the same bytes and texts."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from blip2core.errors import ExportError
from blip2core.exports import FORMATS, hub_push
from blip2core.exports.hub_push import push_export
from blip2core.intake import read
from blip2core.intake.hub_dataset import list_dataset, pull_dataset
from blip2core.remote.transfers import Transfer
from tests.exports.conftest import ANSWERS
from tests.exports.test_exports import contents
from tests.intake.making import texts
from tests.remote.fake_hub import TOKEN, FakeHub

NAME = "ann/web"
pytestmark = pytest.mark.filterwarnings(
    "ignore:Use 'content=<...>' to upload:DeprecationWarning"  # how the client sends large files
)


def shown_files(hub: FakeHub, name: str = NAME) -> dict[str, bytes]:
    files = hub.datasets[name].files
    return {path: data for path, data in files.items() if not path.startswith(".")}


@pytest.mark.parametrize("name", FORMATS)
def test_push_then_pull_gives_the_same_bytes_and_texts(
    name: str,
    hub: FakeHub,
    written: Callable[..., Any],
    make_pairs: Callable[..., Any],
    tmp_path: Path,
) -> None:
    out, _, _ = written(name, make_pairs(**ANSWERS))
    shown: list[Transfer] = []
    pushed = push_export(out, NAME, show=shown.append)
    assert pushed.address == f"{hub.endpoint}/datasets/{NAME}"
    assert shown_files(hub) == contents(out)
    assert pushed.sent == shown[-1].files == shown[-1].all_files == len(contents(out))
    assert not hub.datasets[NAME].private
    pull_dataset(list_dataset(NAME, companions=True), tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(out)
    if not FORMATS[name].one_way:
        assert texts(read(tmp_path / "pulled")) == texts(read(out)) != {}


def test_the_manifest_comes_last_and_alone(
    hub: FakeHub, written: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _, _ = written("imagefolder")
    monkeypatch.setattr(hub_push, "FILES_PER_COMMIT", 4)
    monkeypatch.setattr(hub_push, "FILES_TOGETHER", 3)
    push_export(out, NAME)
    commits = hub.datasets[NAME].commits
    new = [set(after) - set(before) for before, after in itertools.pairwise(commits)]
    assert new[-1] == {"manifest.json"}
    assert [len(names) for names in new[:-2]] == [4] * (len(new) - 2) and len(new) > 3


def test_a_push_that_broke_goes_on(
    hub: FakeHub, written: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _, _ = written("imagefolder")
    monkeypatch.setattr(hub_push, "FILES_PER_COMMIT", 5)
    commits: list[str] = []

    def cut_third(request: str) -> str | None:
        commits.extend([request] if "/commit/" in request else [])
        return "cut" if len(commits) >= 3 else None

    hub.faults.append(cut_third)
    with pytest.raises(ExportError, match="connection broke: do the same again") as caught:
        push_export(out, NAME)
    assert TOKEN not in str(caught.value)
    assert len(shown_files(hub)) == 10 and "manifest.json" not in shown_files(hub)
    hub.faults.clear()
    hub.requests.clear()
    pushed = push_export(out, NAME)
    assert pushed.sent == len(contents(out)) - 10
    assert shown_files(hub) == contents(out)
    assert hub.asked("PUT /large") <= pushed.sent, "what has arrived is not sent again"
    assert push_export(out, NAME).sent == 0, "and a third time nothing is"


def test_a_push_that_was_interrupted_goes_on(hub: FakeHub, written: Callable[..., Any]) -> None:
    out, _, _ = written("jsonl")

    def interrupt(_: Transfer) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push_export(out, NAME, show=interrupt)
    assert "manifest.json" not in shown_files(hub)
    push_export(out, NAME)
    assert shown_files(hub) == contents(out)


def test_a_dataset_with_other_files_is_left_alone(
    hub: FakeHub, written: Callable[..., Any]
) -> None:
    out, _, _ = written("jsonl")
    for files in ({"mine.txt": b"mine"}, {"README.md": b"# Mine"}):
        made = hub.put(NAME, files)
        with pytest.raises(ExportError, match="already, with another") as caught:
            push_export(out, NAME)
        assert next(iter(files)) in str(caught.value)
        assert made.commits == [files]
    hub.put(NAME, {"manifest.json": (out / "manifest.json").read_bytes()})
    with pytest.raises(ExportError, match="has the manifest and not all files"):
        push_export(out, NAME)


def test_a_file_that_the_hub_drops_is_noticed(hub: FakeHub, written: Callable[..., Any]) -> None:
    out, _, _ = written("jsonl")
    made = hub.put(NAME, {})

    class Dropping(list[dict[str, bytes]]):
        def append(self, files: dict[str, bytes]) -> None:
            super().append({path: data for path, data in files.items() if path != "README.md"})

    made.commits = Dropping(made.commits)
    with pytest.raises(ExportError, match="has not kept README.md"):
        push_export(out, NAME)
    assert "manifest.json" not in shown_files(hub)


def test_private(hub: FakeHub, written: Callable[..., Any]) -> None:
    out, _, _ = written("jsonl")
    push_export(out, NAME, private=True)
    assert hub.datasets[NAME].private
    assert push_export(out, NAME, private=True).sent == 0
    hub.datasets[NAME].private = False
    with pytest.raises(ExportError, match="already, and public"):
        push_export(out, NAME, private=True)


def test_what_is_not_finished_is_not_pushed(
    hub: FakeHub, written: Callable[..., Any], tmp_path: Path
) -> None:
    out, _, _ = written("jsonl")
    (out / "README.md").write_text("changed")
    with pytest.raises(ExportError, match="README.md is not as it was written"):
        push_export(out, NAME)
    with pytest.raises(ExportError, match="no finished export"):
        push_export(tmp_path, NAME)
    assert hub.requests == []


REFUSALS: list[tuple[str, str, dict[str, Any], str]] = [
    ("no token", NAME, {"token": ""}, "There is no token for the Hub: `hf auth login`"),
    ("a wrong token", NAME, {"token": "hf_wr0ng"}, "does not take the token"),
    ("no permission", "other/web", {}, "may not do this with other/web (403)"),
    ("a name that is none", "web", {}, "OWNER/NAME"),
    ("it is there, unseen", NAME, {"fault": ("repos/create", 409)}, "is there already"),
    ("too many requests", NAME, {"fault": ("/commit/", 429)}, "asks to wait (429)"),
    ("out of order", NAME, {"fault": ("preupload", 500)}, "problem of its own (500)"),
    ("large files are refused", NAME, {"fault": ("PUT /large", 403)}, "may not do this"),
    ("a cut connection", NAME, {"fault": ("PUT /large", "cut")}, "connection broke"),
    ("offline", NAME, {"offline": True}, "HF_HUB_OFFLINE"),
]


@pytest.mark.parametrize(
    ("name", "settings", "said"), [one[1:] for one in REFUSALS], ids=[one[0] for one in REFUSALS]
)
def test_refusals_are_one_sentence_without_the_token(
    hub: FakeHub,
    written: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    settings: dict[str, Any],
    said: str,
) -> None:
    out, _, _ = written("imagefolder")
    if "token" in settings:
        monkeypatch.setenv("HF_TOKEN", settings["token"])
    if "fault" in settings:
        hub.fail(*settings["fault"])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", "offline" in settings)
    with pytest.raises(ExportError) as caught:
        push_export(out, name)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value) and "wr0ng" not in str(caught.value)
    assert (*capfd.readouterr(), hub.logged) == ("", "", []), "the client says nothing of its own"
    assert all("manifest.json" not in made.files for made in hub.datasets.values())


def test_a_file_that_changes_during_the_push_is_not_sent(
    hub: FakeHub, written: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _, _ = written("jsonl")
    checked = hub_push.finished_export

    def then_changed(folder: Path) -> Any:
        files = checked(folder)
        (folder / "train.jsonl").write_bytes(b"other")
        return files

    monkeypatch.setattr(hub_push, "finished_export", then_changed)
    with pytest.raises(ExportError, match=r"train\.jsonl was changed during the push"):
        push_export(out, NAME)
    assert not shown_files(hub)


def test_a_file_that_the_hub_has_with_other_bytes_is_noticed(
    hub: FakeHub, written: Callable[..., Any]
) -> None:
    out, _, _ = written("jsonl")
    made = hub.put(NAME, {})

    class Spoiling(list[dict[str, bytes]]):
        def append(self, files: dict[str, bytes]) -> None:
            super().append({path: data + b"!" for path, data in files.items()})

    made.commits = Spoiling(made.commits)
    with pytest.raises(ExportError, match="has not kept"):
        push_export(out, NAME)
    assert "manifest.json" not in shown_files(hub)
