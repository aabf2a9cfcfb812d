"""The conversation a visitor finds on arrival, before any model has loaded."""

from __future__ import annotations

import logging

from app.chat.archive import parse_conversation, stored_conversation
from app.chat.conversation import StoredConversation
from blip2core.bundled import SAMPLES
from blip2core.errors import Blip2Error

log = logging.getLogger(__name__)


EXAMPLE_NAME = "example.json"
"""Beside the sample images; in the form of an export, so that it can be asked again."""
IMAGE = "city-1.png"
QUESTIONS = ("What animal is there?", "What is to its left?", "What colour is it?")


def shipped_example() -> StoredConversation | None:
    """Return the example conversation; None where it is missing or damaged."""
    try:
        conversation = parse_conversation((SAMPLES / EXAMPLE_NAME).read_bytes())
        data = (SAMPLES / conversation.image.file).read_bytes()
        return stored_conversation(conversation, data, "example")
    except FileNotFoundError:
        return None
    except Blip2Error as error:
        log.warning("%s: %s", EXAMPLE_NAME, error)
        return None
