"""The explorer of the Q-Former: one Gradio component whose code runs in the browser.

The server sends a stack of maps once (`blip2core.explain.stack`); everything a visitor then looks
at is drawn in the browser, without another request. Events come back only where the model is
needed: `test` (the map on screen), `mask` (patches to hide), `halt`, and `export`.
"""

from pathlib import Path
from typing import Any

import gradio as gr

HERE = Path(__file__).parent
SCRIPTS = (
    "numbers",
    "colours",
    "raster",
    "stack",
    "sentences",
    "look",
    "stage",
    "compare",
    "panels",
    "findings",
    "controls",
    "keys",
    "explorer",
)
"""Files of the browser's code, in the order in which they are read."""
START = """
const explorer = createExplorer(element, trigger);
explorer.show(props.value);
explorer.tell(props.findings);
watch("value", () => explorer.show(props.value));
watch("findings", () => explorer.tell(props.findings));
watch("file", () => saveFile(props.file));
// Events that Python listens to: "test", "mask", "halt", "export".
"""


def script() -> str:
    """The browser's code, up to and with `createExplorer(element, trigger)`."""
    return "\n".join((HERE / f"{name}.js").read_text("utf-8") for name in SCRIPTS)


def template() -> str:
    """The markup that the code fills."""
    return (HERE / "template.html").read_text("utf-8")


def style() -> str:
    """The looks, as rules inside the component's own element."""
    return (HERE / "explorer.css").read_text("utf-8")


def build_explorer(value: dict[str, Any] | None = None) -> gr.HTML:
    """The component; its value is a stack's payload, with an optional `note` for the reader.

    Two more properties can be sent by themselves, so that the stack travels once: `findings` (see
    findings.js) and `file`, a name and base64 data to save.
    A function, not a subclass: Gradio writes a file beside each module that has one.
    """
    return gr.HTML(
        value,
        findings=None,
        file=None,
        html_template=template(),
        css_template=style(),
        js_on_load=script() + START,
        apply_default_css=False,
        elem_id="explorer",
    )
