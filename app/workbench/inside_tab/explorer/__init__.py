"""The explorer of the Q-Former: one Gradio component whose code runs in the browser.

The server sends a stack of maps once (`blip2core.explain.stack`); every view of it is drawn in the
browser, without another request. Events come back only where the model is needed: `test` (the map
on screen), `mask` (patches to hide), `halt`, and `export`.
"""

from pathlib import Path
from typing import Any

import gradio as gr

from app.workbench.scripts import bundle

FOLDER = Path(__file__).parent
MODULES = (
    "numbers",
    "colours",
    "raster",
    "formats",
    "stack",
    "descriptions",
    "sentences",
    "compare_sentences",
    "derived",
    "elements",
    "chart",
    "image_view",
    "query_maps",
    "panels",
    "words",
    "self_attention",
    "compare",
    "findings",
    "controls",
    "keys",
    "explorer",
)
"""The ES modules of the browser's code, each after those that it imports."""
STYLES = ("explorer", "panels", "findings")
"""The style sheets, in the order of the cascade."""
START = """
const explorer = createExplorer(element, trigger);
explorer.show(props.value);
explorer.showFinding(props.findings);
watch("value", () => explorer.show(props.value));
watch("findings", () => explorer.showFinding(props.findings));
watch("file", () => saveFile(props.file));
// Events that Python listens to: "test", "mask", "halt", "export".
"""


def script(start: str = "") -> str:
    """Return the browser's code as the body of a function, then `start`.

    Its names, `createExplorer(element, trigger)` among them, are known to `start` alone.
    """
    return bundle([FOLDER / f"{name}.js" for name in MODULES], start)


def template() -> str:
    """Return the markup that the code fills."""
    return (FOLDER / "template.html").read_text("utf-8")


def style() -> str:
    """Return the rules inside the component's own element."""
    return "\n".join((FOLDER / f"{name}.css").read_text("utf-8") for name in STYLES)


def build_explorer(value: dict[str, Any] | None = None) -> gr.HTML:
    """Return the component; its value is a stack's payload, with an optional `note` to the reader.

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
        js_on_load=script(START),
        apply_default_css=False,
        elem_id="explorer",
    )
