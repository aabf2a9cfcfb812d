"""read(): one call for whatever somebody has."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from blip2core.errors import IntakeError
from blip2core.intake import Columns, Limits, NamedFile, read
from blip2core.records import Unused, WebImage
from tests.intake.making import images, png, reasons, tarred, texts, zipped

WEB = Path(__file__).parents[2] / "data/samples/web"


@pytest.mark.parametrize("source", [WEB, WEB / "web.csv"], ids=["folder", "table"])
def test_the_sample_web_set(source: Path) -> None:
    found = images(read(source))
    assert [one.name for one in found] == [f"{number:03}.jpg" for number in range(1, 201)]
    assert found[0].texts == ("PixMart logo banner 5920",)
    assert found[0].data == (WEB / "001.jpg").read_bytes()
    assert {len(one.texts) for one in found} <= {0, 1}


def test_a_folder_with_side_files(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.jpg").write_bytes(png(1))
    (tmp_path / "a.txt").write_text("a red ball\na ball\n\na ball\n", "utf-8")
    (tmp_path / "deep/b.x.png").write_bytes(png(2))
    (tmp_path / "deep/b.x.caption").write_text("a hat", "utf-8")
    (tmp_path / "c.png").write_bytes(png(3))
    (tmp_path / "c.png.txt").write_text("", "utf-8")
    (tmp_path / ".hidden.png").write_bytes(png(4))
    (tmp_path / "README.md").write_text("not a text of an image", "utf-8")
    assert texts(read(tmp_path)) == {
        "a.jpg": ("a red ball", "a ball"),
        "c.png": (),
        "deep/b.x.png": ("a hat",),
    }


def test_an_image_is_told_from_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "noname").write_bytes(png())
    (tmp_path / "list.doc").write_bytes(b"\xd0\xcf\x11\xe0 something else")
    found = list(read(tmp_path))
    assert [one.name for one in found if isinstance(one, WebImage)] == ["noname"]
    [unused] = [one for one in found if isinstance(one, Unused)]
    assert unused.name == "list.doc" and "neither an image" in unused.advice


def test_a_table_in_a_folder_reaches_images_below_it(tmp_path: Path) -> None:
    (tmp_path / "train/img").mkdir(parents=True)
    (tmp_path / "train/img/1.png").write_bytes(png(1))
    (tmp_path / "train/2.png").write_bytes(png(2))
    (tmp_path / "train/metadata.jsonl").write_text(
        '{"file_name": "img/1.png", "captions": ["one", "uno"], "license": "CC0"}\n'
        '{"file_name": "2.png", "text": "two"}\n'
        '{"file_name": "3.png", "text": "three"}\n',
        "utf-8",
    )
    found = list(read(tmp_path))
    known = [one for one in found if isinstance(one, WebImage)]
    assert {one.name: one.texts for one in known} == {
        "train/img/1.png": ("one", "uno"),
        "train/2.png": ("two",),
    }
    assert {one.name: one.license for one in known}["train/img/1.png"] == "CC0"
    assert list(reasons(found)) == ["train/metadata.jsonl, row 3: train/3.png"]


def test_a_zip_with_its_table(tmp_path: Path) -> None:
    archive = tmp_path / "set.zip"
    members = {
        "set/pictures/1.jpg": png(1),
        "set/pictures/2.jpg": png(2),
        "set/pictures/2.txt": b"from the side",
        "set/web.csv": b"image;alt\npictures/1.jpg;one\n2.jpg;from the table\n",
        "__MACOSX/set/pictures/._1.jpg": b"\0",
    }
    archive.write_bytes(zipped(members))
    assert texts(read(archive)) == {
        "set/pictures/1.jpg": ("one",),
        "set/pictures/2.jpg": ("from the side", "from the table"),
    }


def test_loose_files_meet_their_table() -> None:
    files = [
        NamedFile("upload.csv", b"path,text\nC1.png,one\nfolder/C2.png,two\n"),
        NamedFile("C1.png", png(1)),
        NamedFile("C2.png", png(2)),
        NamedFile("C2.txt", b"zwei"),
    ]
    found = list(read(files))
    assert reasons(found) == {"upload.csv": "1 name was found without regard to folders."}
    assert texts(one for one in found if isinstance(one, WebImage)) == {
        "C1.png": ("one",),
        "C2.png": ("zwei", "two"),
    }


def test_a_table_beside_an_archive() -> None:
    files = [
        NamedFile("t.csv", b"file,text,url\n1.png,one,https://example.com/1.png\n"),
        NamedFile("z.zip", zipped({"in/1.png": png(1)})),
        NamedFile("t.tar", tarred([("2.png", png(2))])),
    ]
    found = images(read(files))
    assert [(one.name, one.texts) for one in found] == [("in/1.png", ("one",)), ("2.png", ())]
    assert found[0].url == "https://example.com/1.png"


def test_typed_texts_and_a_table_of_texts(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    found = list(read(tmp_path, texts={"a.png": ["typed", " "], "b.png": ["nobody's"]}))
    assert [one.texts for one in found if isinstance(one, WebImage)] == [("typed",)]
    assert list(reasons(found)) == ["b.png: b.png"]
    table = NamedFile("t.tsv", b"file\tcaption\na.png\t=SUM(A1)\n")
    assert texts(read(tmp_path, texts=table)) == {"a.png": ("=SUM(A1)",)}


def test_a_folder_of_shards_with_their_index(tmp_path: Path) -> None:
    sample = json.dumps({"url": "https://example.com/x", "caption": "a cat", "license": "CC-BY"})
    shard = tarred([("0.jpg", png(1)), ("0.txt", b"a cat"), ("0.json", sample.encode())])
    (tmp_path / "00000.tar").write_bytes(shard)
    (tmp_path / "00000.parquet").write_bytes(b"PAR1 is only the index and is left alone")
    stats = '{"count": 1, "successes": 1, "failed_to_download": 0}'
    (tmp_path / "00000_stats.json").write_text(stats, "utf-8")
    [found] = images(read(tmp_path))
    assert (found.name, found.texts) == ("0.jpg", ("a cat",))
    assert (found.url, found.license) == ("https://example.com/x", "CC-BY")


def test_a_broken_source_among_others_is_a_problem(tmp_path: Path) -> None:
    found = list(
        read([NamedFile("bad.zip", b"PK\x03\x04"), tmp_path / "none.png", NamedFile("a", png())])
    )
    assert [one.name for one in found if isinstance(one, WebImage)] == ["a"]
    assert "not a whole zip" in reasons(found)["bad.zip"]
    assert reasons(found)[str(tmp_path / "none.png")].startswith("There is no file or folder")


def test_a_single_source_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    for source, message in {
        tmp_path / "none": f"There is no file or folder {tmp_path / 'none'}.",
        tmp_path / ("long" * 100): "There is no file or folder /.*longlong",
        NamedFile("bad.zip", b"PK\x03\x04"): "not a whole zip archive",
        NamedFile("bad.tar", b"nothing"): "no whole tar archive",
        NamedFile("a.doc", b"words"): "neither an image",
        NamedFile("", b""): r"\(no name\) is empty",
        NamedFile("a.tar", b""): "a.tar is empty",
    }.items():
        with pytest.raises(IntakeError, match=message):
            list(read(source))


def test_columns_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    table = tmp_path / "t.csv"
    table.write_text("foto,deutsch,text\na.png,ein Ball,ignored\n", "utf-8")
    assert "No column tells" in reasons(read(table))["t.csv"]
    found = read(table, columns=Columns(path="foto", texts=("deutsch",)))
    assert texts(found) == {"a.png": ("ein Ball",)}


def test_a_table_reaches_only_its_folder_or_the_allowed_one(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "secret.png"
    inside.mkdir()
    outside.write_bytes(png())
    (inside / "link.png").symlink_to(outside)
    table = inside / "t.csv"
    paths = ["../secret.png", str(outside), "link.png", "%2e%2e/secret.png", "C:\\secret.png"]
    table.write_text("path\n" + "\n".join([*paths, "..\\secret.png", "."]), "utf-8")
    found = list(read(table))
    assert len(reasons(found)) == len(found) == 7
    table.write_text("path\n../secret.png\n", "utf-8")
    assert list(texts(read(table, root=tmp_path))) == ["secret.png"]
    with pytest.raises(IntakeError, match="does not lie in"):
        read(table, root=inside / "link.png")


def test_an_uploaded_table_reaches_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    table = NamedFile("t.csv", f"path\n{tmp_path}/a.png\na.png\n".encode())
    assert len(reasons(read(table))) == 2
    (tmp_path / "t.csv").write_text("path\na.png\n", "utf-8")
    assert len(reasons(read([tmp_path / "t.csv"]))) == 1


def test_a_file_that_opens_and_cannot_be_read_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good.jpg").write_bytes(png())
    (tmp_path / "sick.jpg").write_bytes(png())
    healthy = Path.open

    class Sick(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError(5, "Input/output error")

    def open_(path: Path, *args: Any, **named: Any) -> Any:
        return Sick() if path.name == "sick.jpg" else healthy(path, *args, **named)

    monkeypatch.setattr(Path, "open", open_)
    good, sick = sorted(read(tmp_path), key=lambda one: one.name)
    assert isinstance(good, WebImage)
    assert sick.reason == "sick.jpg cannot be read: Input/output error."


def tables(**rows: str) -> dict[str, bytes]:
    return {f"{name}.csv": f"file_name,text\n{row}\n".encode() for name, row in rows.items()}


@pytest.mark.parametrize("how", ["folder", "zip", "several", "folder and more"])
def test_texts_of_several_tables_are_joined(tmp_path: Path, how: str) -> None:
    files = {"a.png": png(1), "b.png": png(2)}
    files |= tables(one="a.png,a dog", two="a.png,two dogs", three="a.png,a dog\nb.png,a cat")
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    source = {
        "folder": tmp_path,
        "zip": NamedFile("all.zip", zipped(files)),
        "several": [NamedFile(name, data) for name, data in files.items()],
        "folder and more": tmp_path,
    }[how]
    more = {"a.png": ["three dogs"]} if how == "folder and more" else None
    found = {one.name: set(one.texts) for one in images(read(source, texts=more))}
    expected = {"a dog", "two dogs"} | ({"three dogs"} if more else set())
    assert found == {"a.png": expected, "b.png": {"a cat"}}


def test_more_texts_than_are_read_in_several_tables_are_told() -> None:
    files = {"a.png": png(1)} | tables(one="a.png,a dog", two="a.png,two dogs")
    found = list(read([NamedFile(*file) for file in files.items()], limits=Limits(texts=1)))
    (one,) = [each for each in found if isinstance(each, WebImage)]
    assert one.texts == ("a dog",)
    assert list(reasons(found).values()) == ["There are 2 texts; at most 1 are read."]
