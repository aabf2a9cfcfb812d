"""The model that answers, what it knows, and the choice of another."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from huggingface_hub import try_to_load_from_cache

from app.chat.session import ChatSession
from app.inference.engine import Engine
from app.roles import Visitor, visitor_of
from app.services import Services
from app.workbench.events import PRIVATE_EVENT, SKIP, Update, components_named
from app.workbench.scripts import bundle
from blip2core.errors import Blip2Error
from blip2core.models.specs import SPECS, ModelSpec, find_spec

_CODE = Path(__file__).with_suffix(".js")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model among which a visitor chooses."""

    spec: ModelSpec
    obstacle: str = ""
    """Why it cannot be chosen; empty where it can."""


class ModelLineUpdate(NamedTuple):
    """New values of what is said of the model."""

    model_line: str
    knows: str
    timer: Update


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPicker:
    """The components that tell of the model, and let another be chosen."""

    model_line: gr.HTML
    """Which model answers, and where it runs. Changes with the visitor's model and with its state:
    a tab that shows something of the model listens to its `.change`."""
    knows: gr.HTML
    """What the model knows; not yet drawn."""
    chooser: gr.HTML
    """A select element; its `input` event says that the visitor chose."""
    timer: gr.Timer
    """Ticks while the model loads."""


def build_model_picker(services: Services, session: gr.State, page: gr.Blocks) -> ModelPicker:
    """Draw and wire the choice inside the page that is being built.

    Its `model_line` changes with the visitor's model and with the state of that model: a
    tab that shows something of the model listens to its `.change`.
    """
    picker = _build(services)
    changed = picker.chooser.input(
        choose_of(services),
        [session, picker.chooser],
        [session, picker.chooser],
        **PRIVATE_EVENT,
    )
    for event in (page.load, picker.timer.tick, changed.success):
        event(
            partial(refresh_model_line, services),
            session,
            components_named(ModelLineUpdate._fields, picker),
            queue=False,
            **PRIVATE_EVENT,
        )
    return picker


def _build(services: Services) -> ModelPicker:
    with gr.Row(elem_id="model"):
        model_line = gr.HTML(
            describe_model(services, services.settings.model), container=False, scale=0, min_width=0
        )
        chooser = gr.HTML(
            services.settings.model,
            html_template=chooser_html(choices(services.settings.model), services.settings.model),
            js_on_load=bundle([_CODE], "listenToChooser(element, props, trigger, watch);"),
            container=False,
            elem_id="chooser",
            scale=0,
            min_width=0,
        )
    knows = gr.HTML(
        describe_knowledge(services.settings.model), container=False, elem_id="knows", render=False
    )
    return ModelPicker(model_line=model_line, knows=knows, chooser=chooser, timer=gr.Timer(1.0))


def choices(default: str) -> list[ModelChoice]:
    """Return every model that answers, the default of the page first."""
    specs = [spec for spec in SPECS.values() if spec.kind == "generator"]
    own = find_spec(default)
    others = [spec for spec in specs if spec.name != own.name]
    return [
        ModelChoice(spec=own),
        *(ModelChoice(spec=spec, obstacle=_obstacle(spec)) for spec in others),
    ]


def _obstacle(spec: ModelSpec) -> str:
    """Return why a visitor cannot choose a model: only who runs the app downloads gigabytes."""
    if isinstance(spec.checkpoint, Path):
        return "" if (spec.checkpoint / "config.json").is_file() else "its files are missing"
    here = try_to_load_from_cache(spec.checkpoint, "config.json", revision=spec.revision)
    return "" if isinstance(here, str) else f"not downloaded, {size_in_words(spec)}"


def size_in_words(spec: ModelSpec) -> str:
    """Return the size of a model's weights: 7.5 GB, 15 MB."""
    if spec.gigabytes < 1:
        return f"{1000 * spec.gigabytes:.0f} MB"
    return f"{spec.gigabytes:.1f} GB"


def chooser_html(models: list[ModelChoice], chosen: str) -> str:
    """Return a select element; a model that cannot be chosen is disabled, with the reason."""
    options = []
    for model in models:
        state = " disabled" if model.obstacle else " selected" if model.spec.name == chosen else ""
        label = f"{model.spec.name} ({model.obstacle})" if model.obstacle else model.spec.name
        options.append(f'<option value="{escape(model.spec.name)}"{state}>{escape(label)}</option>')
    select = f'<select aria-label="Model">{"".join(options)}</select>'
    return f"<label><span>Model</span> {select}</label>"


def choose_of(services: Services) -> Any:
    """Return the listener of a choice; Gradio finds the request by its annotation."""

    def choose(session: ChatSession, name: str, request: gr.Request) -> tuple[ChatSession, Update]:
        if problem := on_choose(services, session, name, visitor_of(request.headers)):
            gr.Warning(problem)
            models = choices(services.settings.model)
            return session, gr.update(html_template=chooser_html(models, session.model))
        return session, SKIP

    return choose


def on_choose(services: Services, session: ChatSession, name: str, visitor: Visitor) -> str:
    """Give this visitor another model, or return why not; that changes nothing.

    A model that is large and not yet loaded takes the memory, and the time, of everybody.
    """
    offered = {model.spec.name: model for model in choices(services.settings.model)}
    chosen = offered.get(name)
    if chosen is None or chosen.obstacle:
        return "This model cannot be chosen here."
    is_at_hand = chosen.spec.is_embedded or services.engine.has(name)
    if not is_at_hand and not visitor.may("switch model"):
        return f"Only an owner of the studio has {name} loaded."
    session.model = name
    services.engine.pair(name)
    return ""


def refresh_model_line(services: Services, session: ChatSession) -> ModelLineUpdate:
    """Return what is said of the model now; the timer runs while it may still change by itself."""
    still_loading = not services.engine.pair(session.model).loading.done()
    return ModelLineUpdate(
        model_line=describe_model(services, session.model),
        knows=describe_knowledge(session.model),
        timer=gr.Timer(active=still_loading),
    )


def describe_model(services: Services, name: str) -> str:
    """Return HTML of the model that answers: where it runs, or why not."""
    state, words = _state(services.engine, name)
    return f'<div class="badge {state}"><b>{escape(find_spec(name).name)}</b> {escape(words)}</div>'


def describe_knowledge(name: str) -> str:
    """Return HTML of what a model knows."""
    return f"<p>Knows: {escape(find_spec(name).knows)}</p>"


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
