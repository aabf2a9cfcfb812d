"""Files that are in their links."""

import base64
import csv
import io
import json
import re

import pytest

from app.workbench.widgets.downloads import csv_file, links
from blip2core.texts import spreadsheet_safe

HOSTILE = ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", " =1"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_a_formula(text: str) -> None:
    read = list(csv.reader(io.StringIO(csv_file(["a"], [{"a": text}]), newline="")))
    assert read[1] == [f"'{text}"]


def test_numbers_stay_numbers() -> None:
    assert spreadsheet_safe(-0.5) == -0.5 and spreadsheet_safe(None) is None
    assert spreadsheet_safe("a - b") == "a - b"
    rows = [{"a": -0.5, "b": None}, {"a": "a - b", "b": 3}]
    assert csv_file(["a", "b"], rows) == "a,b\r\n-0.5,\r\na - b,3\r\n"


def test_link_holds_the_file() -> None:
    html = links("captions", ["a"], [{"a": 'é "quoted", <b>'}], {"a": "é"})
    found = dict(re.findall(r'download="([^"]+)" href="data:[^"]*base64,([^"]+)"', html))
    files = {name: base64.b64decode(data).decode() for name, data in found.items()}
    assert files["captions.csv"] == '\ufeffa\r\n"é ""quoted"", <b>"\r\n'
    assert json.loads(files["captions.json"]) == {"a": "é"}
