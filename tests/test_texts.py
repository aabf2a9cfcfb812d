"""Texts from outside are the same wherever they are stored."""

import pytest

from blip2core.texts import (
    APOSTROPHE_COLUMN,
    clean_text,
    count_of,
    normalised,
    spreadsheet_safe,
    without_apostrophes,
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  a bird \n", "a bird"),
        ("a\0bird", "abird"),
        ("a\x1b[31mred\x07", "a[31mred"),
        ("C1 \x9b31m", "C1 31m"),
        ("e\u0301", "\u00e9"),
        ("half \ud83d", "half"),
        ("whole \U0001f600", "whole \U0001f600"),
        ("one\r\ntwo\rthree\x85four", "one\ntwo\nthree\nfour"),
        ("tab\tstays", "tab\tstays"),
        ("page one\fpage two\vthree\x1funit\f", "page one page two three unit"),
        ("\u202egnihton", "\u202egnihton"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\0\x01", ""),
        (" \u200b\u2060\n\ufeff", ""),
        ("\u00ad\u200e\u202e\u2066\u2069", ""),
        ("\u200d\ufe0f\u3164\u2800\U000e0041", ""),
        ("\ufeffa bird\u200b", "\ufeffa bird\u200b"),
        ("\u200b.", "\u200b."),
        ("\U0001f469\u200d\U0001f33e\ufe0f", "\U0001f469\u200d\U0001f33e\ufe0f"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
    ],
)
def test_clean_text(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean
    assert clean_text(clean) == clean
    clean.encode()


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("A Dog, and a cat!", "a dog and a cat"),
        ("ﬁne  STRASSE", "fine strasse"),
        ("Straße", "STRASSE"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A} cat", "a cat"),
    ],
)
def test_normalisation(text, same):
    assert normalised(text) == normalised(same)


def test_signs_alone_are_not_all_the_same():
    assert normalised("!!!") != normalised("???")


@pytest.mark.parametrize("space", ["", " ", "   ", "\u00a0", "\u3000", " \t", "\v"])
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
def test_a_spreadsheet_computes_no_text(space: str, sign: str) -> None:
    text = f"{space}{sign}cmd|' /C calc'!A0"
    assert spreadsheet_safe(text) == f"'{text}"
    assert spreadsheet_safe(space + sign) == f"'{space}{sign}"


@pytest.mark.parametrize("start", ["\t", "\r", "\n", "\r\n"])
def test_no_cell_begins_with_a_tab_or_a_line_end(start: str) -> None:
    assert spreadsheet_safe(f"{start}a bird") == f"'{start}a bird"


@pytest.mark.parametrize(
    "value", ["a=1", " a bird", "1 - 2", "'=1", "", " ", "\u3000a", -0.5, -3, 0, None, True]
)
def test_all_other_cells_stay_as_they_are(value: object) -> None:
    assert spreadsheet_safe(value) is value


def test_one_is_not_several() -> None:
    assert [count_of(number, "pair") for number in (0, 1, 1_200)] == [
        "0 pairs",
        "1 pair",
        "1,200 pairs",
    ]


@pytest.mark.parametrize("text", ["=1", "'=1", "''", "plain", "-5", "'twas", "", " +x", "\tx"])
def test_an_apostrophe_that_was_put_before_a_cell_can_be_taken_away(text: str) -> None:
    safe = spreadsheet_safe(text)
    named = "text" if safe is not text else ""
    row = {"text": safe, "other": "'kept", APOSTROPHE_COLUMN: named}
    assert without_apostrophes(row) == {"text": text, "other": "'kept"}
