"""The tool that mutates the code: what it makes, what it draws, what it leaves out."""

from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray", reason="installed by `make mutants` alone")

from tests.mutation.mutants import Mutant, draw, is_equivalent, mutants_of
from tests.mutation.run import first_line, noticing_tests, own_tests, read_times, report
from tests.mutation.run import test_mutant as try_mutant

CODE = """
def least(a, b):
    return a if a < b else b
"""


@pytest.fixture
def mutants(tmp_path: Path) -> list[Mutant]:
    (tmp_path / "least.py").write_text(CODE)
    return list(mutants_of(tmp_path, "least.py"))


def test_a_mutant_changes_its_line_alone(mutants: list[Mutant]) -> None:
    (one,) = [mutant for mutant in mutants if mutant.operator == "ReplaceComparisonOperator_Lt_LtE"]
    assert (one.line, one.definition, one.text) == (3, "least", "return a if a < b else b")
    assert one.mutated(CODE) == CODE.replace("<", "<=")


def test_marks_of_a_signature_are_no_products(tmp_path: Path) -> None:
    code = "def area(a, b, *, c=1):\n    print(*[a])\n    return a * b + c\n"
    (tmp_path / "area.py").write_text(code)
    found = [one.line for one in mutants_of(tmp_path, "area.py") if "Binary" in one.operator]
    assert found == [3, 3]


def test_what_the_library_cannot_change_is_no_mutant(tmp_path: Path) -> None:
    code = "import zlib\ntry:\n    pass\nexcept (zlib.error, OSError):\n    pass\n"
    (tmp_path / "names.py").write_text(code)
    one = next(m for m in mutants_of(tmp_path, "names.py") if m.operator == "ExceptionReplacer")
    assert one.mutated(code) is None


def test_a_line_belongs_to_the_statement_that_begins_above_it() -> None:
    code = "A = (\n    1,\n)\ndef f(\n    a=2,\n):\n    if (\n        a\n    ):\n        return 3\n"
    assert [first_line(code, line) for line in range(1, 11)] == [1, 1, 1, 4, 4, 4, 7, 7, 7, 10]


def test_a_drawing_is_even_and_the_same_for_a_seed(mutants: list[Mutant]) -> None:
    from dataclasses import replace

    names = ("app/chat/a.py", "app/chat/b.py", "blip2core/storage/c.py")
    known = [replace(one, module=name) for name in names for one in mutants]
    drawn = draw(known, 2, seed=1)
    assert {mutant.package for mutant in drawn} == {"app/chat", "blip2core/storage"}
    assert draw(known, 2, seed=1) == drawn
    assert len(draw(known, 1000, seed=1)) == len(known)


def test_a_mutant_is_killed_by_a_test_that_fails(mutants: list[Mutant], tmp_path: Path) -> None:
    (tmp_path / "test_least.py").write_text(
        "from least import least\ndef test_small():\n    assert least(1, 2) == 1\n"
    )
    by_operator = {mutant.operator: mutant for mutant in mutants}
    same, negated = by_operator["ReplaceComparisonOperator_Lt_LtE"], by_operator["AddNot"]
    tests = {"test_least.py::test_small": 0.01}
    assert try_mutant(tmp_path, same, tests)["outcome"] == "survived"
    assert try_mutant(tmp_path, negated, tests)["outcome"] == "killed"
    assert try_mutant(tmp_path, negated, {})["outcome"] == "untested"
    assert (tmp_path / "least.py").read_text() == CODE


def test_tests_are_known_by_their_ids(tmp_path: Path) -> None:
    report = tmp_path / "times.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="tests.chat.test_a" name="test_b[x|y]"'
        ' time="0.250"/><testcase classname="tests.chat.test_a" name="test_c" time="1">'
        "<failure/></testcase></testsuite></testsuites>"
    )
    assert read_times(report) == {"tests/chat/test_a.py::test_b[x|y]": 0.25}


def test_a_line_that_runs_on_import_is_watched_by_all_tests_of_its_module(
    mutants: list[Mutant],
) -> None:
    from dataclasses import replace

    mutant = replace(mutants[0], module="app/chat/a.py")
    known = ["tests/app/chat/a.py::b", "tests/a.py::c", "tests/app/chat/d.py::e"]
    lines = {1: [], 4: known[:1], 5: [known[1], known[0], "tests/a.py::gone"]}
    assert noticing_tests(mutant, 4, lines, known) == known[:1]
    assert noticing_tests(mutant, 1, lines, known) == sorted(known[:2])
    beside = "tests/app/chat/test_a.py::f"
    assert noticing_tests(mutant, 1, lines, [*known, beside]) == sorted([*known[:2], beside])
    assert noticing_tests(mutant, 9, lines, known) == []
    assert noticing_tests(mutant, 1, {1: [], 2: []}, known) == [known[0], known[2]]


def test_the_tests_of_a_module_are_in_the_folder_of_its_package() -> None:
    assert own_tests("blip2core/cli/options.py") == "tests/cli/"
    assert own_tests("app/chat/session.py") == "tests/app/chat/"
    assert own_tests("blip2core/config.py") == "tests/test_config"


def test_the_report_leaves_out_equivalents_and_knows_its_floors(
    mutants: list[Mutant], capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import asdict

    rows = [asdict(mutant) | {"outcome": "killed"} for mutant in mutants]
    assert report(rows, (0.75, 0.6)) == 0
    rows[0]["outcome"] = "survived"
    assert report(rows[:1], (0.75, 0.6)) == 1 and "survived: least.py:3" in capsys.readouterr().out
    fields = ("module", "operator", "definition", "text")
    listed = [{name: rows[0][name] for name in fields}]
    assert is_equivalent(mutants[0], listed) and not is_equivalent(mutants[1], listed)
