"""The conversation a visitor finds on arrival, before any model has loaded."""

from __future__ import annotations

import logging

from app.chat.answer import answer
from app.chat.archive import opening, parse_conversation
from app.chat.archive_schema import saved
from app.chat.conversation import StoredConversation
from app.chat.session import ChatSession
from app.services import Services, build_services
from app.settings import AppSettings
from app.workbench.image import panel
from app.workbench.image.panel import caption_image, image_from
from blip2core.errors import Blip2Error

log = logging.getLogger(__name__)

EXAMPLE_NAME = "example.json"
"""Beside the sample images; in the form of an export, so that it can be asked again."""
IMAGE = "city-1.png"
QUESTIONS = ("What animal is there?", "What is to its left?", "What colour is it?")


def shipped_example() -> StoredConversation | None:
    """The example conversation, None where it is not there."""
    try:
        conversation = parse_conversation((panel.SAMPLES / EXAMPLE_NAME).read_bytes())
        data = (panel.SAMPLES / conversation.picture.file).read_bytes()
        return opening(conversation, data, "example")
    except FileNotFoundError:
        return None
    except Blip2Error as error:
        log.warning("%s: %s", EXAMPLE_NAME, error)
        return None


def make_example(services: Services) -> str:
    """The example as the model of these services gives it: the text of EXAMPLE_NAME."""
    session = ChatSession(services.settings.model)
    session.receive(image_from((panel.SAMPLES / IMAGE).read_bytes(), IMAGE))
    for _ in caption_image(services, session):
        pass
    for question in QUESTIONS:
        session.ask(question)
        for _ in answer(services, session, session.open_entry):
            pass
    return saved(session.image, IMAGE, session.entries).model_dump_json(indent=1) + "\n"


if __name__ == "__main__":
    text = make_example(build_services(AppSettings()))
    (panel.SAMPLES / EXAMPLE_NAME).write_text(text, "utf-8")
