"""The link to the workbench, an address that any page of the curator can follow."""

import re
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from app.curator.workbench_link import workbench_address
from app.roles import VISITOR_HEADER
from tests.app.curator.conftest import Open


@pytest.mark.parametrize(
    ("caption", "address"),
    [(7, "../?tab=inside&item=3&text=7"), (None, "../?tab=inside&item=3")],
)
def test_an_item_is_named_with_the_text_that_is_chosen(caption: int | None, address: str) -> None:
    assert workbench_address(3, caption) == address


def links(page: AppTest) -> list[str]:
    return [one.proto.body for one in page.get("html") if "Open in the workbench" in one.proto.body]


def test_there_is_no_link_where_the_curator_is_served_alone(open_page: Open) -> None:
    assert links(open_page("review")) == []


def test_the_review_page_links_to_the_item_with_its_chosen_text(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = SimpleNamespace(headers={VISITOR_HEADER: "owner ada"})
    monkeypatch.setattr("streamlit.context", asked)
    (link,) = links(open_page("review"))
    assert re.search(r'href="\.\./\?tab=inside&amp;item=\d+&amp;text=\d+" target="_top"', link)
