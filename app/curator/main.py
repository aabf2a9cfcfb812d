"""The Streamlit script of the curator: navigation, sidebar, and the page that is open.

Served beside the workbench by `python -m app`; alone with
`streamlit run app/curator/main.py --runner.magicEnabled false --server.address localhost`. Without
the first option the strings under constants, which describe them, are drawn on the page; without
the second it does not work, as nobody logs in there.
"""

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
if str(_ROOT) not in sys.path:  # Streamlit puts the folder of the script there, not the one above
    sys.path.insert(0, str(_ROOT))

import streamlit
from streamlit.navigation.page import Page

from app.curator.context import build_context
from app.curator.glossary import offer_glossary
from app.curator.header import draw_header, draw_style
from app.curator.keys import listen_to_keys
from app.curator.outages import tells_outages
from app.request_info import current_request
from app.roles import treat_everyone_as_owner
from app.services import is_shared, shared
from app.settings import LOCAL
from blip2core.errors import StorageError

PAGE_TITLES = {
    "inbox": "Inbox",
    "review": "Review",
    "thresholds": "Thresholds",
    "runs": "Runs",
    "export": "Export",
    "people": "People",
    "feedback": "Feedback",
    "takedown": "Take down",
}
"""Name of the file in app/curator/views, which is the address too -> title."""


def main() -> None:
    """Draw the page that the address names."""
    icon = str(_ROOT / "app" / "icon.png")
    streamlit.set_page_config(page_title="BLIP-2 Studio: curator", page_icon=icon, layout="wide")
    if not is_shared() and streamlit.get_option("server.address") not in LOCAL:
        streamlit.error(
            "Alone, the curator asks nobody who they are: serve it to this machine only, with "
            "`--server.address localhost`, or start the studio with `python -m app`."
        )
        streamlit.stop()
    if not is_shared():  # nobody shared services, so nothing is in front that knows who asks
        treat_everyone_as_owner()
    first = next(iter(PAGE_TITLES))
    # Streamlit serves the default page at the root alone, so the first page is there twice.
    pages = [
        streamlit.Page(f"views/{first}.py", title=PAGE_TITLES[first], url_path="home", default=True)
    ]
    pages += [
        streamlit.Page(
            f"views/{name}.py",
            title=title,
            url_path=name,
            visibility="hidden" if name == first else "visible",
        )
        for name, title in PAGE_TITLES.items()
    ]
    page = streamlit.navigation(pages, position="top")
    draw_style()
    draw(page)


@tells_outages
def draw(page: Page) -> None:
    """Draw the header, the sidebar and the page."""
    draw_header(shared())
    listen_to_keys(page.url_path)
    streamlit.session_state["context"] = build_context(shared())
    offer_glossary()
    try:
        page.run()
    except StorageError:  # a sentence, which `tells_outages` draws
        raise
    except Exception:  # Streamlit tells of it, without details; what steers a page is no Exception
        request = current_request()
        if request is not None:
            streamlit.error(f"The page stopped here (reference {request.id}).")
        raise


if __name__ == "__main__":
    main()
