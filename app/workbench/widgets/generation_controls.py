"""The settings of a question, folded away: decoding, length, seed, the words around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr

from app.chat.generation_settings import HISTORIES, LONGEST_CUSTOM, PROMPT_STYLES
from app.inference.decoding import DECODING, SETTING_LIMITS
from app.settings import USUAL_NEW_TOKENS
from app.workbench.events import PRIVATE_EVENT, Update, components_named
from blip2core.records import HistoryPolicy

Control = gr.Dropdown | gr.Radio | gr.Slider | gr.Textbox

HINTS = {
    "greedy": "The likeliest word each time: the same question has the same answer.",
    "sample": "Words are drawn by their probability: each seed has an answer of its own.",
    "beam": "Several answers grow side by side. Beam search shows the leading beam, which may "
    "change as it goes.",
}
APPLIES = {"sample": ("temperature", "top_p", "seed"), "beam": ("beams", "length_penalty")}
"""Mode -> the controls that it alone uses; the others serve all modes."""
SEED_HINT = "Blank: a new one each time, shown here afterwards."


class ModeUpdate(NamedTuple):
    """New states of the controls that depend on the mode."""

    mode: Update
    temperature: Update
    top_p: Update
    seed: Update
    beams: Update
    length_penalty: Update


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingControls:
    """The controls of decoding, one for each name in `app.inference.decoding.DECODING`."""

    mode: gr.Radio
    max_new_tokens: gr.Slider
    min_new_tokens: gr.Slider
    repetition_penalty: gr.Slider
    temperature: gr.Slider
    top_p: gr.Slider
    beams: gr.Slider
    length_penalty: gr.Slider
    seed: gr.Textbox

    @property
    def inputs(self) -> list[Control]:
        """The controls in the order in which `decode_from` takes their values."""
        return [getattr(self, name) for name in DECODING]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionControls:
    """The controls of a question."""

    decoding: DecodingControls
    style: gr.Radio
    """Which words stand around the question."""
    custom: gr.Textbox
    """The visitor's own words around the question."""
    history: gr.Dropdown
    """How many of the earlier turns go with the question."""

    @property
    def inputs(self) -> list[Control]:
        """The controls in the order in which `settings_from` takes their values."""
        return [*self.decoding.inputs, self.style, self.custom, self.history]


def build_controls(max_new_tokens: int, own: HistoryPolicy) -> QuestionControls:
    """Draw and wire the controls of a question inside the page that is being built.

    `own` is the history policy of the model that is chosen first.
    """
    decoding = build_decoding(max_new_tokens)
    style = gr.Radio(
        [
            ("The model's own", "own"),
            ("Plain", "plain"),
            (PROMPT_STYLES["answer"].replace("{question}", "…"), "answer"),
            (PROMPT_STYLES["short"].replace("{question}", "…"), "short"),
            ("Your own words", "custom"),
        ],
        value="own",
        label="Prompt style",
        info="The words around the question. Models answer best in those they were trained with.",
        elem_id="style",
    )
    custom = gr.Textbox(
        label="Your own words",
        info="{question} stands for the question.",
        value="Look closely. {question} It is",
        max_length=LONGEST_CUSTOM,
        visible=False,
    )
    style.change(on_style, style, custom, **PRIVATE_EVENT)
    history = gr.Dropdown(
        history_choices(own),
        value="own",
        label="Earlier turns that are sent",
        info="More is not better: models answer worse after talks longer than they know.",
        elem_id="history",
    )
    return QuestionControls(decoding=decoding, style=style, custom=custom, history=history)


def history_choices(own: HistoryPolicy) -> list[tuple[str, str]]:
    """Return how many earlier turns can be sent, in words, and as the settings have it."""
    if own.turns is not None:
        words = f"the latest {own.turns}, as measured"
    else:
        words = f"the latest, up to {own.tokens} tokens" if own.tokens else "all"
    named = {"own": f"This model's own: {words}", "0": "None", "1": "The latest one"}
    named["all"] = "All that there is room for"
    return [(named.get(one, f"The latest {one}"), one) for one in HISTORIES]


def build_decoding(
    max_new_tokens: int, *, mode: str = "greedy", elem_id: str = "mode"
) -> DecodingControls:
    """Draw and wire the controls of decoding alone; `mode` is the one that is chosen first."""
    sample, beam = mode == "sample", mode == "beam"
    modes = gr.Radio(
        [("Greedy", "greedy"), ("Sampling", "sample"), ("Beam search", "beam")],
        value=mode,
        label="Decoding",
        info=HINTS[mode],
        elem_id=elem_id,
    )
    with gr.Row():
        temperature = _slider("temperature", "Temperature", 1.0, 0.05, applies=sample)
        top_p = _slider("top_p", "Top-p", 0.9, 0.05, applies=sample)
        seed = gr.Textbox(
            label="Seed", info=SEED_HINT, placeholder="random", max_length=20, interactive=sample
        )
    with gr.Row():
        beams = _slider("beams", "Beams", 5, 1, applies=beam)
        length_penalty = _slider("length_penalty", "Length penalty", 1.0, 0.1, applies=beam)
    with gr.Row():
        most = min(max_new_tokens, int(SETTING_LIMITS["max_new_tokens"][1]))
        controls = DecodingControls(
            mode=modes,
            max_new_tokens=_slider(
                "max_new_tokens", "Max new tokens", min(USUAL_NEW_TOKENS, most), 1, limit=most
            ),
            min_new_tokens=_slider("min_new_tokens", "Min new tokens", 0, 1),
            repetition_penalty=_slider("repetition_penalty", "Repetition penalty", 1.0, 0.05),
            temperature=temperature,
            top_p=top_p,
            beams=beams,
            length_penalty=length_penalty,
            seed=seed,
        )
    dependent = components_named(ModeUpdate._fields, controls)
    modes.change(on_mode, modes, dependent, **PRIVATE_EVENT)
    return controls


def _slider(
    name: str,
    label: str,
    value: float,
    step: float,
    *,
    applies: bool = True,
    limit: float | None = None,
) -> gr.Slider:
    least, most = SETTING_LIMITS[name]
    most = most if limit is None else limit
    return gr.Slider(
        least, most, value, step=step, label=label, interactive=applies, buttons=[], min_width=160
    )


def on_mode(mode: str) -> ModeUpdate:
    """Explain the mode, and enable the controls that apply to it."""
    states = {
        name: gr.update(interactive=applies == mode)
        for applies, names in APPLIES.items()
        for name in names
    }
    return ModeUpdate(mode=gr.update(info=HINTS.get(mode, "")), **states)


def on_style(style: str) -> Update:
    """Show the box for the visitor's own words where that style is chosen."""
    return gr.update(visible=style == "custom")


def seed_hint(seed: Any) -> Update:
    """Show the seed of the latest answer below the field."""
    return gr.update(info=SEED_HINT if seed is None else f"The latest answer used {seed}.")
