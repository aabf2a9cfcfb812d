"""Texts of an image that are not stored, or not as they stood, are told once."""

from blip2core.intake import Limits, NamedFile, read
from blip2core.intake.image_texts import RefusedTexts, joined, texts_of
from blip2core.records import Problem, TextOrigin
from tests.intake.making import png

LIMITS = Limits(texts=3)


def test_texts_above_the_limit_are_one_line_of_an_image_with_their_number() -> None:
    rows = "\n".join(f"1.png,text {number}" for number in range(7))
    files = [
        NamedFile("1.png", png()),
        NamedFile("2.png", png(9)),
        NamedFile("t.csv", f"file_name,text\n{rows}\n2.png,a\n".encode()),
    ]
    told = [one for one in read(files, limits=LIMITS) if isinstance(one, Problem)]
    reason = "There are 7 texts; at most 3 are read."
    assert [(one.name, one.reason, one.texts) for one in told] == [("t.csv, row 5", reason, 4)]
    assert told[0].about == "text"


def test_too_many_at_one_place_and_at_several_are_counted_together() -> None:
    origin = TextOrigin()
    first = texts_of(((f"a {n}", origin) for n in range(5)), "here", LIMITS)
    second = texts_of((("b", origin), ("a 0", origin)), "there", LIMITS)
    whole = joined((first, second), "all", LIMITS)
    (told,) = whole.refused
    assert (told.name, told.texts, whole.duplicates) == ("here", 3, 1)
    assert first.read + second.read == whole.read == 7


def test_what_was_taken_out_of_texts_is_a_note_with_their_number() -> None:
    rows = b"1.png,a\x00 dog\n1.png,a cat\n2.png,a\x00\x00 bird\n2.png,a b\x08ell\n"
    lines = b'{"image": "2.png", "text": "half \\ud800"}'
    files = [
        NamedFile("1.png", png()),
        NamedFile("2.png", png(9)),
        NamedFile("t.csv", b"file_name,text\n" + rows),
        NamedFile("t.jsonl", lines),
    ]
    (told,) = (one for one in read(files) if isinstance(one, Problem))
    assert (told.name, told.about, told.texts) == ("t.csv, row 2", "note", 0)
    assert told.reason == (
        "Control characters, as NUL, or halves of surrogate pairs were taken out of 4 texts, as "
        "they are no text; this is the first."
    )


def test_one_text_and_none() -> None:
    notes = RefusedTexts()
    assert list(notes.told()) == []
    refused = texts_of([("a\0", TextOrigin())], "here", LIMITS).refused
    assert list(notes.told_apart(refused)) == []
    (told,) = notes.told()
    assert told.reason.endswith("out of 1 text, as they are no text.")


def test_separators_and_line_ends_are_white_space_and_no_note() -> None:
    words = "page one\fpage two\x1funit\r\nline\x85line"
    found = texts_of([(words, TextOrigin())], "here", LIMITS)
    assert found.words == ("page one page two unit\nline\nline",)
    assert found.refused == ()
