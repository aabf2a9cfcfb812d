"""blip2 intake: a look at what an import would bring."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from blip2core.cli import main
from blip2core.intake import Downloads
from blip2core.records import Problem
from tests.formats.files import exif, jpeg_with_exif, saved
from tests.intake.making import encoded, png, zipped
from tests.intake.test_image_check import bomb

WEB = Path(__file__).parents[2] / "data/samples/web"


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_sample_web_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["intake", str(WEB), "--json"]) == 0
    *images, counts = rows(capsys)
    assert (counts["pictures"], counts["problems"], counts["groups_alike"]) == (200, 0, 0)
    assert counts["images_read"] == counts["images_new"] == 200
    assert counts["texts_read"] == counts["texts_new"] == 177, "23 rows have no text"
    assert counts["unused"] == {}
    assert images[0]["name"] == "001.jpg"
    assert images[0]["texts"] == ["PixMart logo banner 5920"]
    assert (images[0]["width"], images[0]["format"]) == (112, "JPEG")


def test_problems_and_duplicates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from blip2core.images import open_image

    scene = (WEB / "001.jpg").read_bytes()
    image = open_image(scene)
    members = {
        "a.jpg": scene,
        "b.jpg": scene,
        "c.png": encoded(image, "PNG"),
        "d.jpg": encoded(image, "JPEG", quality=60) + b"<script>",
        "e.png": b"<html>",
        "../f.png": png(),
    }
    (tmp_path / "set.zip").write_bytes(zipped(members))
    assert main(["intake", str(tmp_path / "set.zip"), "--json"]) == 0
    *found, group, counts = rows(capsys)
    assert (counts["pictures"], counts["problems"], counts["groups_alike"]) == (4, 2, 1)
    sums = {key: value for key, value in counts.items() if key.startswith("images_") and value}
    assert sums == {"images_read": 6, "images_new": 3, "images_known": 1, "images_refused": 2}
    assert group == {"alike": ["a.jpg", "b.jpg", "c.png", "d.jpg"], "kind": "alike"}
    told = {row["name"]: row["problem"] for row in found if "problem" in row}
    assert "a web page" in told["e.png"] and "leads outside" in told["../f.png"]
    assert [row["name"] for row in found if row.get("changed")] == ["d.jpg"]


def test_names_are_shown_safely(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = zipped({"\u202egnp.\x1b[31m.png": png(), "x\u202egnp.\x1b[31m.png": png()})
    (tmp_path / "set.zip").write_bytes(archive)
    assert main(["intake", str(tmp_path / "set.zip")]) == 0
    printed = capsys.readouterr().out
    assert "\\u202egnp" in printed and "\x1b" not in printed and "\u202e" not in printed
    assert "same file\t" in printed
    assert main(["intake", str(tmp_path / "none.zip")]) == 2


@pytest.mark.parametrize("command", ["intake", "capfilt run"])
@pytest.mark.parametrize(("options", "is_on"), [([], False), (["--download"], True)])
def test_addresses_are_fetched_only_where_it_is_asked_for(
    tmp_path: Path,
    loaded: list[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    options: list[str],
    is_on: bool,
) -> None:
    asked: list[Downloads | None] = []

    def read(source: object, *, download: Downloads | None = None, **_: object) -> list[Problem]:
        asked.append(download)
        return [Problem(name="t.csv", reason="Not read.")]

    monkeypatch.setattr("blip2core.intake.read", read)
    more = []
    if command != "intake":
        more = ["--dataset", "web", "--database", str(tmp_path / "studio.db")]
    main([*command.split(), str(tmp_path), *more, *options])
    assert asked == [Downloads() if is_on else None]


def test_columns_are_named_where_their_names_do_not_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "1.png").write_bytes(png())
    table = 'foto,wörter,more words,nr\n1.png,ein Hund,"two dogs, and",7\n'
    (tmp_path / "t.csv").write_text(table, "utf-8")
    named = ["--image-column", "foto", "--text-column", "wörter", "--id-column", "nr"]
    assert main(["intake", str(tmp_path / "t.csv"), *named, "--json"]) == 0
    unused, image, counts = sorted(rows(capsys), key=lambda row: "name" not in row)
    assert (unused["name"], unused["advice"]) == (
        "t.csv, column more words",
        "looks like texts: --text-column 'more words'",
    )
    assert image["texts"] == ["ein Hund"] and counts["texts_new"] == 1
    assert main(["intake", str(tmp_path / "t.csv"), "--text-column", "none", "--json"]) == 0
    problem, _ = rows(capsys)
    assert "There is no column none" in str(problem["problem"])


def test_texts_inside_images_are_taken_unless_told_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jpg").write_bytes(saved("JPEG", exif=exif({0x010E: b"a dog inside"})))
    (tmp_path / "b.jpg").write_bytes(saved("JPEG", exif=exif({0x010E: b"SONY DSC"})))
    assert main(["intake", str(tmp_path), "--json"]) == 0
    *found, counts = rows(capsys)
    assert [row["texts"] for row in found if "sha256" in row] == [["a dog inside"], []]
    assert (counts["texts_read"], counts["texts_new"], counts["unused"]) == (1, 1, {"file": 1})
    assert "SONY DSC" in counts["examples"]["file"][0]["advice"]
    assert main(["intake", str(tmp_path), "--no-metadata-texts", "--json"]) == 0
    counts = rows(capsys)[-1]
    assert (counts["images_read"], counts["texts_read"], counts["unused"]) == (2, 0, {})


def test_a_preview_says_what_each_column_is_and_keeps_the_rest_unread(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = b"file_name,my legend,title\n1.png,a long one \x1b[31m,<b>dog</b>\n"
    coco = {
        "images": [{"id": 1, "file_name": "1.png"}],
        "annotations": [{"image_id": 1, "caption": "two dogs"}],
    }
    members = {"a/t.csv": table, "b/t.csv": table, "c.json": json.dumps(coco).encode()}
    (tmp_path / "set.zip").write_bytes(zipped(members))
    assert main(["intake", str(tmp_path / "set.zip"), "--preview"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines() == [
        "a/t.csv\tCSV\tand 1 table like it",
        "a/t.csv\timage\tfile_name\t1.png",
        "a/t.csv\tnot used\tmy legend\ta long one \\u001b[31m"
        "\tlooks like texts: --text-column 'my legend'",
        "a/t.csv\ttext\ttitle\t<b>dog</b>",
        "c.json\tCOCO captions",
        "c.json\t1.png\ttwo dogs",
    ]
    named = ["--text-column", "my legend", "--image-column", "title", "--json"]
    assert main(["intake", str(tmp_path / "set.zip"), "--preview", *named]) == 0
    found = {row["column"]: row["role"] for row in rows(capsys) if "column" in row}
    assert found == {"file_name": "not used", "my legend": "text", "title": "image"}


@pytest.mark.parametrize("options", [[], ["--preview"]])
@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\n", "No column tells"),
        ("a.docx", zipped({"word/document.xml": b"<w/>"}), "neither an image|no table"),
        ("a.mp4", b"\0\0\0\x18ftypmp42" + bytes(99), "neither an image"),
        *((f"a.{end}", b"", "empty") for end in ("csv", "tsv", "jsonl", "json", "token")),
        *((f"a.{end}", b"", "empty") for end in ("parquet", "arrow", "zip", "tar", "jpg")),
        ("a.csv", b",".join(b"c%d" % n for n in range(10_000)), "has 10,000 columns"),
        ("a.csv", b"x" * 50_000_000, "far too long"),
        ("a.jsonl", b"[" * 100_000, "nested too deeply"),
        ("a.json", b"[" * 100_000, "JSON"),
    ],
    ids=lambda value: value[:9] if isinstance(value, str) else "",
)
def test_a_wrong_empty_or_huge_file_is_one_line_that_says_what_is_wrong(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    name: str,
    data: bytes,
    said: str,
) -> None:
    (tmp_path / name).write_bytes(data)
    code = main(["intake", str(tmp_path / name), *options])
    printed = capsys.readouterr()
    if name.endswith("jpg") and options:
        said = "no table"
    assert re.search(said, printed.out if code == 0 else printed.err)
    assert code in (0, 2) and printed.err.count("\n") == (code == 2)


def test_pillow_writes_nothing_about_damaged_files_to_standard_error(tmp_path: Path) -> None:
    """What is wrong with them is told as a note or a problem. In a process of its own, as pytest
    makes errors of all warnings.
    """
    (tmp_path / "a.jpg").write_bytes(jpeg_with_exif(b"II*\0"))
    (tmp_path / "b.png").write_bytes(bomb(10_000, 9_500))
    call = [sys.executable, "-m", "blip2core", "intake", str(tmp_path), "--json"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    told = [json.loads(line).get("problem", "") for line in done.stdout.splitlines()]
    assert [reason.partition(" of this")[0] for reason in told if "EXIF" in reason] == ["EXIF"]
    assert sum("pixels; at most" in reason for reason in told) == 1
