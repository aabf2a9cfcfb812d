"""The Gradio page: a header that says which model answers, and the tabs below it.

Also the file that a Hugging Face Space runs.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
if __name__ == "__main__":  # run as a file: Python then looks for modules beside it, not above
    sys.path[0] = str(ROOT)

import gradio as gr
from starlette.middleware import Middleware

from app.chat.example import shipped_example
from app.chat.session import ChatSession
from app.services import Services, build_services
from app.serving.hosts import HostGuard
from app.serving.run import Wait, run
from app.serving.users import read_users
from app.settings import AppSettings
from app.workbench.api import build_api
from app.workbench.capfilt_tab.tab import build_capfilt_tab
from app.workbench.caption_tab.tab import build_caption_tab
from app.workbench.chat_tab.tab import build_chat_tab
from app.workbench.events import PRIVATE_EVENT, Update
from app.workbench.image.panel import build_panel
from app.workbench.inside_tab.tab import build_inside_tab
from app.workbench.match_tab.tab import build_match_tab
from app.workbench.model_picker import build_model_picker
from app.workbench.scripts import bundle
from blip2core.errors import ConfigError

HEADER = """<h1>Ask an image</h1>
<p>Talk with it, score any text against it, and see what BLIP-2 looked at.</p>"""
TABS = {
    "chat": ("Chat", build_chat_tab),
    "caption": ("Caption", build_caption_tab),
    "match": ("Match", build_match_tab),
    "inside": ("Look inside", build_inside_tab),
    "capfilt": ("CapFilt", build_capfilt_tab),
}
"""Name (as in `?tab=`) -> label, and what draws it beside the image panel."""
SESSIONS = 100
"""Visitors whose images are kept in memory; the longest absent is forgotten first."""
CACHE_SECONDS = (3600, 24 * 3600)
"""How often uploads are swept away, and at what age."""


def build_workbench(services: Services) -> gr.Blocks:
    """The whole page, not yet served."""
    with gr.Blocks(
        title="BLIP-2 Studio", analytics_enabled=False, delete_cache=CACHE_SECONDS
    ) as page:
        session = gr.State(ChatSession(services.settings.model, shipped_example()))
        gr.HTML(HEADER, elem_id="header", container=False)
        model_line = build_model_picker(services, session, page)
        with gr.Row(elem_id="bench"):
            with gr.Column(scale=2, min_width=320, elem_id="panel"):
                panel = build_panel(services, session)
                panel.model_line = model_line
            with gr.Column(scale=4, min_width=320):
                with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
                    panel.tabs = tabs
                    for name, (label, build_tab) in TABS.items():
                        with gr.Tab(label, id=name):
                            build_tab(services, panel)
        page.load(open_tab, None, tabs, **PRIVATE_EVENT)
        build_api(services)
    return page


def open_tab(request: gr.Request) -> Update:
    """The tab that the address names: `/?tab=chat`."""
    name = request.query_params.get("tab")
    return gr.Tabs(selected=name) if name in TABS else gr.skip()


def serve(page: gr.Blocks, settings: AppSettings) -> str:
    """Serves the page alone, from a background thread; its address."""
    _, address, _ = page.queue(api_open=False, max_size=settings.queue_size).launch(
        server_name=settings.host,
        server_port=settings.port,
        state_session_capacity=SESSIONS,
        auth=read_users(settings.users).check if settings.users else None,
        app_kwargs={"middleware": [Middleware(HostGuard, settings=settings)]},
        quiet=True,
        prevent_thread_lock=True,
        **page_settings(settings),
    )
    return address


def page_settings(settings: AppSettings) -> dict[str, Any]:
    """How the page is served, alone or beside the curator.

    Raises ConfigError where a package is missing for what the settings ask.
    """
    if settings.mcp and importlib.util.find_spec("mcp") is None:
        raise ConfigError("BLIP2_MCP needs one more package: pip install 'blip2-studio[mcp]'.")
    return {
        "max_file_size": f"{settings.max_upload}mb",
        "theme": calm_theme(),
        "css_paths": [HERE / "style.css", HERE / "tabs.css"],
        "head": f'<script type="module">{bundle([HERE / "keys.js"], "listenToPage();")}</script>',
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "mcp_server": settings.mcp,
        "show_error": False,
        "ssr_mode": False,
    }


def calm_theme() -> gr.themes.Base:
    """Quiet greys and one teal, light and dark; fonts come with Gradio, so none is fetched."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        # Gradio's default pairs 400 with 600, of which its package holds a part of the letters.
        font=[gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
    )
    return theme.set(
        body_text_color_subdued="*neutral_500",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_800",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
    )


def serve_alone(settings: AppSettings) -> tuple[str, Wait]:
    """The workbench without curator and database, as a Space runs it."""
    page = build_workbench(build_services(settings))
    return serve(page, settings), page.block_thread


if __name__ == "__main__":
    sys.exit(run(serve_alone))
