"""What img2dataset writes, in its formats files, webdataset and parquet, is read without noise."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from blip2core.intake import Downloads, Limits, NamedFile, read
from blip2core.records import Problem, WebImage
from tests.intake.making import images, png, reasons, tarred

STATUSES = ["success", "failed_to_download", "success", "failed_to_resize", "failed_to_download"]
MESSAGES = [None, "HTTP Error 404: Not Found", None, "image too small", "HTTP Error 404: Not Found"]
SUCCESSES = [0, 2]
EXPECTED = {f"https://example.com/{number}": (f"text {number}",) for number in SUCCESSES}
TOLD = (
    "3 rows have no image, since img2dataset could not fetch it: 2 x failed_to_download, "
    "1 x failed_to_resize (2 x HTTP Error 404: Not Found, 1 x image too small)."
)


def rows(shard: int = 0) -> Iterator[dict[str, Any]]:
    """What img2dataset knows of each address of a shard."""
    for number, (status, message) in enumerate(zip(STATUSES, MESSAGES, strict=True)):
        done = status == "success"
        yield {
            "url": f"https://example.com/{number}",
            "caption": f"text {number}",
            "key": f"{shard:05}{number:04}",
            "status": status,
            "error_message": message,
            "width": 4 if done else None,
            "height": 3 if done else None,
            "exif": "{}" if done else None,
            "sha256": "0" * 64 if done else None,
        }


def samples(shard: int = 0) -> dict[str, bytes]:
    """The files of the images that it could fetch."""
    files = {}
    for number, row in enumerate(rows(shard)):
        if row["status"] == "success":
            files[f"{row['key']}.jpg"] = png(number)
            files[f"{row['key']}.txt"] = row["caption"].encode()
            files[f"{row['key']}.json"] = json.dumps(row).encode()
    return files


def parquet(listed: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(listed), file)
    return file.getvalue()


STATS = b'{"count": 5, "successes": 2, "failed_to_download": 2, "status_dict": {"success": 2}}'


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def beside(shard: int = 0) -> dict[str, bytes]:
    index = parquet(list(rows(shard)))
    name = f"{shard:05}"
    return {f"{name}.parquet": index, f"{name}_stats.json": STATS}


def check(found: list[WebImage | Problem], tables: list[str]) -> None:
    read = [one for one in found if isinstance(one, WebImage)]
    assert {one.url: one.texts for one in read} == EXPECTED
    assert reasons(found) == dict.fromkeys(tables, TOLD)


def test_folders_of_files(tmp_path: Path) -> None:
    files = {f"00000/{name}": data for name, data in samples().items()}
    check(list(read(write(tmp_path, files | beside()))), ["00000.parquet"])


def test_folders_of_images_alone_have_the_texts_of_their_table(tmp_path: Path) -> None:
    files = {f"00000/{name}": data for name, data in samples().items() if name.endswith(".jpg")}
    check(list(read(write(tmp_path, files | beside()))), ["00000.parquet"])


def test_shards_of_webdataset(tmp_path: Path) -> None:
    files = {"00000.tar": tarred(samples().items())}
    check(list(read(write(tmp_path, files | beside()))), ["00000.parquet"])


def test_shards_of_webdataset_that_were_picked_one_by_one() -> None:
    files = {"00000.tar": tarred(samples().items())} | beside()
    check(list(read([NamedFile(*file) for file in files.items()])), ["00000.parquet"])


def test_tables_of_images(tmp_path: Path) -> None:
    listed = [
        {**row, "jpg": png(number) if row["status"] == "success" else None}
        for number, row in enumerate(rows())
    ]
    files = {"00000.parquet": parquet(listed), "00000_stats.json": STATS}
    check(list(read(write(tmp_path, files))), ["00000.parquet"])
    check(list(read(tmp_path / "00000.parquet")), ["00000.parquet"])


def test_each_shard_is_told_by_itself(tmp_path: Path) -> None:
    for shard in range(3):
        files = {f"{shard:05}/{name}": data for name, data in samples(shard).items()}
        write(tmp_path, files | beside(shard))
    found = list(read(tmp_path))
    assert reasons(found) == {f"{shard:05}.parquet": TOLD for shard in range(3)}
    assert len(found) == 9


def test_images_that_are_no_longer_there_are_counted(tmp_path: Path) -> None:
    files = {f"00000/{name}": data for name, data in samples().items() if "0000.j" not in name}
    found = list(read(write(tmp_path, files | beside())))
    told = [one.reason for one in found if isinstance(one, Problem)]
    assert told[0] == TOLD
    assert told[1].startswith("1 row has no image in the folder 00000, the first 000000000;")
    assert len([one for one in found if isinstance(one, WebImage)]) == 1


def test_a_shard_of_failures_alone_is_one_line(tmp_path: Path) -> None:
    failed = [row for row in rows() if row["status"] != "success"]
    write(tmp_path, beside() | {"00000.parquet": parquet(failed)})
    assert reasons(read(tmp_path)) == {"00000.parquet": TOLD}


def test_a_table_of_addresses_alone_is_fetched_also_where_a_fetch_failed_once(
    tmp_path: Path,
) -> None:
    write(tmp_path, {"list.parquet": parquet(list(rows()))})
    told = reasons(read(tmp_path))
    assert len(told) == 5 and all("Downloads are off" in reason for reason in told.values())


def test_missing_images_are_fetched_where_downloads_are_on(tmp_path: Path) -> None:
    def nowhere(host: str) -> Any:
        raise OSError

    write(tmp_path, beside())
    found = list(read(tmp_path, download=Downloads(resolve=nowhere)))
    assert next(iter(reasons(found))) == "00000.parquet" and len(found) == 1 + len(SUCCESSES)


def test_a_table_beside_an_archive_of_its_name_is_no_index_of_img2dataset(tmp_path: Path) -> None:
    table = parquet([{"file_name": "in/1.png", "text": "one"}])
    write(tmp_path, {"a.tar": tarred([("in/1.png", png(1))]), "a.parquet": table})
    write(tmp_path, {"b.tar": tarred([("2.png", png(2))]), "b.csv": b"file_name,text\n2.png,two\n"})
    found = {one.name: one.texts for one in images(read(tmp_path))}
    assert found == {"in/1.png": ("one",), "2.png": ("two",)}


@pytest.mark.parametrize("count", [1, 2_500])
def test_what_servers_answered_is_counted_in_bounded_memory(tmp_path: Path, count: int) -> None:
    listed = [
        {"key": f"{n}", "url": "u", "status": "failed_to_x", "error_message": f"{n}\u202e" * 99}
        for n in range(count)
    ]
    write(tmp_path, {"a.parquet": parquet(listed), "a_stats.json": STATS})
    [reason] = reasons(read(tmp_path, limits=Limits(rows=5_000))).values()
    assert reason.startswith("1 row has" if count == 1 else "2,500 rows have")
    assert len(reason) < 500 and "\u202e" not in reason


@pytest.mark.parametrize("layout", ["tar", "folder", "several files"])
def test_the_texts_of_failed_rows_are_counted_in_every_layout(tmp_path: Path, layout: str) -> None:
    if layout == "folder":
        files = {f"00000/{name}": data for name, data in samples().items()}
    else:
        files = {"00000.tar": tarred(list(samples().items()))}
    write(tmp_path, files | beside())
    names = ["00000.parquet", "00000.tar"] if layout == "several files" else [""]
    sources = [tmp_path / name for name in names]
    (told,) = (one for one in read(sources) if isinstance(one, Problem))
    assert (told.about, told.count, told.texts) == ("image", 3, 3)
