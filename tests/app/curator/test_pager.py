"""Pages of a list, forth and back."""

from streamlit.testing.v1 import AppTest

PAGES = 3


def script() -> None:
    import streamlit

    from app.curator.pager import draw_pager

    cursors = streamlit.session_state.setdefault("cursors", [None])
    streamlit.write(f"page {len(cursors)}")
    following = len(cursors) if len(cursors) < 3 else None
    draw_pager(cursors, following, label="Next", key="list")


def test_back_is_there_from_the_second_page_and_next_until_the_last() -> None:
    page = AppTest.from_function(script).run()
    seen = []
    for press in ("list-next", "list-next", "list-back", "list-back", None):
        state = page.button(key="list-back").disabled, page.button(key="list-next").disabled
        seen.append((page.markdown[0].value, *state))
        if press:
            page = page.button(key=press).click().run()
    first, second, last = (
        ("page 1", True, False),
        ("page 2", False, False),
        ("page 3", False, True),
    )
    assert seen == [first, second, last, second, first]
