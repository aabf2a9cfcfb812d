"""Streamlit: the curator. Navigation over the pages; the sidebar is the desk of whoever sits there.

Served beside the workbench by `python -m app`; alone with `streamlit run app/curator/main.py`.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATIC = Path(__file__).parent / "static"
if str(ROOT) not in sys.path:  # Streamlit puts the folder of the script there, not the one above
    sys.path.insert(0, str(ROOT))

import streamlit

from app.curator.context import build_context
from app.services import shared

PAGES = {
    "inbox": "Inbox",
    "review": "Review",
    "thresholds": "Thresholds",
    "runs": "Runs",
    "export": "Export",
    "people": "People",
}
"""File below app/curator/views, and address -> title."""


def main() -> None:
    """Draw the page that the address names."""
    streamlit.set_page_config(
        page_title="BLIP-2 Studio: curator", page_icon=str(STATIC / "icon.png"), layout="wide"
    )
    pages = [
        streamlit.Page(f"views/{name}.py", title=title, url_path=name, default=name == "inbox")
        for name, title in PAGES.items()
    ]
    page = streamlit.navigation(pages, position="top")
    streamlit.html(STATIC / "curator.css")
    streamlit.session_state["context"] = build_context(shared())
    page.run()


if __name__ == "__main__":
    main()
