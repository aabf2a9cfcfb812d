"""What commands print is safe on a terminal, and still the same JSON."""

import json

import pytest

from blip2core.cli.output import visible_json, write_row


def test_json_of_a_terminal_spells_out_what_steers_it() -> None:
    hostile = "x\x1b[31m\x9b31m\u202e\u2028\u2029\u200b\U000e0041\ud800\n"
    line = visible_json({hostile: [hostile]})
    assert line.isascii() and line.isprintable()
    assert json.loads(line) == {hostile: [hostile]}
    letters = {"é ж 狗": "🐕 naïve “dog”"}
    assert visible_json(letters) == json.dumps(letters, ensure_ascii=False)


def test_rows_are_printed_so(capsys: pytest.CaptureFixture[str]) -> None:
    write_row({"name": "a\x9b\u202e"}, True)
    assert capsys.readouterr().out == '{"name": "a\\u009b\\u202e"}\n'
