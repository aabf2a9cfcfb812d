"""Only the controls that apply can be moved."""

import gradio as gr
import pytest

from app.chat.generation_settings import NAMES
from app.inference.decoding import SETTING_LIMITS
from app.workbench.widgets.generation_controls import (
    APPLIES,
    build_decoding,
    on_mode,
    on_style,
    seed_hint,
)


@pytest.mark.parametrize(
    ("mode", "applies"),
    [
        ("greedy", []),
        ("sample", ["temperature", "top_p", "seed"]),
        ("beam", ["beams", "length_penalty"]),
    ],
)
def test_a_mode_enables_what_it_uses(mode: str, applies: list[str]) -> None:
    update = on_mode(mode)
    names = [name for group in APPLIES.values() for name in group]
    enabled = [name for name in names if getattr(update, name)["interactive"]]
    assert enabled == applies
    assert set(names) < set(NAMES) and update.mode["info"]


def test_beam_search_says_what_it_shows() -> None:
    assert "Beam search shows the leading beam" in on_mode("beam").mode["info"]


def test_own_words_are_asked_for_where_wanted() -> None:
    assert on_style("custom")["visible"] and not on_style("own")["visible"]


def test_the_seed_that_was_used_is_shown() -> None:
    assert "1234" in seed_hint(1234)["info"]
    assert "Blank" in seed_hint(None)["info"]


def test_limits_are_those_of_the_settings() -> None:
    assert SETTING_LIMITS["repetition_penalty"][0] >= 1, "transformers refuses what is not positive"


@pytest.mark.parametrize(("limit", "start", "most"), [(256, 40, 256), (8, 8, 8), (500, 40, 256)])
def test_length_starts_at_the_usual_and_ends_at_the_limit(
    limit: int, start: int, most: int
) -> None:
    with gr.Blocks():
        slider = build_decoding(limit).max_new_tokens
    assert (slider.value, slider.maximum) == (start, most)
