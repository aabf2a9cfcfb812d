"""The examples of docs/formats.md: each gives the texts that stand behind it, and the sums hold."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from blip2core import cli
from blip2core.exports import FORMATS
from tests.intake.making import png

GUIDE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"^### (.*)\n((?:(?!^##).*\n)*)", GUIDE, re.MULTILINE))
FILE = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"^([\w./]+): (.*)$", re.MULTILINE)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_the_texts_behind_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = dict(FILE.findall(EXAMPLES[name]))
    texts = dict(SHOWN.findall(re.sub(r"```.*?```", "", EXAMPLES[name], flags=re.DOTALL)))
    assert files and texts
    for number, image in enumerate({"1.jpg", "2.jpg"} if "make.py" in files else texts):
        (tmp_path / image).parent.mkdir(exist_ok=True)
        (tmp_path / image).write_bytes(png(number))
    for file, content in files.items():
        (tmp_path / file).write_text(content, "utf-8")
    made = [file for file in files if file == "make.py"]
    if made:
        subprocess.run([sys.executable, "make.py"], cwd=tmp_path, check=True)
        for used in ("make.py", "1.jpg", "2.jpg", "1.txt"):
            (tmp_path / used).unlink(missing_ok=True)
    assert cli.main(["intake", str(tmp_path), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {row["name"]: " | ".join(row["texts"]) for row in rows if row.get("texts")}
    assert {key.rpartition("/")[2]: found[key] for key in found} == {
        key.rpartition("/")[2]: texts[key] for key in texts
    }
    sums = rows[-1]
    count = sum(text.count(" | ") + 1 for text in texts.values())
    assert sums["texts_read"] == sums["texts_new"] == count
    assert sums["problems"] == sums["images_refused"] == 0


def test_every_format_has_a_row_and_its_name() -> None:
    rows = [line for line in GUIDE.splitlines() if line.startswith("| [")]
    assert len(rows) == len(EXAMPLES)
    out = {name for row in rows for name in re.findall(r"`([\w-]+)`", row.split("|")[3])}
    assert out == {name for name, format in FORMATS.items() if not format.one_way}
    linked = {
        anchor for row in rows for anchor in re.findall(r"\]\(#([\w-]+)\)", row.split(" | ")[0])
    }
    titles = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in EXAMPLES}
    assert linked == titles
