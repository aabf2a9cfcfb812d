"""The settings of a question in the address: those that are not as on arrival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from app.chat.generation_settings import NAMES, settings_from
from app.gradio_internals import event_values
from app.workbench.address.page_address import state_update
from app.workbench.address.query import place_from
from app.workbench.events import PRIVATE_EVENT, SKIP, Update
from blip2core.errors import ConfigError


def connect_settings(address: gr.HTML, controls: Sequence[Any]) -> None:
    """Let the controls of a question, in the order of NAMES, stand in the address, and an address
    that is visited set them.
    """
    first = [control.value for control in controls]
    most = [getattr(control, "maximum", None) for control in controls]

    def tell(*values: Any) -> Update:
        return state_update(settings_fields(values, first))

    def visit(event: gr.EventData) -> list[Update]:
        place = place_from(event_values(event).get("query"))
        try:
            return [*settings_values(place.settings, first, most), SKIP]
        except ConfigError as error:
            gr.Warning(f"The settings of this address were left out: {error}.")
            return [*first, state_update(settings_fields(first, first))]

    changes = [control.change for control in controls]
    gr.on(changes, tell, list(controls), address, trigger_mode="always_last", **PRIVATE_EVENT)
    address.visit(visit, None, [*controls, address], **PRIVATE_EVENT)


def settings_fields(values: Sequence[Any], first: Sequence[Any]) -> dict[str, str]:
    """Return the fields of the address; empty: as on arrival, which `first` are."""
    found = zip(NAMES, values, first, strict=True)
    return {name: "" if value == begun else str(value) for name, value, begun in found}


def settings_values(
    fields: Mapping[str, str], first: Sequence[Any], most: Sequence[float | None]
) -> list[Any]:
    """Return the values that the fields of an address name, the others as on arrival.

    Raises ConfigError with the name of a value that is out of its range.
    """
    values = []
    for name, begun, limit in zip(NAMES, first, most, strict=True):
        value: Any = fields.get(name, begun)
        if name in fields and isinstance(begun, int | float):
            value = _number(name, fields[name], whole=isinstance(begun, int))
            if limit is not None and value > limit:
                raise ConfigError(f"{name} ({value:g}) must be at most {limit:g}")
        values.append(value)
    settings_from(*values)  # checks them
    return values


def _number(name: str, text: str, *, whole: bool) -> float:
    try:
        return int(text) if whole and len(text) < 20 else float(text)
    except ValueError as error:
        raise ConfigError(f"{name} must be a number") from error
