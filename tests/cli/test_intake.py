"""blip2 intake: a look at what an import would bring."""

import json
from pathlib import Path

import pytest

from blip2core.cli import main
from blip2core.intake import Downloads
from blip2core.records import Problem
from tests.formats.files import exif, saved
from tests.intake.making import encoded, png, zipped

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
    assert "SONY DSC" in counts["examples"]["file"][0]
    assert main(["intake", str(tmp_path), "--no-metadata-texts", "--json"]) == 0
    counts = rows(capsys)[-1]
    assert (counts["images_read"], counts["texts_read"], counts["unused"]) == (2, 0, {})
