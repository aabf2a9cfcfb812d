"""The components of the CapFilt tab, and their new values after an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import gradio as gr
from gradio.components import Component

from app.workbench.capfilt_tab.actions import PairActions
from app.workbench.events import SKIP, Update


class CapFiltUpdate(NamedTuple):
    """New values of the components of the tab."""

    pairs: Update = SKIP
    slices: Update = SKIP
    inputs: Update = SKIP
    message: Update = SKIP
    cards: Update = SKIP
    undo: Update = SKIP
    downloads: Update = SKIP
    begin: Update = SKIP
    stop: Update = SKIP


class ReturnUpdate(NamedTuple):
    """New values on a page that has just been loaded, besides a `CapFiltUpdate`."""

    token: Update
    given: Update
    threshold: Update


@dataclass(frozen=True, slots=True, kw_only=True)
class CapFiltTab:
    """The components of the tab."""

    session: gr.State
    """The visitor's `ChatSession`."""
    pairs: gr.State
    """The visitor's `CapFiltSession`."""
    slices: gr.State
    """Counts the time slices of the work; its `.change` begins the next one."""
    inputs: gr.Accordion
    """What the next run works on; closed when it begins."""
    files: gr.File
    given: gr.HTML
    """The images for the next run, each with a box for its texts."""
    given_message: gr.HTML
    token: gr.Textbox
    """Hidden; the secret by which a page that is loaded anew finds its pairs again."""
    typed: gr.Textbox
    """Hidden; the page's script fills it with what stands in those boxes."""
    request: Sequence[Component]
    """How many captions, the words they begin with, then the controls of decoding."""
    begin: gr.Button
    stop: gr.Button
    samples: gr.Button
    """Begins with the sample set."""
    actions: PairActions
    message: gr.HTML
    cards: gr.HTML
    downloads: gr.HTML
    """Links that save the pairs."""
