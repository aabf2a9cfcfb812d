"""The line below the title: which model answers, what it knows, and which others there are."""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape

import gradio as gr
from huggingface_hub import try_to_load_from_cache

from app.chat.session import ChatSession
from app.inference.engine import Engine
from app.services import Services
from app.workbench.events import PRIVATE_EVENT, Update
from blip2core.errors import Blip2Error
from blip2core.models.specs import SPECS, ModelSpec, find_spec

CHOOSER_SCRIPT = """
element.addEventListener('change', (event) => {
  props.value = event.target.value;
  trigger('input');
});
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model a visitor may choose, or cannot, and why."""

    spec: ModelSpec
    obstacle: str = ""
    """Why it cannot be chosen; empty where it can."""


def build_model_picker(services: Services, session: gr.State, page: gr.Blocks) -> gr.HTML:
    """Draws and wires the line inside the page that is being built.

    What it returns changes with the visitor's model and with its state: a tab that shows something
    of the model listens to its `.change`.
    """
    with gr.Row(elem_id="model"):
        model_line = gr.HTML(
            describe_model(services, services.settings.model), container=False, scale=4
        )
        chooser = gr.HTML(
            services.settings.model,
            html_template=chooser_html(choices(services.settings.model), services.settings.model),
            js_on_load=CHOOSER_SCRIPT,
            container=False,
            elem_id="chooser",
            scale=1,
            min_width=220,
        )
    timer = gr.Timer(1.0)
    changed = chooser.input(
        lambda session, name: on_choose(services, session, name),
        [session, chooser],
        session,
        **PRIVATE_EVENT,
    )
    for event in (page.load, timer.tick, changed.success):
        event(
            lambda session: refresh_model_line(services, session),
            session,
            [model_line, timer],
            queue=False,
            **PRIVATE_EVENT,
        )
    return model_line


def choices(default: str) -> list[ModelChoice]:
    """Every model that answers, the page's own first."""
    specs = [spec for spec in SPECS.values() if spec.kind == "generator"]
    own = find_spec(default)
    others = [spec for spec in specs if spec.name != own.name]
    return [
        ModelChoice(spec=own),
        *(ModelChoice(spec=spec, obstacle=_obstacle(spec)) for spec in others),
    ]


def _obstacle(spec: ModelSpec) -> str:
    """Visitors choose among what is on this machine; fetching gigabytes is for who runs it."""
    if spec.is_embedded:
        return "" if (spec.checkpoint / "config.json").is_file() else "its files are missing"
    here = try_to_load_from_cache(str(spec.checkpoint), "config.json", revision=spec.revision)
    return "" if isinstance(here, str) else f"not downloaded, {size_in_words(spec)}"


def size_in_words(spec: ModelSpec) -> str:
    """What its weights take: 7.5 GB, 15 MB."""
    if spec.gigabytes < 1:
        return f"{1000 * spec.gigabytes:.0f} MB"
    return f"{spec.gigabytes:.1f} GB"


def chooser_html(models: list[ModelChoice], chosen: str) -> str:
    """A select element; what cannot be chosen is greyed, with its reason."""
    options = []
    for model in models:
        state = " disabled" if model.obstacle else " selected" if model.spec.name == chosen else ""
        label = f"{model.spec.name} ({model.obstacle})" if model.obstacle else model.spec.name
        options.append(f'<option value="{escape(model.spec.name)}"{state}>{escape(label)}</option>')
    return f'<label>Model <select aria-label="Model">{"".join(options)}</select></label>'


def on_choose(services: Services, session: ChatSession, name: str) -> ChatSession:
    """Another model for this visitor; a name that may not be chosen changes nothing."""
    allowed = {model.spec.name for model in choices(services.settings.model) if not model.obstacle}
    if name in allowed:
        session.model = name
        services.engine.pair(name)
    return session


def refresh_model_line(services: Services, session: ChatSession) -> tuple[str, Update]:
    """The line as it is now, and whether it may still change by itself."""
    still_loading = not services.engine.pair(session.model).loading.done()
    return describe_model(services, session.model), gr.Timer(active=still_loading)


def describe_model(services: Services, name: str) -> str:
    """HTML of which model answers, where it runs or why it does not, and what it knows."""
    spec, state, words = find_spec(name), *_state(services.engine, name)
    return (
        f'<div class="model"><span class="chip {state}"><b>{escape(spec.name)}</b> '
        f"{escape(words)}</span><span>Knows: {escape(spec.knows)}</span></div>"
    )


def _state(engine: Engine, name: str) -> tuple[str, str]:
    pair = engine.pair(name)
    loading = pair.loading
    if not loading.done():
        return (
            "loading",
            f"loading {size_in_words(pair.spec)}, {time.monotonic() - pair.started:.0f} s so far",
        )
    if (error := loading.exception()) is not None:
        reason = error if isinstance(error, Blip2Error) else "the log says why"
        return "failed", f"not available: {reason}"
    generator = loading.result()
    precision = str(generator.dtype).removeprefix("torch.")
    return "ready", f"ready on {generator.device}, {precision}"
