"""Datasets of the Hugging Face Hub: the files that an import reads, listed and brought here."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blip2core.disk import sync_name
from blip2core.errors import IntakeError, os_problem
from blip2core.file_names import HIDDEN, base_name, inner_path, safe_name, suffix
from blip2core.formats import label_studio
from blip2core.intake.archive_reader import KNOWN_SUFFIXES
from blip2core.intake.limits import Limits
from blip2core.remote.hub import HubFile, asking_hub, check_dataset_name, hub_client, hub_files
from blip2core.remote.transfers import ShowTransfer, Transfer, megabytes, show_nothing
from blip2core.texts import count_of

READ = KNOWN_SUFFIXES - {".7z", ".rar"}
"""Endings of files that an import reads."""
COMPANIONS = frozenset(
    {
        *("README.md", "LICENSE", "LICENSE.txt", "LICENSE.md", "SHA256SUMS"),
        label_studio.INTERFACE_NAME,
    }
)
"""Files that a dataset brings along for people, and to check it: pulled, though not imported."""
MOST_BYTES = 10_000_000_000
"""What is fetched of a dataset unless more is allowed."""
LONGEST_PART = 255
"""Bytes of the name of one file or folder."""
WORKERS = 8
MARK = ".pull.json"
"""In a folder that is being pulled: of which dataset and commit it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubDataset:
    """A dataset at one commit, as the Hub lists it."""

    name: str
    """OWNER/NAME."""
    commit: str
    """40 hex digits."""
    files: tuple[HubFile, ...]
    """Those that are fetched, in the order of their paths."""
    left_out: tuple[str, ...]
    """Paths of the others, but for hidden files, which no import reads. Hostile text."""

    @property
    def bytes(self) -> int:
        """Return how much the files hold, all together."""
        return sum(file.size for file in self.files)

    def told_left_out(self) -> str:
        """Return which files are left out, by number and three examples; empty for none."""
        if not self.left_out:
            return ""
        examples = ", ".join(safe_name(path) for path in self.left_out[:3])
        more = ", ..." if len(self.left_out) > 3 else ""
        number = count_of(len(self.left_out), "file")
        return f"{number} that no import reads: {examples}{more}"


def list_dataset(
    name: str,
    *,
    revision: str | None = None,
    below: str = "",
    limits: Limits | None = None,
    companions: bool = False,
    most_bytes: int = MOST_BYTES,
) -> HubDataset:
    """Return what an import would read of a dataset; nothing of it is fetched.

    Args:
        name: OWNER/NAME.
        revision: A branch, a tag or a commit; else the main branch.
        below: A folder of the dataset, or one file; empty for all of it.
        limits: How many files are looked at, and how deep they may lie.
        companions: Whether its card, licence and SHA256SUMS come along.
        most_bytes: The most that may be fetched.

    Raises:
        IntakeError: The Hub cannot be asked or does not give it, nothing in it can be read, or it
            is larger than allowed.
    """
    check_dataset_name(name, IntakeError)
    limits = limits or Limits()
    files: list[HubFile] = []
    left_out: list[str] = []
    with asking_hub(name, IntakeError):
        client = hub_client()
        commit = client.dataset_info(name, revision=revision).sha
        for count, file in enumerate(_below(client, name, commit, below)):
            if count == limits.members:
                raise IntakeError(
                    f"{name} has more than {limits.members:,} files: name a folder of it, as "
                    f"hf://datasets/{name}/folder."
                )
            if any(HIDDEN.match(part) for part in file.path.split("/")):
                continue
            is_companion = companions and file.path in COMPANIONS
            if is_companion or (suffix(file.path) in READ and _can_be_kept(file.path, limits)):
                files.append(file)
            else:
                left_out.append(file.path)
    found = HubDataset(
        name=name,
        commit=commit,
        files=tuple(sorted(files, key=lambda file: file.path)),
        left_out=tuple(sorted(left_out)),
    )
    _refuse(found, most_bytes)
    return found


def _refuse(found: HubDataset, most_bytes: int) -> None:
    """Raise IntakeError where nothing of a dataset can be read, or it is larger than allowed."""
    name, files = found.name, found.files
    if not any(suffix(file.path) in READ for file in files):
        raise IntakeError(
            f"{name} has no images, tables, archives or texts that an import reads; left out: "
            f"{found.told_left_out() or 'nothing, as it is empty'}."
        )
    if found.bytes > most_bytes:
        raise IntakeError(
            f"{name} has {megabytes(found.bytes)} in {count_of(len(files), 'file')}, and at most "
            f"{megabytes(most_bytes)} are fetched: allow more with `blip2 hub pull --limit`, or "
            "name a folder of it."
        )


def fetch_dataset(
    dataset: HubDataset, into: Path | None = None, *, show: ShowTransfer = show_nothing
) -> Path:
    """Fetch the files of a dataset, and check the bytes of each -> the folder that has them.

    That is `into`, or else the snapshot in the Hub's own cache. What is there already is not
    fetched again. Raises IntakeError where the Hub does not give a file.
    """
    files, done, arrived = dataset.files, 0, 0
    with asking_hub(dataset.name, IntakeError):
        pool = ThreadPoolExecutor(WORKERS)
        stop = threading.Event()
        try:
            tasks = {pool.submit(_fetch, dataset, file, into, stop): file for file in files}
            for task in as_completed(tasks):
                path = task.result()
                done, arrived = done + 1, arrived + tasks[task].size
                show(
                    Transfer(
                        files=done, all_files=len(files), bytes=arrived, all_bytes=dataset.bytes
                    )
                )
                root = path.parents[tasks[task].path.count("/")]
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    return root if into is None else into


def pull_dataset(dataset: HubDataset, out: Path, *, show: ShowTransfer = show_nothing) -> Path:
    """Fetch a dataset as the new folder `out`, which is called `NAME.partial` until it is complete.

    What an earlier call left there of the same commit is not fetched again. Raises IntakeError
    where `out` is taken, something else lies there, or the Hub does not give a file.
    """
    partial = out.with_name(f"{out.name}.partial")
    if out.exists():
        raise IntakeError(f"{out} exists already: name a new folder.")
    mark = {"dataset": dataset.name, "commit": dataset.commit}
    try:
        _begin(partial, mark)
        fetch_dataset(dataset, partial, show=show)
        shutil.rmtree(partial / ".cache", ignore_errors=True)  # of the Hub's client
        (partial / MARK).unlink()
        partial.rename(out)
        sync_name(out)
    except OSError as error:
        raise IntakeError(f"{out} cannot be written: {os_problem(error)}.") from error
    return out


def _begin(partial: Path, mark: dict[str, str]) -> None:
    """Make the folder of a pull, or find it as an earlier call left it."""
    content = json.dumps(mark)
    if not partial.exists():
        partial.mkdir(parents=True)
    elif not (partial / MARK).is_file() and any(partial.iterdir()):
        raise IntakeError(f"{partial} is in the way and is no pull that ended: move it elsewhere.")
    elif (partial / MARK).is_file() and (partial / MARK).read_bytes() != content.encode():
        raise IntakeError(
            f"{partial} has part of another dataset or revision: delete it, or name another folder."
        )
    (partial / MARK).write_text(content, encoding="utf-8")


def _below(client: Any, name: str, commit: str, below: str) -> Iterator[HubFile]:
    """Yield the files of a dataset, of a folder of it, or the file itself."""
    entries: Callable[..., Any] = client.list_repo_tree
    if below:
        found = client.get_paths_info(name, [below], revision=commit, repo_type="dataset")
        if not found:
            raise IntakeError(f"{name} has no file or folder {safe_name(below)}.")
        if named := list(hub_files(found)):
            yield from named
            return
    yield from hub_files(
        entries(name, below or None, recursive=True, revision=commit, repo_type="dataset")
    )


def _can_be_kept(path: str, limits: Limits) -> bool:
    """Return whether a file can be written under its own name inside a folder."""
    try:
        is_plain = inner_path(path, depth=limits.depth) == path and "\\" not in path
        return is_plain and all(len(part.encode()) <= LONGEST_PART for part in path.split("/"))
    except (IntakeError, UnicodeEncodeError):
        return False


def _fetch(dataset: HubDataset, file: HubFile, into: Path | None, stop: threading.Event) -> Path:
    """Fetch a file, once more where its bytes are not those that the Hub told."""
    from huggingface_hub import hf_hub_download

    for again in (False, True):
        if stop.is_set():
            break
        path = Path(
            hf_hub_download(
                dataset.name,
                file.path,
                repo_type="dataset",
                revision=dataset.commit,
                local_dir=into,
                force_download=again,
                library_name="blip2-studio",
            )
        )
        if file.is_same(path):
            return path
    raise IntakeError(
        f"{safe_name(base_name(file.path))} of {dataset.name} arrives damaged: do the same again."
    )
