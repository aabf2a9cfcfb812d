"""Write data/samples/example.json, the conversation that a visitor finds on arrival.

    python -m app.workbench.chat_tab.write_example

It asks the questions through the session of a visitor.
"""

from __future__ import annotations

from app.chat.answer import answer
from app.chat.archive_schema import saved
from app.chat.example import EXAMPLE_NAME, IMAGE, QUESTIONS
from app.chat.image import image_from
from app.chat.session import ChatSession
from app.services import Services, build_services
from app.settings import AppSettings
from app.workbench.image.panel import caption_image
from blip2core.bundled import SAMPLES
from blip2core.errors import ImageError


def make_chat_example(services: Services) -> str:
    """Return the example with the answers of the services' model: the text of EXAMPLE_NAME."""
    session = ChatSession(services.settings.model)
    session.receive(image_from((SAMPLES / IMAGE).read_bytes(), IMAGE))
    for _ in caption_image(services, session):
        pass
    for question in QUESTIONS:
        session.ask(question)
        if (turn := session.open_turn) is not None:
            for _ in answer(services.engine, session, turn):
                pass
    if session.image is None:
        raise ImageError(f"{IMAGE} was not taken.")
    return saved(session.image, IMAGE, session.turns).model_dump_json(indent=1) + "\n"


if __name__ == "__main__":
    text = make_chat_example(build_services(AppSettings()))
    (SAMPLES / EXAMPLE_NAME).write_text(text, "utf-8")
