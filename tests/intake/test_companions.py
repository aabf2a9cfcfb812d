"""Files that say nothing about single images, known by what is in them, not by their names."""

import json

import pytest

from blip2core.intake import NamedFile, read
from blip2core.records import Problem, Told, Unused, WebImage
from tests.intake.making import png, reasons, tarred, texts, zipped

ROWS = json.dumps([{"image": "1.png", "caption": "a dog"}]).encode()
MANIFEST = {"tool": "blip2-studio 1.0", "content_sha256": "ab", "counts": {}}
STATS = {"count": 5, "successes": 2, "failed_to_download": 3, "status_dict": {}}


def of(files: dict[str, bytes], kind: str = "zip") -> list[WebImage | Told]:
    if kind == "files":
        return list(read([NamedFile(*file) for file in files.items()]))
    data = zipped(files) if kind == "zip" else tarred(files.items())
    return list(read(NamedFile(f"a.{kind}", data)))


@pytest.mark.parametrize("kind", ["zip", "tar", "files"])
@pytest.mark.parametrize(
    "name", ["manifest.json", "my_stats.json", "dataset_info.json", "state.json", "license.json"]
)
def test_annotations_are_read_whatever_their_file_is_called(name: str, kind: str) -> None:
    assert texts(of({"1.png": png(), name: ROWS}, kind)) == {"1.png": ("a dog",)}


@pytest.mark.parametrize("name", ["manifest.json", "my_stats.json", "odd.json"])
def test_json_of_another_program_is_told(name: str) -> None:
    found = of({"1.png": png(), name: b'{"version": 1}'})
    assert "JSON of no known format" in reasons(found)[name]


def test_what_exports_write_about_themselves_is_no_matter() -> None:
    files = {
        "v1/1.png": png(),
        "v1/manifest.json": json.dumps(MANIFEST).encode(),
        "v1/README.md": b"# Card",
        "v1/SHA256SUMS": b"00",
        "v1/left_out.jsonl": b'{"caption_id": 3, "reason": "contains <image>"}\n',
        "00000_stats.json": json.dumps(STATS).encode(),
        "d/dataset_info.json": b'{"features": {}}',
        "d/state.json": b"{",
    }
    assert [type(one) for one in of(files)] == [WebImage]
    files.pop("v1/manifest.json")
    told = [one.name for one in of(files) if not isinstance(one, WebImage)]
    assert told == ["v1/README.md", "v1/SHA256SUMS"]


def test_a_table_that_is_only_called_as_one_of_ours_is_read() -> None:
    table = b'{"file_name": "1.png", "text": "a dog"}\n'
    assert texts(of({"1.png": png(), "left_out.jsonl": table})) == {"1.png": ("a dog",)}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_what_systems_put_beside_files_is_no_matter(kind: str) -> None:
    files = {"1.png": png(), "__MACOSX/._1.png": b"\0\5\x16\7", "sub/__MACOSX/x.png": b"\0\5"}
    files |= {".DS_Store": b"\0\0\0\1Bud1"}
    files |= {"a/Thumbs.db": b"\xd0\xcf", "._1.csv": b"\0\5\x16\7", "a/x.lock": b"", "empty": b""}
    found = of(files, kind)
    assert [one.name for one in found] == ["1.png", "empty"]
    assert isinstance(found[1], Unused)
    assert found[1].advice == "this file was not read: it is empty"


def test_files_of_other_kinds_are_counted_by_their_endings() -> None:
    files = {f"{name}.md": b"# Words" for name in "abcde"} | {"x.yaml": b"a: 1", "y.svg": b"<svg/>"}
    found = of({"1.png": png()} | files | {"LICENSE": b"MIT"})
    told = {one.name: (one.count, one.advice) for one in found if isinstance(one, Unused)}
    assert not any(isinstance(one, Problem) for one in found)
    assert {name: count for name, (count, _) in told.items()} == {
        "a.md": 5,
        "x.yaml": 1,
        "y.svg": 1,
        "LICENSE": 1,
    }
    assert told["a.md"][1].startswith("this and 4 more .md were not read (b.md, c.md): neither")
    assert "about the data" in told["LICENSE"][1]


def test_lists_of_names_are_no_texts() -> None:
    files = {
        "a.png": png(),
        "Flickr_8k.trainImages.txt": b"1.jpg\n2.jpg\n",
        "ExpertAnnotations.txt": b"1.jpg\t2.jpg#2\t1\t1\t2.5\n",
        "readme.txt": b"Where it comes from.",
        "words.txt": b"1.jpg shows a dog",
        "numbers.txt": b"1 2 3",
    }
    found = of(files)
    assert {one.name for one in found if isinstance(one, Unused)} == {
        "Flickr_8k.trainImages.txt",
        "readme.txt",
    }
    assert sum(one.count for one in found if isinstance(one, Unused)) == 3
    assert set(reasons(found)) == {"words.txt", "numbers.txt"}
    assert sum(one.texts for one in found if isinstance(one, Problem)) == 2


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"images": [{"id": 1}], "annotations": [{"id": 1, "bbox": [0, 0, 1, 1]}]}, "boxes"),
        ([{"image_id": 1, "segmentation": []}], "boxes"),
        (["yes", "no", "2"], "list of words"),
    ],
)
def test_json_without_texts_about_images_is_named(document: object, what: str) -> None:
    found = of({"1.png": png(), "x.json": json.dumps(document).encode()})
    [unused] = [one for one in found if isinstance(one, Unused)]
    assert unused.name == "x.json" and what in unused.advice
    assert not any(isinstance(one, Problem) for one in found)


def test_json_without_texts_about_images_is_named_where_it_is_all_there_is() -> None:
    boxes = b'{"images": [], "annotations": [{"bbox": [0, 0, 1, 1]}]}'
    told = reasons(read(NamedFile("instances.json", boxes)))
    assert told == {
        "instances.json": "instances.json has no texts about images: it has boxes or outlines of "
        "objects, and no captions."
    }


def test_rows_with_boxes_and_texts_are_read() -> None:
    rows = b'[{"file_name": "1.png", "text": "the left dog", "bbox": [0, 0, 1, 1]}]'
    assert texts(of({"1.png": png(), "refs.json": rows})) == {"1.png": ("the left dog",)}
