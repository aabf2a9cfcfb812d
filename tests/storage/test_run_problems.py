"""Problems of a run by their reasons, whatever numbers are in them."""

import pytest
from sqlalchemy import text

from blip2core.records import Problem, Unusable
from blip2core.storage import Database
from blip2core.storage.run_problems import ProblemGroup, add_problem, count_problems, group_problems
from blip2core.storage.runs import NewRun, create_run


def told(database: Database, *problems: Problem) -> int:
    """The number of a run with these problems."""
    with database.write() as session:
        run_id = create_run(session, NewRun(kind="import", code_version="1")).id
        for problem in problems:
            add_problem(session, run_id=run_id, problem=problem)
    return run_id


def groups(database: Database, run_id: int) -> list[ProblemGroup]:
    with database.read() as session:
        return group_problems(session, run_id=run_id)


def problem(name: str, reason: str, about: Unusable = "image", **more: int) -> Problem:
    return Problem(name=name, reason=reason, about=about, **more)  # type: ignore[arg-type]


def test_the_same_reason_with_other_numbers_is_one_group(database: Database) -> None:
    run_id = told(
        database,
        problem("note", "Read as Windows-1252.", "note", count=9),
        problem("a", "It has 1,200.5 bytes.", texts=2),
        problem("b", "It has 7 bytes."),
        problem("c", "It has 8 bytes.", "source"),
        problem("d", "It has 9 bytes.", count=4),
        problem("e", "It has 10 bytes."),
    )
    told(database, problem("other run", "It has 1 byte."))
    assert groups(database, run_id) == [
        ProblemGroup(
            about="image",
            reason="It has 1,200.5 bytes.",
            problems=4,
            inputs=7,
            texts=2,
            names=("a", "b", "d"),
        ),
        ProblemGroup(about="source", reason="It has 8 bytes.", problems=1, inputs=1, names=("c",)),
        ProblemGroup(
            about="note", reason="Read as Windows-1252.", problems=1, inputs=9, names=("note",)
        ),
    ]
    with database.read() as session:
        assert count_problems(session, run_id=run_id) == 5, "a note is no problem"


def test_they_are_read_in_pages_up_to_a_limit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = told(database, *(problem(f"{n}", "Bad.") for n in range(7)))
    monkeypatch.setattr("blip2core.storage.run_problems.AT_ONCE", 2)
    assert [one.problems for one in groups(database, run_id)] == [7]
    monkeypatch.setattr("blip2core.storage.run_problems.MOST", 5)
    assert [one.problems for one in groups(database, run_id)] == [5]


def test_problems_of_before_are_about_images(database: Database) -> None:
    run_id = told(database)
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO run_problems (run_id, name, reason, created_at) "
                "VALUES (:run_id, 'a', 'Bad.', CURRENT_TIMESTAMP)"
            ),
            {"run_id": run_id},
        )
    (group,) = groups(database, run_id)
    assert (group.about, group.inputs, group.texts) == ("image", 1, 0)
