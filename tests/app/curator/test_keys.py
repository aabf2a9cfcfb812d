"""The help opens on every page, and lists the keys that this page has."""

import re
from html import unescape
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from app.curator import keys
from app.curator.main import PAGE_TITLES
from tests.app.curator.conftest import Open


@pytest.mark.parametrize("name", PAGE_TITLES)
def test_every_page_opens_a_table_of_its_own_keys(
    name: str, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed = SimpleNamespace(pressed=False)
    monkeypatch.setattr(keys, "_listener", lambda: lambda **_: pressed)
    assert key_tables(open_page(name)) == []
    pressed.pressed = True
    own = list(keys.REVIEW_KEYS) if name == "review" else []
    assert key_tables(open_page(name)) == [[*own, "G", "?"]]


def key_tables(page: AppTest) -> list[list[str]]:
    """The keys of each table of keys on a page."""
    drawn = [str(one.proto.body) for one in page.get("html")]
    tables = [html for html in drawn if '<table class="keys">' in html]
    return [[unescape(key) for key in re.findall("<kbd>(.*?)</kbd>", one)] for one in tables]
