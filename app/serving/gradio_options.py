"""How Gradio serves the page, alone or beside the curator."""

from __future__ import annotations

import importlib.util
from typing import Any

from app.settings import AppSettings
from app.workbench.theme import STYLE_SHEETS, calm_theme, page_head
from blip2core.errors import ConfigError

SESSIONS = 100
"""Sessions whose images are kept in memory; where there are more, the longest unused one of the
visitor who has most is forgotten."""


def page_options(settings: AppSettings) -> dict[str, Any]:
    """Return the options with which Gradio serves the page, alone or beside the curator.

    Raises ConfigError where a package is missing for what the settings ask.
    """
    if settings.mcp and importlib.util.find_spec("mcp") is None:
        raise ConfigError("BLIP2_MCP needs one more package: pip install 'blip2-studio[mcp]'.")
    return {
        "max_file_size": f"{settings.max_upload}mb",
        "theme": calm_theme(),
        "css_paths": list(STYLE_SHEETS),
        "head": page_head(),
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "mcp_server": settings.mcp,
        "show_error": False,
        "ssr_mode": False,
        "root_path": settings.root_path or None,
    }
