"""Flickr30k's token file: a caption in each line, lines of another form are told."""

import pytest

from blip2core.formats.csv import csv_rows
from blip2core.formats.files import NamedFile, text_table_kind
from blip2core.formats.flickr import flickr_cells, read_flickr


def test_lines() -> None:
    lines = ['1000.jpg#0\tTwo "men" , one dog .\n', "\n", "1000.jpg#1\tA dog\n", "odd line\n"]
    assert text_table_kind(lines[0].encode()) == "flickr"
    assert text_table_kind(lines[3].encode()) is None and text_table_kind(b"a.jpg,b\n") is None
    first, second, odd = read_flickr(lines)
    assert not isinstance(first, int) and not isinstance(second, int)
    assert (first.path, first.texts[0][0]) == ("1000.jpg", 'Two "men" , one dog .')
    assert second.texts[0][1].data == {"caption_number": 1} and odd == 4


@pytest.mark.parametrize(
    ("line", "number", "caption"),
    [
        ("1.jpg| 0| A dog .", "0", "A dog ."),
        ("2199200615.jpg| 4   A dog runs across the grass .", "4", "A dog runs across the grass ."),
        ("1.jpg| 1| A dog | a cat | both .", "1", "A dog | a cat | both ."),
        ("1.jpg| 2 A dog | a cat .", "2", "A dog | a cat ."),
        ("1.jpg| 3|", "3", ""),
    ],
)
def test_rows_of_results_csv_with_too_few_and_too_many_cells(
    line: str, number: str, caption: str
) -> None:
    table = f"image_name| comment_number| comment\n{line}\n"
    ((_, row),) = csv_rows(NamedFile("results.csv", table.encode()))
    assert row == {
        "image_name": line.partition("|")[0],
        "comment_number": number,
        "comment": caption,
    }


def test_a_row_of_results_csv_without_a_number_stays_as_it_is() -> None:
    assert flickr_cells(["1.jpg", " x", " y"], 3, "|") == ["1.jpg", " x", " y"]
    table = b"image_name| comment_number| comment\n1.jpg| x\n"
    told = [str(row) for number, row in csv_rows(NamedFile("results.csv", table)) if not number]
    assert told == ["In 1 row (row 2) cells are missing at the end; they were read as empty."]
