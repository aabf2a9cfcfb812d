"""The settings of a question, folded away: decoding, length, seed, the words around it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr

from app.chat.generation_settings import LONGEST_CUSTOM, NAMES, PROMPT_STYLES
from app.inference.decoding import DECODING, SETTING_LIMITS
from app.settings import USUAL_NEW_TOKENS
from app.workbench.events import PRIVATE_EVENT, Update

HINTS = {
    "greedy": "The likeliest word each time: the same question has the same answer.",
    "sample": "Words are drawn by their probability: each seed has an answer of its own.",
    "beam": "Several answers grow side by side. Beam search shows the leading beam, which may "
    "change as it goes.",
}
APPLIES = {"sample": ("temperature", "top_p", "seed"), "beam": ("beams", "length_penalty")}
"""Mode -> the controls that have a part in it; the others serve all modes."""
SEED_HINT = "Blank: a new one each time, shown here afterwards."


def build_controls(max_new_tokens: int) -> SimpleNamespace:
    """Draws and wires the controls of a question inside the page that is being built.

    The attributes are named as in `asking.NAMES`; `.all` holds the components in that order.
    """
    ui = build_decoding(max_new_tokens)
    ui.style = gr.Radio(
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
    ui.custom = gr.Textbox(
        label="Your own words",
        info="{question} stands for the question.",
        value="Look closely. {question} It is",
        max_length=LONGEST_CUSTOM,
        visible=False,
    )
    ui.all = [getattr(ui, name) for name in NAMES]
    ui.style.change(on_style, ui.style, ui.custom, **PRIVATE_EVENT)
    return ui


def build_decoding(
    max_new_tokens: int, *, mode: str = "greedy", elem_id: str = "mode"
) -> SimpleNamespace:
    """The controls of decoding alone; `.all` holds them in the order of `asking.DECODING`."""
    ui = SimpleNamespace()
    sample, beam = mode == "sample", mode == "beam"
    ui.mode = gr.Radio(
        [("Greedy", "greedy"), ("Sampling", "sample"), ("Beam search", "beam")],
        value=mode,
        label="Decoding",
        info=HINTS[mode],
        elem_id=elem_id,
    )
    with gr.Row():
        ui.temperature = _slider("temperature", "Temperature", 1.0, 0.05, applies=sample)
        ui.top_p = _slider("top_p", "Top-p", 0.9, 0.05, applies=sample)
        ui.seed = gr.Textbox(
            label="Seed", info=SEED_HINT, placeholder="random", max_length=20, interactive=sample
        )
    with gr.Row():
        ui.beams = _slider("beams", "Beams", 5, 1, applies=beam)
        ui.length_penalty = _slider("length_penalty", "Length penalty", 1.0, 0.1, applies=beam)
    with gr.Row():
        most = min(max_new_tokens, int(SETTING_LIMITS["max_new_tokens"][1]))
        usual = min(USUAL_NEW_TOKENS, most)
        ui.max_new_tokens = _slider("max_new_tokens", "Max new tokens", usual, 1, limit=most)
        ui.min_new_tokens = _slider("min_new_tokens", "Min new tokens", 0, 1)
        ui.repetition_penalty = _slider("repetition_penalty", "Repetition penalty", 1.0, 0.05)
    ui.all = [getattr(ui, name) for name in DECODING]
    dependent = [getattr(ui, name) for names in APPLIES.values() for name in names]
    ui.mode.change(on_mode, ui.mode, [ui.mode, *dependent], **PRIVATE_EVENT)
    return ui


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


def on_mode(mode: str) -> list[Update]:
    """What this mode does, and the controls that apply to it."""
    states = [
        gr.update(interactive=applies == mode) for applies, names in APPLIES.items() for _ in names
    ]
    return [gr.update(info=HINTS.get(mode, "")), *states]


def on_style(style: str) -> Update:
    """The words are asked for where they are wanted."""
    return gr.update(visible=style == "custom")


def seed_hint(seed: Any) -> Update:
    """The seed that was used stands below the field for the next one."""
    return gr.update(info=SEED_HINT if seed is None else f"The latest answer used {seed}.")
