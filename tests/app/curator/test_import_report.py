"""What the inbox tells of an import: sums, what was not used, problems by reason, notes."""

import csv
import io

import pytest
from streamlit.testing.v1 import AppTest

from app.curator.context import DatasetContext
from app.curator.import_report import (
    GROUPED_AT_ONCE,
    GROUPS_SHOWN,
    counted,
    place_of,
    problems_csv,
    sums_html,
    unused_html,
)
from blip2core.intake import Sums
from blip2core.records import Problem, Unused
from blip2core.storage.database import Database
from blip2core.storage.run_problems import ProblemGroup, add_problem
from blip2core.storage.runs import NewRun, create_run, finish_run, note_sums, start_run
from tests.app.curator.conftest import Open

PROBLEMS = [
    Problem(name="t.csv, row 2: <b>1.png</b>", reason="There is no such file.", texts=2),
    Problem(name="t.csv, row 3: =2.png", reason="There is no such file.", texts=1),
    Problem(name="u.csv, row 1,300", reason="The row has 5 cells.", about="source"),
    Problem(name="u.csv, row 7", reason="The row has 17 cells.", about="source"),
    Problem(name="b.txt", reason="*Long* <i>.", about="text", texts=1),
    Problem(name="t.csv", reason="It was read as **Windows-1252**.", about="note"),
]


def import_with(
    database: Database, problems: list[Problem], sums: Sums | None = None, *, ends: bool = True
) -> int:
    """The number of an import that told these problems."""
    with database.write() as session:
        run_id = create_run(session, NewRun(kind="import", code_version="test", dataset_id=1)).id
        start_run(session, run_id=run_id)
        for problem in problems:
            add_problem(session, run_id=run_id, problem=problem)
        note_sums(session, run_id=run_id, sums=(sums or Sums()).as_json())
        if ends:
            finish_run(session, run_id=run_id, status="done")
    return run_id


def html_of(page: AppTest) -> str:
    return "".join(str(part.proto.body) for part in page.main.get("html"))


def test_sums_are_a_table_in_which_what_is_lost_stands_out() -> None:
    sums = Sums(images_new=2_000, images_refused=1, texts_new=3, texts_without_image=1)
    html = sums_html(sums)
    images = "<td >2,001</td><td >2,000</td><td >0</td><td lost>1</td><td ></td>"
    texts = "<td >4</td><td >3</td><td >0</td><td >0</td><td lost>1</td>"
    plain = html.replace('class="lost"', "lost").replace('class=""', "")
    assert f'<th scope="row">Images</th>{images}' in plain
    assert f'<th scope="row">Texts</th>{texts}' in plain
    assert plain.count("lost") == 2


def test_the_inbox_shows_sums_and_names_the_control_for_what_was_not_used(
    open_page: Open, database: Database
) -> None:
    sums = Sums(images_new=2, sources_refused=1)
    column = {"advice": "looks like texts", "option": "--text-column x"}
    sums.add_unused(Unused(kind="column", name="t.csv, column *<x>*", **column))  # type: ignore[arg-type]
    sums.add_unused(Unused(kind="file", name="x.arrow", advice="give it alone"))
    import_with(database, [], sums)
    html = html_of(open_page("inbox"))
    assert "What became of all that was read" in html
    assert (
        '<ul class="reasons"><li><b>1 file or row</b> of which nothing was read</li>'
        "<li><b>1 column not used</b> looks like texts: choose it under &quot;Texts are in&quot; "
        "before the import<ul><li>t.csv, column *&lt;x&gt;*</li></ul></li>"
        "<li><b>1 file not used</b> give it alone<ul><li>x.arrow</li></ul></li></ul>"
    ) in html
    assert unused_html(Sums()) == ""


def test_the_inbox_tells_of_images_that_look_alike(open_page: Open, database: Database) -> None:
    import_with(database, [], Sums(images_new=9, images_alike=2))
    captions = [one.value for one in open_page("inbox").caption]
    assert "2 new images look like one that was there before" in captions


def test_problems_are_grouped_by_reason_and_notes_stand_apart(
    open_page: Open, database: Database
) -> None:
    import_with(database, PROBLEMS)
    page = open_page("inbox")
    assert [part.label for part in page.expander if part.label[0].isdigit()] == [
        "5 problems",
        "1 note",
    ]
    html = html_of(page)
    assert (
        "<b>2 images, 3 texts</b> There is no such file."
        "<ul><li>t.csv, row 2: &lt;b&gt;1.png&lt;/b&gt;</li><li>t.csv, row 3: =2.png</li></ul>"
    ) in html
    assert "<b>2 files or rows</b> The row has 5 cells." in html
    assert "<b>1 text</b> *Long* &lt;i&gt;." in html and "Windows-1252" not in html
    assert r"t.csv\: It was read as \*\*Windows-1252\*\*." in [one.value for one in page.caption]


def test_of_many_problems_each_reason_has_three_names_and_the_first_reasons_are_shown(
    open_page: Open, database: Database
) -> None:
    reasons = [chr(ord("a") + number) * 3 for number in range(GROUPS_SHOWN + 2)]
    several = [Problem(name=f"n{n}", reason="Often.") for n in range(5)]
    import_with(database, several + [Problem(name="x", reason=reason) for reason in reasons])
    page = open_page("inbox")
    assert "<li>n2</li><li>and 2 more</li>" in html_of(page)
    assert "and 3 reasons more, in the CSV" in [one.value for one in page.caption]


def test_while_an_import_goes_on_many_problems_are_only_counted(
    open_page: Open, database: Database
) -> None:
    many = [Problem(name="x", reason="Bad.")] * (GROUPED_AT_ONCE + 1)
    import_with(database, many, ends=False)
    page = open_page("inbox")
    assert "2,001 problems so far; their reasons follow at the end." in [
        one.value for one in page.caption
    ]
    assert not [part for part in page.expander if "problem" in part.label]


def test_all_of_it_can_be_saved_with_file_and_row(
    context: DatasetContext, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = import_with(database, PROBLEMS)
    monkeypatch.setattr("app.curator.import_report.PAGE", 2)
    rows = list(csv.DictReader(io.StringIO(problems_csv(context, run_id).decode())))
    assert [(row["file"], row["row"], row["image"]) for row in rows] == [
        ("t.csv", "2", "<b>1.png</b>"),
        ("t.csv", "3", "'=2.png"),
        ("u.csv", "1300", ""),
        ("u.csv", "7", ""),
        ("b.txt", "", ""),
        ("t.csv", "", ""),
    ]
    assert [row["about"] for row in rows][2:] == ["file or row"] * 2 + ["text", "note"]
    assert (rows[0]["count"], rows[0]["texts"]) == ("1", "2")
    assert rows[0]["reason"] == "There is no such file."


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("a, row 1.csv, row 12", ("a, row 1.csv", "12", "")),
        ("a.json, entry 3: x: y.png", ("a.json", "3", "x: y.png")),
        ("a.token, line 4", ("a.token", "4", "")),
        ("a.zip", ("a.zip", "", "")),
        ("a\nb, row 1", ("a\nb, row 1", "", "")),
    ],
)
def test_the_place_in_a_name(name: str, place: tuple[str, str, str]) -> None:
    assert tuple(place_of(name).values()) == place


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ("image", "2 images, 3 texts"),
        ("text", "3 texts"),
        ("text without image", "3 texts"),
        ("source", "2 files or rows, 3 texts"),
    ],
)
def test_what_a_group_counts(about: str, words: str) -> None:
    assert counted(ProblemGroup(about=about, reason="", inputs=2, texts=3)) == words
