"""A row of a table is about one image, however many have its name."""

from pathlib import Path

import pytest

from blip2core.intake import NamedFile, read
from blip2core.records import Problem, WebImage
from tests.intake.making import png, tarred

TABLE = b"file_name,text\na.png,one\n"
SEVERAL = "Several images have this name; what the row says was given to the first."


def archives() -> list[NamedFile]:
    return [NamedFile(f"{shade}.tar", tarred([("a.png", png(shade))])) for shade in (1, 2, 3)]


def test_a_row_is_given_to_the_first_of_several_images_in_archives_of_a_folder(
    tmp_path: Path,
) -> None:
    for file in archives():
        assert isinstance(file.content, bytes)
        (tmp_path / file.name).write_bytes(file.content)
    (tmp_path / "t.csv").write_bytes(TABLE)
    found = list(read(tmp_path))
    assert [one.texts for one in found if isinstance(one, WebImage)] == [("one",), (), ()]
    assert [one for one in found if isinstance(one, Problem)] == [
        Problem(name="t.csv, row 2: a.png", reason=SEVERAL, about="note")
    ]


@pytest.mark.parametrize("way", ["list", "texts", "texts by name"])
def test_a_row_that_fits_images_of_several_sources_is_refused(way: str) -> None:
    table = NamedFile("t.csv", TABLE)
    if way == "list":
        found = list(read([table, *archives()]))
    else:
        found = list(read(archives(), texts=table if way == "texts" else {"a.png": ["one"]}))
    assert [one.texts for one in found if isinstance(one, WebImage)] == [(), (), ()]
    where = "a.png" if way == "texts by name" else "t.csv, row 2"
    reason = "There is no file of this name, and it fits several: 1/a.png, 2/a.png, 3/a.png"
    assert [one for one in found if isinstance(one, Problem)] == [
        Problem(name=f"{where}: a.png", reason=f"{reason}; write which.", texts=1)
    ]


def test_a_row_that_fits_several_files_is_not_used_for_an_image_in_an_archive(
    tmp_path: Path,
) -> None:
    for folder, shade in (("x", 1), ("y", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(png(shade))
    (tmp_path / "t.csv").write_bytes(TABLE)
    (tmp_path / "z.tar").write_bytes(tarred([("a.png", png(3))]))
    found = list(read(tmp_path))
    assert [one.texts for one in found if isinstance(one, WebImage)] == [(), (), ()]
    (problem,) = (one for one in found if isinstance(one, Problem))
    assert "fits several: x/a.png, y/a.png" in problem.reason and problem.texts == 1


def test_texts_of_a_name_that_no_image_can_have_are_counted_as_texts_alone(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    found = list(read(tmp_path / "a.png", texts={"": ["one", "two"], "\0": ["three"]}))
    assert [one.texts for one in found if isinstance(one, WebImage)] == [()]
    problems = [one for one in found if isinstance(one, Problem)]
    assert [(one.about, one.texts) for one in problems] == [
        ("text without image", 2),
        ("text without image", 1),
    ]
