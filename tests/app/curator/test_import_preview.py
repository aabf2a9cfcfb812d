"""Before an import the inbox shows the tables, and which column is what can be chosen."""

import json
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.curator.import_preview import (
    COLUMNS_SHOWN,
    IDS_ARE_IN,
    IMAGES_ARE_IN,
    NO_IMAGES,
    TEXTS_ARE_IN,
    chosen_columns,
    rows_html,
)
from app.jobs import Import
from app.services import Services
from blip2core.intake import Columns, NamedFile, preview, read
from blip2core.records import WebImage
from tests.app.curator.conftest import Open, change_settings
from tests.intake.making import png, zipped

TABLE = b"file_name,legend,title,nr\n1.png,the first one,a dog,7\n"
HOSTILE = (
    "file_name,<script>x</script>,text\n"
    '1.png,"<img src=x onerror=alert(1)>",**bold** $x$ ![a](http://evil.example/a.png)\n'
)


def look(page: AppTest, path: Path) -> AppTest:
    """Fills in a folder or file of the machine."""
    page.text_input("into").set_value("mine").run()
    page.text_input("path-0").set_value(str(path)).run()
    assert not page.exception
    return page


def box(page: AppTest, label: str) -> object:
    (found,) = [one for one in (*page.selectbox, *page.multiselect) if one.label == label]
    return found


def press_import(page: AppTest, services: Services) -> Import:
    next(one for one in page.button if one.label == "Import").click().run()
    assert not page.exception
    (job,) = services.jobs.added
    assert isinstance(job, Import)
    return job


def html_of(page: AppTest) -> str:
    return "".join(str(part.proto.body) for part in page.main.get("html"))


def roles_in(html: str) -> dict[str, str]:
    found = re.findall(r'<th scope="col"><span class="role \w+">([\w ]+)</span>([^<]*)</th>', html)
    return {name: role for role, name in found}


def test_who_just_presses_import_gets_what_is_guessed(
    open_page: Open, services: Services, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_bytes(TABLE)
    page = look(open_page("inbox"), tmp_path / "t.csv")
    assert box(page, IMAGES_ARE_IN).value == "file_name"  # type: ignore[attr-defined]
    assert box(page, TEXTS_ARE_IN).value == ["title"]  # type: ignore[attr-defined]
    assert box(page, IDS_ARE_IN).value == ""  # type: ignore[attr-defined]
    assert roles_in(html_of(page)) == {
        "file_name": "image",
        "title": "text",
        "nr": "data",
        "legend": "not used",
    }
    assert press_import(page, services).columns == {}


def test_what_was_chosen_is_shown_and_used_for_all_tables_of_the_kind(
    open_page: Open, services: Services, tmp_path: Path
) -> None:
    members = {"a/t.csv": TABLE, "b/t.csv": TABLE, "c.tsv": b"path\ttext\n1.png\ta b\n"}
    (tmp_path / "set.zip").write_bytes(zipped(members))
    page = look(open_page("inbox"), tmp_path / "set.zip")
    assert "<b>a/t.csv</b> CSV, and 1 table like it" in html_of(page)
    first = next(one for one in page.multiselect if one.label == TEXTS_ARE_IN)
    first.set_value(["legend"]).run()
    next(one for one in page.selectbox if one.label == IDS_ARE_IN).set_value("nr").run()
    roles = roles_in(html_of(page))
    assert (roles["legend"], roles["title"], roles["nr"]) == ("text", "not used", "id")
    chosen = Columns(path="file_name", texts=("legend",), id="nr", complete=True)
    kind = preview(tmp_path / "set.zip")[0].kind
    assert press_import(page, services).columns == {kind: chosen}


def test_a_table_without_a_known_image_column_asks_for_one(
    open_page: Open, services: Services, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_bytes(b"foto,words\n1.png,a red dog\n")
    (tmp_path / "1.png").write_bytes(png())
    page = look(open_page("inbox"), tmp_path / "t.csv")
    assert [one.value.replace("\\", "") for one in page.warning] == [NO_IMAGES]
    box(page, IMAGES_ARE_IN).set_value("foto").run()  # type: ignore[attr-defined]
    assert not page.warning
    columns = press_import(page, services).columns
    kind = preview(tmp_path / "t.csv")[0].kind
    assert columns == {kind: Columns(path="foto", complete=True)}


def test_an_annotation_file_is_named_with_its_first_images(open_page: Open, tmp_path: Path) -> None:
    coco = {
        "images": [{"id": n, "file_name": f"{n}.png"} for n in range(5)],
        "annotations": [{"image_id": n, "caption": f"<b>{n}</b>"} for n in range(5)],
    }
    (tmp_path / "c.json").write_text(json.dumps(coco))
    (tmp_path / "1.png").write_bytes(png())
    page = look(open_page("inbox"), tmp_path)
    html = html_of(page)
    assert "<b>c.json</b> COCO captions" in html and not page.multiselect
    assert html.count("<li>") == 3 and "<p>&lt;b&gt;2&lt;/b&gt;</p>" in html
    assert html.count("data:image/jpeg;base64,") == 1


def test_hostile_tables_are_shown_as_text(open_page: Open, tmp_path: Path) -> None:
    (tmp_path / "a&b.csv").write_text(HOSTILE)
    html = html_of(look(open_page("inbox"), tmp_path / "a&b.csv"))
    assert "<script" not in html and "<img" not in html
    assert "&lt;script&gt;x&lt;/script&gt;" in html and "a&amp;b.csv" in html
    assert "**bold** $x$ ![a](http://evil.example/a.png)" in html


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.mp4", b"\0\0\0\x18ftypmp42", "neither an image"),
        ("a.zip", b"", r"a\.zip is empty|a.zip is empty"),
        ("a.zip", b"PK\x03\x04 no zip", "not a whole zip archive"),
        ("a.csv", b"", "The file is empty"),
        ("a.parquet", b"PAR1", "damaged"),
        ("a.csv", b",".join(b"c%d" % n for n in range(10_000)), "10,000 columns"),
        ("a.csv", b"x" * 3_000_000, "far too long"),
        ("a.csv", b"%PDF-1.7\n\xe2\xe3\n", "Choose under"),
    ],
    ids=lambda value: value[:9] if isinstance(value, str) else "",
)
def test_a_wrong_file_is_told_before_it_is_imported(
    open_page: Open, tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(data)
    page = look(open_page("inbox"), tmp_path / name)
    assert [one.value for one in page.warning if re.search(said, one.value.replace("\\", ""))]


def test_what_nobody_foresaw_does_not_keep_an_import_back(
    open_page: Open, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(source: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.curator.import_preview.preview", fails)
    page = look(open_page("inbox"), tmp_path)
    assert [one.value for one in page.warning] == [
        "What is in it cannot be shown before the import."
    ]
    assert press_import(page, services).sources == [tmp_path]


def test_a_folder_that_may_not_be_read_is_not_looked_into(
    open_page: Open, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "t.csv").write_bytes(TABLE)
    change_settings(monkeypatch, services, import_root=tmp_path / "root")
    for path in (tmp_path, tmp_path / "t.csv", tmp_path / "root" / ".." / "t.csv"):
        assert "file_name" not in html_of(look(open_page("inbox"), path))


def test_a_table_is_looked_at_once(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []

    def count(source: object) -> tuple[object, ...]:
        looked.append(source)
        return preview(source)  # type: ignore[arg-type]

    monkeypatch.setattr("app.curator.import_preview.preview", count)
    (tmp_path / "t.csv").write_bytes(TABLE)
    page = look(open_page("inbox"), tmp_path / "t.csv")
    box(page, TEXTS_ARE_IN).set_value(["legend"]).run()  # type: ignore[attr-defined]
    assert looked == [tmp_path / "t.csv"]


def test_only_some_of_many_columns_are_drawn_those_that_are_used_first() -> None:
    header = ",".join(f"c{number}" for number in range(20))
    (found,) = preview(NamedFile("t.csv", f"{header},image,text\n{'x,' * 20}1,a b\n".encode()))
    html = rows_html(found, None)
    assert list(roles_in(html))[:3] == ["image", "text", "c0"]
    assert html.count("<th") == COLUMNS_SHOWN + 1 and "and 10 columns more" in html


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (("image", ["text"], "id"), None),
        (("image", ["x", "text"], "id"), {"path": "image", "url": "url", "page_url": "page"}),
        (("x", ["text"], "id"), {"path": "x", "url": None, "license": "license"}),
        (("image", ["url", "page"], None), {"url": None, "page_url": None, "id": None}),
        ((None, [], "license"), {"path": None, "texts": (), "license": None, "id": "license"}),
    ],
)
def test_a_choice_says_of_every_column_what_it_is(
    choice: tuple[str | None, list[str], str | None], expected: dict[str, object] | None
) -> None:
    table = b"image,url,text,page,license,id,x\n1,2,a b,4,5,6,7\n"
    (found,) = preview(NamedFile("t.csv", table))
    chosen = chosen_columns(found, *choice)
    if expected is None:
        assert chosen is None
    else:
        assert chosen is not None and chosen.complete
        assert {name: getattr(chosen, name) for name in expected} == expected


def test_a_folder_beside_uploads_has_one_choice_for_tables_of_one_kind(
    open_page: Open, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_bytes(TABLE)
    page = look(open_page("inbox"), tmp_path / "t.csv")
    page.file_uploader[0].set_value([("u.csv", TABLE, "text/csv")]).run()
    assert "<b>u.csv</b> CSV, and 1 table like it" in html_of(page)
    assert box(page, TEXTS_ARE_IN)


def test_uploads_are_shown_and_imported_with_what_was_chosen(
    open_page: Open, services: Services
) -> None:
    page = open_page("inbox")
    uploads = [("1.png", png(5), "image/png"), ("a/t.csv", TABLE, "text/csv")]
    page.file_uploader[0].set_value(uploads).run()
    assert not page.exception
    html = html_of(page)
    assert "t.csv</b> CSV" in html and html.count("data:image/jpeg;base64,") == 1
    box(page, TEXTS_ARE_IN).set_value(["legend"]).run()  # type: ignore[attr-defined]
    job = press_import(page, services)
    names = [one.name for one in job.sources if isinstance(one, NamedFile)]
    assert names == ["1.png", "a/t.csv"]
    found = [one for one in read(job.sources, columns=job.columns) if isinstance(one, WebImage)]
    assert [one.texts for one in found] == [("the first one",)]
