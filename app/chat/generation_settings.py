"""The settings of a question: how its answer is decoded, and what its prompt holds besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from app.inference.decoding import DECODING, decode_from, seeded
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError
from blip2core.records import ALL_TURNS, HistoryPolicy

if TYPE_CHECKING:
    from blip2core.models.specs import PromptTemplate

Style = Literal["own", "plain", "answer", "short", "custom"]
PROMPT_STYLES: dict[Style, str] = {
    "plain": "{question}",
    "answer": "Question: {question} Answer:",
    "short": "Question: {question} Short answer:",
}
"""Words around a question; `own` are the model's, `custom` the visitor's."""
HISTORIES = ("own", "0", "1", "2", "3", "4", "6", "10", "all")
"""Earlier turns that are sent with a question: as the model's own policy says, so many, or all that
there is room for."""
LONGEST_CUSTOM = 500
"""Characters of a visitor's own words around a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """The settings of one question."""

    decode: DecodeConfig = DecodeConfig()
    style: Style = "own"
    custom: str = ""
    """Words around the question, which `{question}` stands for; style custom only."""
    history: str = "own"
    """One of HISTORIES."""

    def __post_init__(self) -> None:
        if self.style not in get_args(Style):
            raise ConfigError(f"style ({self.style!r}) must be one of {', '.join(get_args(Style))}")
        if self.history not in HISTORIES:
            raise ConfigError(f"history ({self.history!r}) must be one of {', '.join(HISTORIES)}")
        if len(self.custom) > LONGEST_CUSTOM:
            raise ConfigError(f"Your own words may have at most {LONGEST_CUSTOM} characters.")
        if self.style == "custom" and "{question}" not in self.custom:
            raise ConfigError("Your own words must contain {question}, where the question goes.")

    def template(self, own: PromptTemplate) -> PromptTemplate:
        """Return the prompt template of this style; `own` is the model's."""
        if self.style == "own":
            return own
        words = self.custom if self.style == "custom" else PROMPT_STYLES[self.style]
        return replace(own, question=words)

    def policy(self, own: HistoryPolicy) -> HistoryPolicy:
        """Return which earlier turns are sent; `own` is the model's policy."""
        if self.history == "own":
            return own
        return ALL_TURNS if self.history == "all" else HistoryPolicy(turns=int(self.history))


NAMES = (*DECODING, "style", "custom", "history")
"""The order in which `settings_from` takes values."""


def settings_from(*values: Any) -> GenerationSettings:
    """Return the settings of values as the page sends them, in the order of NAMES.

    Raises ConfigError with the name of a value that is out of its range.
    """
    *decoding, style, custom, history = values
    decode = decode_from(*decoding)
    return GenerationSettings(
        decode=decode, style=cast(Style, style), custom=str(custom or ""), history=history
    )


def as_prompt(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return values, in the order of NAMES, that send words as they stand and without history."""
    changed = {"style": "plain", "history": "0"}
    return tuple(changed.get(name, value) for name, value in zip(NAMES, values, strict=True))


def with_seed(settings: GenerationSettings) -> GenerationSettings:
    """Return the settings; with a seed where they sample, so that the answer can be repeated."""
    return replace(settings, decode=seeded(settings.decode))
