"""The help of the review page opens where somebody asks for it."""

from app.curator.keys import KEYMAP
from tests.app.curator.conftest import Open


def test_the_button_opens_a_table_of_all_keys(open_page: Open) -> None:
    page = open_page("review")
    assert not page.table
    page = page.button(key="help").click().run()
    assert list(page.table[0].value["key"]) == list(KEYMAP)
