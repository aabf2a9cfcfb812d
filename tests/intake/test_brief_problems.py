from blip2core.intake import Limits, NamedFile, read
from blip2core.intake.brief_problems import MOST_ALIKE, briefly
from blip2core.intake.image_texts import LOOKED_AT, MOST_REFUSED
from blip2core.intake.sums import Sums
from blip2core.records import Problem, WebImage
from tests.intake.making import png, zipped


def problem(name: str, reason: str = "No.", texts: int = 2) -> Problem:
    return Problem(name=name, reason=reason, texts=texts)


def test_problems_of_one_reason_are_told_up_to_a_number_and_the_others_as_one() -> None:
    many = [problem(f"row {n}") for n in range(5)] + [problem("other", "Yes.")]
    told = list(briefly([*many, "an image"], most=3))
    assert told[:5] == [*many[:3], many[5], "an image"]
    assert told[5:] == [
        Problem(name="row 3", reason="From here on it is so 2 times: No.", texts=4, count=2)
    ]
    assert list(briefly(many, most=4)) == [*many[:4], many[5], many[4]]
    assert list(briefly(many, most=5)) == many


def test_a_table_of_broken_lines_makes_no_long_list_and_the_sums_stay() -> None:
    rows = MOST_ALIKE + 500
    for data, refused in ((b"1\n" * rows, "sources"), (b'{"image": "%d.png"}\n' * rows, "images")):
        lines = b"".join(data[: len(data) // rows].replace(b"%d", b"%d" % n) for n in range(rows))
        found = [one for one in read([NamedFile("t.jsonl", lines)]) if isinstance(one, Problem)]
        sums = Sums()
        for one in found:
            sums.add_problem(one)
        assert len(found) == MOST_ALIKE + 1
        assert getattr(sums, f"{refused}_refused") == rows


def test_an_image_with_very_many_texts_is_read_with_all_of_them_counted() -> None:
    limits = Limits(texts=3)
    lines = "".join(f"text {n}\n" for n in range(LOOKED_AT * limits.texts + 7))
    rows = "file_name,text\n" + "".join(f"a.png,row {n}\n" for n in range(MOST_REFUSED * 3))
    files = {"a.png": png(), "a.txt": lines.encode(), "t.csv": rows.encode()}
    found = list(read(NamedFile("z.zip", zipped(files)), limits=limits))
    (image,) = (one for one in found if isinstance(one, WebImage))
    problems = [one for one in found if isinstance(one, Problem)]
    assert image.texts == ("text 0", "text 1", "text 2")
    assert len(problems) == MOST_REFUSED + 1
    assert problems[-1].reason.endswith("more texts about this image cannot be used either.")
    read_in_all = len(lines.splitlines()) + MOST_REFUSED * 3
    assert sum(one.texts for one in problems) == read_in_all - 3


def test_annotation_files_have_no_more_entries_than_tables_have_rows() -> None:
    entry = '{"image": "%d.png", "caption": ["a dog"]}'
    lines = [entry % n for n in range(5)]
    llava = '{"image": "%d.png", "conversations": [{"from": "gpt", "value": "a dog"}]}\n'
    sources = {
        "t.json": "[" + ",".join(lines) + "]",
        "t.jsonl": "".join(llava % n for n in range(5)),
        "t.token": "".join(f"{n}.png#0\ta dog\n" for n in range(5)),
        "t.csv": "file_name,text\n" + "".join(f"{n}.png,a dog\n" for n in range(5)),
    }
    for name, content in sources.items():
        file = NamedFile(name, content.encode())
        for rows, over in ((5, []), (3, ["Only the first 3 rows were read; split the table."])):
            found = [p for p in read([file], limits=Limits(rows=rows)) if isinstance(p, Problem)]
            assert [one.reason for one in found if one.about == "source"] == over, name
            assert len([one for one in found if one.about == "image"]) == rows, name
