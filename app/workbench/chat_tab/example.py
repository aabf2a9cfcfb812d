"""Writes data/samples/example.json, the conversation that a visitor finds on arrival.

    python -m app.workbench.chat_tab.example

It asks the questions as a visitor would.
"""

from __future__ import annotations

from app.chat.answer import answer
from app.chat.archive_schema import saved
from app.chat.example import EXAMPLE_NAME, IMAGE, QUESTIONS, SAMPLES
from app.chat.image import image_from
from app.chat.session import ChatSession
from app.services import Services, build_services
from app.settings import AppSettings
from app.workbench.image.panel import caption_image


def make_example(services: Services) -> str:
    """The example as the model of these services gives it: the text of EXAMPLE_NAME."""
    session = ChatSession(services.settings.model)
    session.receive(image_from((SAMPLES / IMAGE).read_bytes(), IMAGE))
    for _ in caption_image(services, session):
        pass
    for question in QUESTIONS:
        session.ask(question)
        for _ in answer(services.engine, session, session.open_entry):
            pass
    return saved(session.image, IMAGE, session.entries).model_dump_json(indent=1) + "\n"


if __name__ == "__main__":
    text = make_example(build_services(AppSettings()))
    (SAMPLES / EXAMPLE_NAME).write_text(text, "utf-8")
