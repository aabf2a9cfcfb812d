"""The Markdown of a conversation can be read, and holds nothing but text."""

from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.chat.archive_schema import saved
from app.chat.markdown import as_markdown
from app.escaping import escape_markdown
from tests.app.chat.conversations import ANSWERED, FAILED, HOSTILE, STOPPED, talked


def tokens(markdown: str) -> list[Token]:
    """What a reader of Markdown makes of it, inner tokens too."""
    blocks = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)
    return [token for block in blocks for token in (block, *(block.children or []))]


def document(image: str = "") -> str:
    session = talked(ANSWERED, STOPPED, FAILED)
    return as_markdown(saved(session.image, "image.jpg", session.turns), image)


def test_hostile_text_stays_text() -> None:
    kinds = {token.type for token in tokens(document())}
    assert kinds.isdisjoint({"html_inline", "html_block", "link_open", "image", "table_open"})
    levels = [token.tag for token in tokens(document()) if token.type == "heading_open"]
    assert levels == ["h1", "h2", "h2", "h2"]


def test_the_words_are_all_there() -> None:
    shown = " ".join(token.content for token in tokens(document()) if token.type == "text")
    together = shown.replace(" ", "")
    assert HOSTILE.replace("\n", "").replace(" ", "") in together
    for words in ("a small dog", "sampling", "seed 7", "0.2 s", "disliked", "(stopped)"):
        assert words.replace(" ", "") in together


def test_the_image_is_named_where_it_lies_beside() -> None:
    assert "![The image](image.jpg)" in document("image.jpg")
    assert "![" not in document().replace("\\!", "")


def test_a_line_cannot_begin_something() -> None:
    for text in ("- a", "1. a", "1) a", "+ a", "=== ", "# a", "> a", "    a", "~~~", "***"):
        kinds = [token.type for token in tokens(f"{escape_markdown(text)}\n")]
        assert kinds[0] == "paragraph_open", text
    assert escape_markdown("a\n\n# b") == "a \\# b"


def test_a_name_cannot_become_an_icon() -> None:
    """Streamlit draws one for this, escaped or not; nothing else may stand between its letters."""
    escaped = escape_markdown("x :material/home: y")
    assert ":material/" not in escaped
    assert escaped.replace("\u2060", "") == r"x \:material/home\: y"
