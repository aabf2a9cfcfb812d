"""A text box for a caption: drafts are sent while one types, Ctrl+Enter or the button saves,
Esc leaves. The button is the box's own: one of the page would not know the last words."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit

HERE = Path(__file__).parent
HTML = """<label for="caption-editor"></label>
<textarea id="caption-editor" maxlength="20000"></textarea>
<button type="button" class="save">Save and accept</button>"""


@cache
def _component() -> Callable[..., Any]:
    return streamlit.components.v2.component(
        "caption_editor",
        html=HTML,
        css=(HERE / "editor.css").read_text("utf-8"),
        js=(HERE / "editor.js").read_text("utf-8"),
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
    """Draws the box. Its result has `.draft` and `.save`, each a dict that names the item and the
    caption it belongs to, so that nothing is ever saved to another one.

    `text` fills the box when the place, an item and a caption, is another one than before.
    """
    item, caption = place
    data = {"item": item, "caption": caption, "text": text, "label": label, "focus": focus}
    return _component()(
        data=data,
        key=key,
        on_draft_change=on_draft,
        on_save_change=on_save,
    )
