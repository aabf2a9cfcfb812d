"""The Gradio page: a header with the model that answers, the image panel and the tabs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import gradio as gr

from app.chat.example import shipped_example
from app.chat.session import ChatSession
from app.glossary import OPEN_BUTTON
from app.gradio_internals import leave_out_space_header
from app.services import Services
from app.settings import is_zero_gpu
from app.workbench.account import build_account, build_title, greet
from app.workbench.address.page_address import build_address, wire_address
from app.workbench.api import build_api
from app.workbench.capfilt_tab.tab import build_capfilt_tab
from app.workbench.caption_tab.tab import build_caption_tab
from app.workbench.chat_tab.tab import build_chat_tab
from app.workbench.events import MODEL_EVENT
from app.workbench.how_tab.tab import build_how_tab
from app.workbench.image.doubt_line import find_doubt_html
from app.workbench.image.panel import build_panel
from app.workbench.inside_tab.tab import build_inside_tab
from app.workbench.match_tab.tab import build_match_tab
from app.workbench.model_picker import build_model_picker
from app.workbench.save_dialog.dialog import build_save_dialog
from app.workbench.shared_components import SharedComponents

TABS: dict[str, tuple[str, Callable[[Services, SharedComponents], None]]] = {
    "chat": ("Chat", build_chat_tab),
    "caption": ("Caption", build_caption_tab),
    "match": ("Match", build_match_tab),
    "inside": ("Look inside", build_inside_tab),
    "capfilt": ("CapFilt", build_capfilt_tab),
    "how": ("How it answers", build_how_tab),
}
"""Name (as in `?tab=`) -> label, and the function that draws the tab."""
CACHE_SECONDS = (3600, 24 * 3600)
"""How often old uploads are deleted, and from which age on."""


def build_workbench(services: Services) -> gr.Blocks:
    """Build the whole page; it is not yet served."""
    page = gr.Blocks(title="BLIP-2 Studio", analytics_enabled=False, delete_cache=CACHE_SECONDS)
    if not is_zero_gpu():  # there the page says who asks for the GPU
        leave_out_space_header(page)
    with page:
        session = gr.State(ChatSession(services.settings.model, shipped_example()))
        with gr.Row(elem_id="top"):
            title = build_title()
            picker = build_model_picker(services, session, page)
            greet(page, services, title, build_account())
        saving = build_save_dialog(services, page)
        address, matched_texts = build_address(list(TABS)), gr.State("")
        with gr.Row(elem_id="bench"):
            with gr.Column(scale=2, min_width=300, elem_id="panel"):
                panel = build_panel(services, session)
                picker.knows.render()  # type: ignore[no-untyped-call]
            with gr.Column(scale=4, min_width=320, elem_id="work"):
                with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
                    shared = SharedComponents(
                        session=session,
                        panel=panel,
                        model_line=picker.model_line,
                        tabs=tabs,
                        address=address,
                        matched_texts=matched_texts,
                        saving=saving,
                        page=page,
                    )
                    for name, (label, build_tab) in TABS.items():
                        with gr.Tab(label, id=name):
                            build_tab(services, shared)
        # It changes when another model is chosen, and when that is loaded.
        doubted = partial(find_doubt_html, services)
        picker.model_line.change(doubted, session, panel.doubt, **MODEL_EVENT)
        gr.HTML(OPEN_BUTTON, container=False)
        wire_address(services, shared, picker, list(TABS))
        build_api(services)
    return page
