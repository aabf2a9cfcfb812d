"""Settings in the address: of a question and of captions, those that are not as on arrival."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.chat.generation_settings import NAMES, settings_from
from app.gradio_internals import event_values
from app.inference.captions import caption_request_from
from app.inference.decoding import DECODING, decode_from
from app.workbench.address.page_address import fields_update
from app.workbench.address.query import place_from
from app.workbench.events import PRIVATE_EVENT, SKIP, Update
from blip2core.errors import Blip2Error, ConfigError
from blip2core.models.specs import PromptTemplate

_NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFields:
    """The fields of the address in which the settings of one tab stand."""

    names: tuple[str, ...]
    check: Callable[..., object]
    """Takes the values in the order of `names`; raises Blip2Error where one is out of its range."""
    prefix: str = ""
    """Before each name, as tabs have settings of the same name."""

    def written(self, values: Sequence[Any], first: Sequence[Any]) -> dict[str, str]:
        """Return the fields; empty: as on arrival, which `first` are."""
        found = zip(self.names, values, first, strict=True)
        return {
            self.prefix + name: "" if value == begun else str(value) for name, value, begun in found
        }

    def read(
        self, fields: Mapping[str, str], first: Sequence[Any], most: Sequence[float | None]
    ) -> list[Any]:
        """Return the values that the fields of an address name, the others as on arrival.

        Raises Blip2Error with the name of a value that is out of its range.
        """
        values = []
        for name, begun, limit in zip(self.names, first, most, strict=True):
            value: Any = fields.get(self.prefix + name, begun)
            if self.prefix + name in fields and isinstance(begun, int | float):
                value = _number(name, value, whole=isinstance(begun, int))
                if limit is not None and value > limit:
                    raise ConfigError(f"{name} ({value:g}) must be at most {limit:g}")
            values.append(value)
        self.check(*values)
        return values


def _number(name: str, text: str, *, whole: bool) -> float:
    if not _NUMBER.fullmatch(text):  # Python reads "1_0" and digits of all scripts, too
        raise ConfigError(f"{name} must be a number")
    return int(text) if whole and text.lstrip("-").isdecimal() else float(text)


def _check_captions(num: Any, prompt: Any, *decoding: Any) -> None:
    caption_request_from(num, prompt, decode_from(*decoding), PromptTemplate())


QUESTION = SettingFields(names=NAMES, check=settings_from)


def caption_fields(tab: str) -> SettingFields:
    """Return the fields of a tab that writes captions."""
    return SettingFields(
        names=("num", "prompt", *DECODING), check=_check_captions, prefix=f"{tab}."
    )


def connect_settings(address: gr.HTML, fields: SettingFields, controls: Sequence[Any]) -> None:
    """Let the controls, in the order of the fields, stand in the address, and an address that is
    visited set them.
    """
    first = [control.value for control in controls]
    most = [getattr(control, "maximum", None) for control in controls]

    def tell(*values: Any) -> Update:
        return fields_update(fields.written(values, first))

    def visit(event: gr.EventData) -> list[Update]:
        place = place_from(event_values(event).get("query"))
        try:
            return [*fields.read(place.settings, first, most), SKIP]
        except Blip2Error as error:
            gr.Warning(f"The settings of this address were left out: {str(error).rstrip('.')}.")
            return [*first, fields_update(fields.written(first, first))]

    changes = [control.change for control in controls]
    gr.on(changes, tell, list(controls), address, trigger_mode="always_last", **PRIVATE_EVENT)
    address.visit(visit, None, [*controls, address], **PRIVATE_EVENT)
