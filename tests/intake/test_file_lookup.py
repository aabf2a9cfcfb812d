"""Files found by the names that tables give them, in every form in which these are written."""

import json
import os
import random
import unicodedata
from pathlib import Path

import pytest

from blip2core.intake import Limits, NamedFile, file_lookup, read
from blip2core.intake.file_lookup import FileLookup, match
from blip2core.intake.tars import TarArchive
from blip2core.records import Problem, WebImage
from tests.intake.making import png, reasons, tarred, zipped

NFC, NFD = "caf\u00e9.png", "cafe\u0301.png"
LONG = "ä" * 125 + ".png"
"""254 bytes in UTF-8; with its marks apart 379, which no file system takes."""

FORMS = {
    "NFC of an NFD file": (NFC, NFD),
    "NFD of an NFC file": (NFD, NFC),
    "upper case": ("IMG_1.PNG", "img_1.png"),
    "lower case": ("dir/img_1.png", "DIR/IMG_1.PNG"),
    "percent escapes": ("my%20photo%C3%A9.png", "my photo\u00e9.png"),
    "escaped on disk": ("my photo.png", "my%20photo.png"),
    "backslashes": ("a\\b\\c.png", "a/b/c.png"),
    "leading dot": ("./a/./b.png", "a/b.png"),
    "leading slash": ("/a/b.png", "a/b.png"),
    "leading backslash": ("\\a\\b.png", "a/b.png"),
    "spaces around": ("  a b.png ", "a b.png"),
    "spaces around on disk": ("a b.png", " a b.png"),
    "spaces around a folder on disk": ("a/b.png", "a /b.png"),
    "254 bytes": (LONG, LONG),
    "more than 255 bytes in the table": (unicodedata.normalize("NFD", LONG), LONG),
    "emoji": (
        "\U0001f600/\U0001f468\u200d\U0001f469.png",
        "\U0001f600/\U0001f468\u200d\U0001f469.png",
    ),
    "another machine": ("/home/me/data/img/1.png", "img/1.png"),
    "folders between": ("train/1.png", "data/train/images/1.png"),
    "another machine, name only": ("/home/me/data/img/1.png", "1.png"),
    "another Windows machine": ("C:\\Users\\me\\img\\1.png", "img/1.png"),
    "a share": ("\\\\server\\share\\1.png", "1.png"),
    "no ending": ("000000000139", "000000000139.png"),
    "no ending, with a dot": ("img/22.05", "img/22.05.png"),
    "all at once": ("C:\\Me\\IMG\\CAFE\u0301%201", "img/caf\u00e9 1.png"),
}
HOW = ["table", "folder", "zip", "loose", "zip beside", "tar beside", "folder beside"]


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def read_as(how: str, folder: Path, files: dict[str, bytes]) -> list[WebImage | Problem]:
    """What is read of files of which one is a table, in each way in which files are given."""
    [table] = [NamedFile(name, data) for name, data in files.items() if name.endswith(".jsonl")]
    rest = {name: data for name, data in files.items() if name != table.name}
    if how in ("table", "folder"):
        written(folder, files)
        return list(read(folder / table.name if how == "table" else folder))
    if how == "zip":
        return list(read(NamedFile("z.zip", zipped(files))))
    if how == "loose":
        return list(read([table, *(NamedFile(name, data) for name, data in rest.items())]))
    if how == "zip beside":
        return list(read([table, NamedFile("z.zip", zipped(rest))]))
    if how == "tar beside":
        return list(read([NamedFile("t.tar", tarred(rest.items())), table]))
    return list(read(written(folder, rest), texts=table))


def table_of(*rows: tuple[str, str]) -> dict[str, bytes]:
    lines = [json.dumps({"file_name": name, "text": text}) for name, text in rows]
    return {"t.jsonl": "\n".join(lines).encode()}


def texts_of(found: list[WebImage | Problem]) -> dict[bytes, tuple[str, ...]]:
    return {one.data: one.texts for one in found if isinstance(one, WebImage)}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("form", FORMS)
def test_a_name_in_a_table_finds_its_file(form: str, how: str, tmp_path: Path) -> None:
    name, on_disk = FORMS[form]
    other = {"other/picture.png": png(9)}
    found = read_as(how, tmp_path, table_of((name, "its text")) | {on_disk: png(1)} | other)
    images = [one for one in found if isinstance(one, WebImage)]
    assert [one.texts for one in images if one.data == png(1)] == [("its text",)]
    expected = [] if how == "table" else [()]  # a table alone brings what it names
    assert [one.texts for one in images if one.data == png(9)] == expected
    told = [one.reason for one in found if isinstance(one, Problem)]
    assert all(reason.startswith("1 name was found without regard to") for reason in told)


@pytest.mark.parametrize("how", HOW)
def test_an_exact_match_wins_over_each_loosened_form(how: str, tmp_path: Path) -> None:
    names = ["a b.png", "A B.png", "a%20b.png", "deep/a b.png", NFC, "x.png", "deep/x.png"]
    files = {name: png(number) for number, name in enumerate(names)}
    found = read_as(how, tmp_path, table_of(*((name, f"of {name}") for name in names)) | files)
    wanted = {files[name]: (f"of {name}",) for name in names}
    seen = texts_of(found)
    assert {data: seen[data] for data in wanted} == wanted
    assert not reasons(found)


@pytest.mark.parametrize("how", ["table", "folder", "zip"])
def test_two_files_whose_names_differ_in_their_unicode_form_have_each_their_own_row(
    how: str, tmp_path: Path
) -> None:
    rows = table_of((NFC, "composed"), (NFD, "apart"))
    found = read_as(how, tmp_path, rows | {NFC: png(1), NFD: png(2)})
    assert texts_of(found) == {png(1): ("composed",), png(2): ("apart",)}
    assert not reasons(found)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("train/1.png", "test/1.png"),
        ("coco/train2014/1.png", "coco/val2014/1.png"),
        ("/home/me/train/img/1.png", "test/img/1.png"),
        ("TRAIN/1", "test/1.png"),
        ("a/img/1.png", "b/img/1.png"),
    ],
)
def test_a_file_whose_folders_are_others_than_those_of_the_name_is_not_taken(
    name: str, file: str, how: str, tmp_path: Path
) -> None:
    found = read_as(how, tmp_path, table_of((name, "of another image")) | {file: png(1)})
    assert texts_of(found).get(png(1), ()) == ()
    [reason] = reasons(found).values()
    assert reason.startswith("There is no such file; ") and reason.endswith(
        f"{file} lies in another folder, and may be another image. Write its path, or move it."
    )


IN_FOLDERS = {
    "a folder of another split": ({"train/t.jsonl", "test/1.png"}, None),
    "years behind the split": ({"c/train2014/t.jsonl", "c/val2014/1.png"}, None),
    "a folder with other images": ({"a/t.jsonl", "a/2.png", "b/1.png"}, None),
    "a folder of another table": ({"a/t.jsonl", "b/u.jsonl", "b/1.png"}, None),
    "beside the folder of annotations": ({"c/notes/t.jsonl", "c/images/1.png"}, "c/images/1.png"),
    "the nearer of two": (
        {"c/notes/t.jsonl", "c/images/1.png", "d/images/1.png"},
        "c/images/1.png",
    ),
    "below the table": ({"a/t.jsonl", "a/x/1.png", "b/x/1.png"}, "a/x/1.png"),
    "two below the table": ({"a/t.jsonl", "a/x/1.png", "a/y/1.png"}, None),
    "the same split": ({"notes/train/t.jsonl", "images/train/1.png"}, "images/train/1.png"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", IN_FOLDERS)
def test_a_name_without_a_folder_means_the_nearest_file_that_no_other_table_is_about(
    case: str, packed: bool, tmp_path: Path
) -> None:
    names, expected = IN_FOLDERS[case]
    files = {name: png(number) for number, name in enumerate(sorted(names))}
    rows = {"t.jsonl": table_of(("1.png", "its text")), "u.jsonl": table_of(("3.png", "other"))}
    for name in names:
        if name.endswith(".jsonl"):
            files[name] = rows[Path(name).name]["t.jsonl"]
    source = NamedFile("z.zip", zipped(files)) if packed else written(tmp_path, files)
    found = [one for one in read(source) if isinstance(one, WebImage) and one.texts]
    assert [(one.name, one.texts) for one in found] == (
        [(expected, ("its text",))] if expected else []
    )


def test_folders_of_a_name_that_were_not_regarded_are_told() -> None:
    files = table_of(("/home/me/IMG/1.png", "its text")) | {"img/1.png": png(1)}
    assert reasons(read(NamedFile("z.zip", zipped(files)))) == {
        "t.jsonl": "1 name was found without regard to case and folders."
    }


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("photo.png", ["PHOTO.png", "Photo.png"]),
        ("1.png", ["a/1.png", "b/1.png"]),
        ("img/1.png", ["a/img/1.png", "b/img/1.png"]),
        ("photo", ["photo.png", "photo.jpg"]),
        ("d/my photo.png", ["d/my%20photo.png", "d /my photo.png"]),
    ],
)
def test_a_name_that_fits_several_files_is_told_with_them(
    name: str, files: list[str], how: str, tmp_path: Path
) -> None:
    data = {file: png(number) for number, file in enumerate(files)}
    found = read_as(how, tmp_path, table_of((name, "whose?")) | data)
    assert not any(one.texts for one in found if isinstance(one, WebImage))
    [reason] = reasons(found).values()
    assert reason.startswith("There is no file of this name, and it fits several: ")
    assert all(file.strip() in reason for file in files)


@pytest.mark.parametrize("how", HOW)
def test_the_nearest_of_several_files_is_taken(how: str, tmp_path: Path) -> None:
    files = {
        "IMG.png": png(1),
        "img.PNG": png(2),
        "x/my photo.png": png(3),
        "y/my photo.png": png(4),
    }
    rows = [("IMG%2Epng", "spelling"), ("/home/me/x/MY%20photo.png", "longest end")]
    found = read_as(how, tmp_path, table_of(*rows) | files)
    assert {texts: data for data, texts in texts_of(found).items() if texts} == {
        ("spelling",): png(1),
        ("longest end",): png(3),
    }


@pytest.mark.parametrize("how", HOW)
def test_a_file_that_several_rows_fit_by_its_end_gets_none_of_them(
    how: str, tmp_path: Path
) -> None:
    rows = [("a/1.png", "of a"), ("b/1.png", "of b"), ("c/2.png", "of c"), ("2.png", "own")]
    found = read_as(how, tmp_path, table_of(*rows) | {"1.png": png(1), "2.png": png(2)})
    seen = texts_of(found)
    assert seen.get(png(1), ()) == () and seen[png(2)] == ("own",)
    told = reasons(found)
    assert sorted(told) == [f"t.jsonl, row {n}: {rows[n - 1][0]}" for n in (1, 2, 3)]
    assert "write its whole path" in told["t.jsonl, row 1: a/1.png"]
    assert told["t.jsonl, row 3: c/2.png"].startswith("There is no such ")


@pytest.mark.parametrize("how", HOW)
def test_what_was_found_loosely_is_told_once_for_each_table(how: str, tmp_path: Path) -> None:
    files = {f"img_{number}.png": png(number) for number in range(40)}
    rows = [(name.upper(), name) for name in files]
    found = read_as(
        how, tmp_path, table_of(*rows[:37], ("img%5F37.png", "b"), ("img_38", "c")) | files
    )
    assert {one.texts for one in found if isinstance(one, WebImage)} >= {("b",), ("c",)}
    assert [(one.name, one.reason) for one in found if isinstance(one, Problem)] == [
        ("t.jsonl", "37 names were found without regard to case."),
        ("t.jsonl", "1 name was found without regard to spelling."),
        ("t.jsonl", "1 name was found without regard to ending."),
    ]


@pytest.mark.parametrize("how", HOW)
def test_names_lead_nowhere_else_in_any_form(how: str, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png(7))
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    names = [
        *(
            "../secret.png",
            "%2e%2e/secret.png",
            "..%2Fsecret.png",
            "..\\SECRET.png",
        ),
        *(
            str(tmp_path / "secret.png"),
            str(tmp_path / "secret"),
            "LINK.png",
            "/../secret.png",
            ".",
        ),
    ]
    rows = [(name, "a text") for name in names]
    found = read_as(how, inside, table_of(*rows) | {"a.png": png(1)})
    assert {one.data for one in found if isinstance(one, WebImage)} <= {png(1)}
    assert not any(one.texts for one in found if isinstance(one, WebImage))
    assert len(reasons(found)) >= len(names)


def test_nothing_is_read_twice_where_the_file_system_ignores_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("A.PNG", "one"), ("a.png", "two"), ("Dir/B.png", "three"), ("dir/b.png", "four")]
    files = {"a.png": png(1), "Dir/b.png": png(2)}
    written(tmp_path, table_of(*rows) | files)
    monkeypatch.setattr(os.path, "isfile", lambda path: True)  # as macOS and Windows answer
    for source in (tmp_path, tmp_path / "t.jsonl"):
        found = [one for one in read(source) if isinstance(one, WebImage)]
        assert {one.data: set(one.texts) for one in found} == {
            png(1): {"one", "two"},
            png(2): {"three", "four"},
        }
        assert len(found) == 2


def test_a_file_without_an_ending_that_a_row_names_is_read_once(tmp_path: Path) -> None:
    written(tmp_path, table_of(("photo", "its text")) | {"photo": png(1)})
    assert [(one.name, one.texts) for one in read(tmp_path) if isinstance(one, WebImage)] == [
        ("photo", ("its text",))
    ]


def test_hidden_files_and_those_beyond_the_limit_are_found_by_their_own_names(
    tmp_path: Path,
) -> None:
    files = {".hidden/1.png": png(1), "a/1.png": png(2), "a/2.png": png(3), "z/1.png": png(4)}
    rows = [(".hidden/1.png", "hidden"), ("z/1.png", "beyond"), ("gone.png", "gone")]
    written(tmp_path, table_of(*rows) | files)
    found = list(read(tmp_path / "t.jsonl", limits=Limits(members=3)))
    assert texts_of(found) == {png(1): ("hidden",), png(4): ("beyond",)}
    assert list(reasons(found)) == ["t.jsonl, row 3: gone.png"]


def test_only_the_names_of_images_are_read_to_find_those_of_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_of: list[str] = []
    healthy = TarArchive.file

    def file(archive: TarArchive, name: str, limit: int) -> NamedFile:
        read_of.append(name)
        return healthy(archive, name, limit)

    monkeypatch.setattr(TarArchive, "file", file)
    table = NamedFile("t.jsonl", table_of(("1.PNG", "its text"))["t.jsonl"])
    archive = NamedFile("t.tar", tarred([("1.png", png(1)), ("2.png", png(2))]))
    assert texts_of(list(read([archive, table]))) == {png(1): ("its text",), png(2): ()}
    assert read_of == ["1.png", "2.png"]


def test_the_work_for_a_row_hardly_grows_with_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts comparisons of names by form, which are what a look-up costs besides bisection."""
    counts = []
    for size in (100, 10_000):
        files = [f"{number % 50}/IMG_{number}.png" for number in range(size)]
        lookup = FileLookup(files)
        assert lookup.find("nothing.png").files == ()  # builds the indexes
        calls = 0
        folded = file_lookup._folded

        def counted(path: str, folded: object = folded) -> str:
            nonlocal calls
            calls += 1
            return folded(path)  # type: ignore[operator]

        with monkeypatch.context() as patch:
            patch.setattr(file_lookup, "_folded", counted)
            for number in random.Random(1).sample(range(size), 100):
                found = lookup.find(f"/home/me/{number % 50}/img_{number}.PNG")
                assert found.files == (files[number],)
        counts.append(calls)
    assert counts[0] == counts[1]


def test_many_files_of_nearly_one_name_are_never_compared_one_by_one() -> None:
    letters = "abcdefghijklmnop"
    chance = random.Random(3)
    files = {"".join(chance.choice((x, x.upper())) for x in letters) for _ in range(2_000)}
    found = match({"".join(letters): "", "x": ""}, files - {letters})
    assert list(found.unclear) == [letters]
    assert found.unclear[letters].endswith("and others; write which.")


def test_hostile_names_find_only_files_that_there_are() -> None:
    files = ["a/b.png", "C.png", "d e.png"]
    lookup = FileLookup(files)
    for name in [
        "",
        "/",
        "//",
        "%",
        "%00",
        "%ff.png",
        "\ud800",
        "..",
        "%2e%2e/C.png",
        " ",
        "a/" * 500,
    ]:
        assert set(lookup.find(name).files) <= set(files)


def test_a_whole_path_wins_over_an_end_and_an_exact_name_among_very_many() -> None:
    assert FileLookup(["1.png", "a/1.png", "b/1.png"]).find("1.PNG").files == ("1.png",)
    many = {
        "".join(c.upper() if n >> i & 1 else c for i, c in enumerate("abcdefg")) for n in range(128)
    }
    assert len(FileLookup(many).find("%61bcdefg").files) > 1
    rows = [f"{number}/labels/1.png" for number in range(200)]
    images = [f"{number}/images/1.png" for number in range(200)]
    lookup = FileLookup(images)
    assert [lookup.find(one, one[:-6]).files for one in rows] == [(one,) for one in images]
    assert lookup.find("7/IMAGES/1.png").files == ("7/images/1.png",)
    assert FileLookup(many).find("aBcDeFg").files == ("aBcDeFg",)
