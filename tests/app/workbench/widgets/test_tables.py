"""Tables of results: escaped, read aloud in full, sorted by what stands in them."""

import re

from PIL import Image

from app.workbench.widgets.tables import (
    Column,
    action_cell,
    image_cell,
    number_cell,
    problems_html,
    score_cell,
    status_html,
    table_html,
    text_cell,
    thumbnail_address,
)

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)> {{value}} ${value}'
COLUMNS = (Column(label="Text"), Column(label="ITM", kind="score"))


def test_no_text_brings_markup() -> None:
    columns = (*COLUMNS, Column(label="", kind="act", sorts=False), Column(label="Picture"))
    row = [text_cell(HOSTILE, HOSTILE), score_cell(0.5), action_cell(HOSTILE)]
    html = table_html(columns, [[*row, image_cell("", HOSTILE)]], title=HOSTILE)
    html += problems_html([(HOSTILE, HOSTILE)]) + status_html(HOSTILE)
    assert "<script" not in html and "<img" not in html
    assert not re.search(r'="[^"]*"[^\s>/]', html), "no attribute ends early"


def test_bar_says_its_number_and_stays_in_its_frame() -> None:
    assert "width:25.0%" in score_cell(0.25).html and "0.250" in score_cell(0.25).html
    assert "width:0.0%" in score_cell(-0.3).html and "-0.300" in score_cell(-0.3).html
    assert "width:100.0%" in score_cell(1.2).html
    assert score_cell(None).order is None and number_cell(None).order is None


def test_sorted_column_is_named() -> None:
    html = table_html(COLUMNS, [[text_cell("a"), score_cell(0.5)]], title="t", sorted_by=1)
    heads = re.findall(r"<th [^>]*>", html)
    assert ['aria-sort="descending"' in head for head in heads] == [False, True]
    assert 'data-order="0.5"' in html


def test_nothing_is_no_table() -> None:
    assert (
        table_html(COLUMNS, [], title="t") == ""
        and problems_html([]) == ""
        and status_html("") == ""
    )


def test_thumbnail_is_small() -> None:
    address = thumbnail_address(Image.effect_noise((2000, 1000), 50))
    assert address.startswith("data:image/webp;base64,")
    assert len(address) < 12_000
