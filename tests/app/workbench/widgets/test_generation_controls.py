"""Only the controls that apply can be moved."""

import pytest

from app.chat.generation_settings import NAMES
from app.inference.decoding import SETTING_LIMITS
from app.workbench.widgets.generation_controls import APPLIES, on_mode, on_style, seed_hint


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
