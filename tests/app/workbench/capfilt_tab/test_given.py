"""The images for the next run on screen, and what is typed beside them."""

from pathlib import Path
from typing import Any

from app.inference.capfilt_tasks import CapFiltSession
from app.workbench.capfilt_tab.given import LONGEST_BOX, given_html, on_typed
from tests.app.visitor import upload
from tests.app.workbench.conftest import HOSTILE, event, files, listed


def test_each_image_stands_with_its_texts_and_a_box(tmp_path: Path) -> None:
    pairs = CapFiltSession()
    table = upload(tmp_path, "texts.csv", f"file,text\nb.png,{HOSTILE}\n".encode())
    shown = listed(pairs, [*files(tmp_path, "a.png", "b.png"), table]).given
    first, second = shown.split("<article")[1:]
    assert 'aria-label="Texts from the web for a.png"' in first and "<li>" not in first
    assert "b.png" in second and "<li>&lt;img src=x onerror=alert(1)&gt;</li>" in second
    assert [f'data-key="{one.key}"' in shown for one in pairs.given] == [True, True]


def test_the_list_follows_the_files(tmp_path: Path) -> None:
    pairs = CapFiltSession()
    given = files(tmp_path, "a.png", "b.png")
    for wanted in (given, given[1:], given[::-1], []):
        listed(pairs, wanted)
        assert [one.name for one in pairs.given] == [one["orig_name"] for one in wanted]
    assert given_html(pairs) == ""
    note = listed(pairs, [upload(tmp_path, "note.txt", b"Dear diary")])
    assert "There is no image in these files." in note.given_message


def test_what_was_typed_is_remembered_beside_its_image(tmp_path: Path) -> None:
    def type_(**sent: Any) -> None:
        on_typed(pairs, event(pairs, **sent))

    pairs = CapFiltSession()
    listed(pairs, files(tmp_path, "a.png", "b.png"))
    first, second = (one.key for one in pairs.given)
    type_(key=second, words=HOSTILE)
    assert pairs.typed == {first: "", second: HOSTILE}
    assert 'data-words="&lt;img src=x onerror=alert(1)&gt;"' in given_html(pairs)
    for wrong in ({}, {"key": "made up", "words": "a"}, {"key": [], "words": "a"}, {"key": first}):
        type_(**wrong)
    type_(key=second, words=7)
    assert pairs.typed == {first: "", second: HOSTILE}
    type_(key=first, words="x" * (LONGEST_BOX + 1))
    assert len(pairs.typed[first]) == LONGEST_BOX
