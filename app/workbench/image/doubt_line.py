"""The line that says that an image is unlike anything the model has seen."""

from __future__ import annotations

from html import escape

from app.chat.features import image_doubt
from app.chat.session import ChatSession
from app.services import Services
from blip2core.records import DOUBT_WARNING, Doubt


def doubt_html(doubt: Doubt | None) -> str:
    """Return the warning with its figures, as HTML; empty where there is no doubt."""
    if doubt is None or not doubt.is_doubted:
        return ""
    words = (
        f"It fits its own captions with a cosine of {doubt.itc:.2f} (ITC, the mean of "
        f"{len(doubt.captions)}); of the images it knows, 95 in 100 reach {doubt.threshold:.2f}."
    )
    written = "".join(f"<li>{escape(text)}</li>" for text in doubt.captions)
    return (
        f'<div class="doubt" role="status"><p>{DOUBT_WARNING}</p><details><summary>Why?</summary>'
        f"<p>{words}</p><ul>{written}</ul></details></div>"
    )


def find_doubt_html(services: Services, session: ChatSession) -> str:
    """Return the warning about the image on screen, by the model that is chosen; empty while that
    is loading, and of an image that no model has seen yet, such as the example on arrival.
    """
    image, loading = session.image, services.engine.pair(session.model).loading
    if image is None or image.features is None or session.offered:
        return ""
    if not loading.done() or loading.exception():
        return ""
    return doubt_html(image_doubt(services.engine, session, image))


def known_doubt_html(session: ChatSession) -> str:
    """Return the warning where the doubt in the image on screen is known; it runs no model."""
    if session.image is None or session.offered:
        return ""
    return doubt_html(session.image.doubts.get(session.model))
