"""A finished export, sent to the Hugging Face Hub as a dataset; the manifest comes last."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blip2core.errors import ExportError
from blip2core.exports.finished import CARD, ExportedFile, finished_export
from blip2core.remote.addresses import shown_address
from blip2core.remote.hub import (
    LOG_IN,
    HubFile,
    asking_hub,
    check_dataset_name,
    hub_client,
    hub_files,
)
from blip2core.remote.transfers import ShowTransfer, Transfer, show_nothing
from blip2core.texts import visible

FILES_PER_COMMIT = 1_000
"""The Hub takes only so many commits in an hour."""
BYTES_PER_COMMIT = 5_000_000_000
FILES_TOGETHER = 50
"""Files that are sent before the progress is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What became of a push."""

    address: str
    """Of the page of the dataset."""
    sent: int
    """Files that were sent now; the others were there."""


def card_of(files: list[ExportedFile]) -> str:
    """Return the card that the Hub will show; empty where the export has none."""
    found = next((file.path for file in files if file.name == CARD), None)
    return "" if found is None else found.read_text("utf-8", errors="replace")


def check_push(name: str) -> None:
    """Raise ExportError where a push would fail for its name, or for want of a token. Nothing is
    asked of the Hub.
    """
    from huggingface_hub import constants, get_token

    check_dataset_name(name, ExportError)
    if constants.HF_HUB_OFFLINE:
        raise ExportError("HF_HUB_OFFLINE forbids it to ask the Hub: unset it, and push again.")
    with asking_hub(name, ExportError):
        if not get_token():
            raise ExportError(f"There is no token for the Hub: {LOG_IN}.")


def push_export(
    folder: Path, name: str, *, private: bool = False, show: ShowTransfer = show_nothing
) -> Pushed:
    """Send a finished export to the Hub as the dataset `name`, OWNER/NAME.

    The same call goes on with a push that broke off: until the manifest is there the dataset is not
    complete. What has arrived is not sent again.

    Raises:
        ExportError: The folder is no finished export; there is no token, or the Hub refuses it;
            the dataset has other files, or is public and `private` was asked for; the connection
            broke.
    """
    check_push(name)
    files = finished_export(folder)
    with asking_hub(name, ExportError):
        client = hub_client()
        there = _files_there(client, name, private=private)
        if there is None:
            client.create_repo(name, repo_type="dataset", private=private or None)
            there = {}
        _refuse_others(name, files, there)
        missing = [file for file in files if file.name not in there]
        if missing:
            _send(client, name, files, missing, show)
    page = f"{shown_address(client.endpoint)}/datasets/{name}"
    return Pushed(address=page, sent=len(missing))


def _files_there(client: Any, name: str, *, private: bool) -> dict[str, HubFile] | None:
    """Return the files of a dataset, the hidden ones left out; None where there is none."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        about = client.dataset_info(name)
    except RepositoryNotFoundError:
        return None
    if private and not about.private:
        raise ExportError(
            f"{name} is on the Hub already, and public: make it private there, or choose another "
            "name."
        )
    listed = hub_files(client.list_repo_tree(name, recursive=True, repo_type="dataset"))
    return {file.path: file for file in listed if not file.path.startswith(".")}


def _refuse_others(name: str, files: list[ExportedFile], there: Mapping[str, HubFile]) -> None:
    """Raise ExportError where a dataset has a file that is not this export's."""
    ours = {file.name: file for file in files}
    for path, file in there.items():
        if path not in ours or not _is_same(ours[path], file):
            raise ExportError(
                f"{name} is on the Hub already, with another {visible(path)}: choose another name, "
                "or delete it there. Nothing was changed."
            )


def _is_there(ours: ExportedFile, there: Mapping[str, HubFile]) -> bool:
    return ours.name in there and _is_same(ours, there[ours.name])


def _is_same(ours: ExportedFile, theirs: HubFile) -> bool:
    if len(theirs.digest) == 64:
        return ours.sha256 == theirs.digest and ours.size == theirs.size
    return theirs.is_same(ours.path)


def _send(
    client: Any,
    name: str,
    files: list[ExportedFile],
    missing: list[ExportedFile],
    show: ShowTransfer,
) -> None:
    """Send files in some commits, look whether all are there, then send the manifest."""
    *others, manifest = missing
    if manifest is not files[-1]:
        raise ExportError(
            f"{name} has the manifest and not all files: delete the dataset on the Hub, and push "
            "again."
        )
    all_bytes, done, arrived = sum(file.size for file in missing), 0, 0
    for batch in (*_batches(others), [manifest]):
        if batch == [manifest]:
            there = _files_there(client, name, private=False) or {}
            if lost := next((file for file in files[:-1] if not _is_there(file, there)), None):
                raise ExportError(f"The Hub has not kept {visible(lost.name)}: push again.")
        additions = [_addition(file) for file in batch]
        for start in range(0, len(batch), FILES_TOGETHER):
            some = slice(start, start + FILES_TOGETHER)
            client.preupload_lfs_files(
                name, additions[some], repo_type="dataset", free_memory=False
            )
            if some.stop < len(batch):
                told = sum(file.size for file in batch[: some.stop])
                show(_transfer(done + some.stop, len(missing), arrived + told, all_bytes))
        client.create_commit(
            name,
            additions,
            commit_message="Complete the dataset" if batch == [manifest] else "Add files",
            repo_type="dataset",
        )
        done, arrived = done + len(batch), arrived + sum(file.size for file in batch)
        show(_transfer(done, len(missing), arrived, all_bytes))


def _transfer(files: int, all_files: int, bytes_: int, all_bytes: int) -> Transfer:
    return Transfer(files=files, all_files=all_files, bytes=bytes_, all_bytes=all_bytes)


def _addition(file: ExportedFile) -> Any:
    """Return a file as it is sent. Raises ExportError where it is no longer what was checked."""
    from huggingface_hub import CommitOperationAdd

    added = CommitOperationAdd(path_in_repo=file.name, path_or_fileobj=str(file.path))
    if added.upload_info.sha256.hex() != file.sha256:  # which is read of the file now
        raise ExportError(
            f"{visible(file.name)} was changed during the push: export again, and push that."
        )
    return added


def _batches(files: list[ExportedFile]) -> Iterator[list[ExportedFile]]:
    """Yield files in the portions that are committed together."""
    batch: list[ExportedFile] = []
    size = 0
    for file in files:
        if batch and (len(batch) == FILES_PER_COMMIT or size + file.size > BYTES_PER_COMMIT):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch
