"""Names from outside: shown without tricks, and never leading anywhere."""

import random
from pathlib import Path

import pytest

from blip2core.errors import IntakeError
from blip2core.file_names import inner_path, safe_name, split_of
from blip2core.intake import NamedFile, read
from blip2core.records import WebImage
from tests.intake.making import png, tarred, zipped

PIECES = [
    *("..", ".", "", "a", "picture.png", "C:", "\\\\server\\share", "%2e%2e", "%00", "~", "$HOME"),
    *("CON", "nul.png", "aux.jpg", "COM1", "a" * 300, "\u202egnp.exe", "\u200b", "\x1b[31m", "\n"),
    *("<img src=x onerror=alert(1)>", "';drop table--", "é", "e\u0301", "日本", " ", "|", "*", "?"),
    *("\udcff", "\0", "-rf", "=1+1", "](javascript:x)"),
]


def hostile_names(count: int) -> list[str]:
    chance = random.Random(4)
    return [
        chance.choice(["", "/", "\\", "//", "C:\\"])
        + chance.choice(["/", "\\"]).join(chance.choices(PIECES, k=chance.randint(1, 6)))
        + chance.choice(["", ".png", ".PNG"])
        for _ in range(count)
    ]


def test_shown_names_hold_no_invisible_characters() -> None:
    assert safe_name("a\u202egnp.exe\n\x1b[31m\0") == "a\\u202egnp.exe\\u000a\\u001b[31m\\u0000"
    assert safe_name("\udcff") == "\\udcff"
    assert safe_name("") == "(no name)"
    assert safe_name("日本 é.png") == "日本 é.png"
    for name in hostile_names(500):
        shown = safe_name(name)
        assert shown.isprintable() and len(shown) <= 120
        shown.encode("utf-8")


def test_long_names_keep_beginning_and_end() -> None:
    shown = safe_name("begin" + "x" * 10_000_000 + "end.png", limit=30)
    assert len(shown) == 30 and shown.startswith("beginx") and shown.endswith("xend.png")


def test_inner_paths_stay_inside() -> None:
    assert inner_path("./a//b/../c.png") == "a/c.png"
    assert inner_path("..\\c.png", folder="a/b") == "a/c.png"
    for name in hostile_names(2_000):
        try:
            path = Path("/root/of/all", inner_path(name, folder="deep"))
        except IntakeError:
            continue
        assert path.is_relative_to("/root/of/all") and ".." not in path.parts


@pytest.mark.parametrize(
    "name", ["", " ", "a\0b", "/a", "\\a", "C:a", "../a", "a/../../b", "a/" * 33 + "b", "x" * 1001]
)
def test_inner_paths_that_are_refused(name: str) -> None:
    with pytest.raises(IntakeError):
        inner_path(name)


def test_hostile_names_write_nothing_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = list(dict.fromkeys(hostile_names(400)))
    storable = [name for name in names if name.isascii() and name and "\0" not in name]
    archive, tar = zipped({n: png() for n in storable}), tarred((n, png()) for n in storable)
    table = "path\n" + "\n".join(n.replace("\n", " ") for n in storable)
    for file in (NamedFile("a.zip", archive), NamedFile("a.tar", tar)):
        found = list(read(file))
        assert any(isinstance(one, WebImage) for one in found)
        for one in found:
            assert safe_name(one.name).isprintable()
    (tmp_path / "t.csv").write_text(table, "utf-8")
    list(read(tmp_path / "t.csv"))
    list(read([NamedFile(name, png()) for name in names]))
    assert [path.name for path in tmp_path.rglob("*")] == ["t.csv"]


@pytest.mark.parametrize(
    ("word", "split"),
    [
        *(("train", "train"), ("train2014", "train"), ("Training", "train"), ("train_1", "train")),
        *(("val", "val"), ("valid", "val"), ("validation", "val"), ("dev", "val")),
        *(("test", "test"), ("testing", "test"), ("test-dev", None), ("trains", None), ("", None)),
    ],
)
def test_which_split_a_word_means(word: str, split: str | None) -> None:
    assert split_of(word) == split
