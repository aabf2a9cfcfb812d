"""How a text on the page was written, so that a dataset can say so."""

from __future__ import annotations

from dataclasses import dataclass

from blip2core.config import CaptionConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWriter:
    """The model that wrote a text, and how it was asked to."""

    model: str
    """Name of the model."""
    revision: str
    """Names its weights exactly, see `Generator.revision`."""
    captions: CaptionConfig
