"""A text box for a caption that sends drafts while one types.

Ctrl+Enter or its button saves, Esc leaves. The button is part of the component, as a button of
Streamlit's would not know the words that were typed last.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit

_FOLDER = Path(__file__).parent
_HTML = """<label for="caption-editor"></label>
<textarea id="caption-editor" maxlength="20000"></textarea>
<button type="button" class="save">Save and accept</button>"""


@cache
def _component() -> Callable[..., Any]:
    return streamlit.components.v2.component(
        "caption_editor",
        html=_HTML,
        css=(_FOLDER / "editor.css").read_text("utf-8"),
        js=(_FOLDER / "editor.js").read_text("utf-8"),
        isolate_styles=False,  # in a shadow root, letters typed here would count as shortcuts
    )


def caption_editor(
    place: tuple[int, int],
    text: str,
    *,
    label: str,
    on_draft: Callable[[], None],
    on_save: Callable[[], None],
    key: str = "editor",
    focus: bool = True,
) -> Any:
    """Draw the box for the text of `place`, an item and a caption (0: a new text).

    The result has `.draft` and `.save`, each a dict with the item and the caption it belongs to,
    so that no text is saved to another one. `text` fills the box when the place changes.
    """
    item, caption = place
    data = {"item": item, "caption": caption, "text": text, "label": label, "focus": focus}
    return _component()(
        data=data,
        key=key,
        on_draft_change=on_draft,
        on_save_change=on_save,
    )
