"""The settings of a question: how its answer is decoded, and the words of the prompt around it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from app.inference.decoding import DECODING, decode_from, seeded
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError

if TYPE_CHECKING:
    from blip2core.models.specs import PromptTemplate

Style = Literal["own", "plain", "answer", "short", "custom"]
PROMPT_STYLES: dict[Style, str] = {
    "plain": "{question}",
    "answer": "Question: {question} Answer:",
    "short": "Question: {question} Short answer:",
}
"""Words around a question; `own` are the model's, `custom` the visitor's."""
LONGEST_CUSTOM = 500
"""Characters of a visitor's own words around a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """The settings of one question."""

    decode: DecodeConfig = DecodeConfig()
    style: Style = "own"
    custom: str = ""
    """Words around the question, which `{question}` stands for; style custom only."""

    def __post_init__(self) -> None:
        if self.style not in get_args(Style):
            raise ConfigError(f"style ({self.style!r}) must be one of {', '.join(get_args(Style))}")
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


NAMES = (*DECODING, "style", "custom")
"""The order in which `settings_from` takes values."""


def settings_from(*values: Any) -> GenerationSettings:
    """Return the settings of values as the page sends them, in the order of NAMES.

    Raises ConfigError with the name of a value that is out of its range.
    """
    *decoding, style, custom = values
    decode = decode_from(*decoding)
    return GenerationSettings(decode=decode, style=cast(Style, style), custom=str(custom or ""))


def with_seed(settings: GenerationSettings) -> GenerationSettings:
    """Return the settings; with a seed where they sample, so that the answer can be repeated."""
    return replace(settings, decode=seeded(settings.decode))
