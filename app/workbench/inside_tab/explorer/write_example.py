"""Write data/samples/example-inside.json, which the page shows before any model has loaded.

    python -m app.workbench.inside_tab.explorer.write_example

It looks inside the model with the image of the shipped conversation.
"""

import json

from app.chat.example import shipped_example
from app.chat.session import ChatSession
from app.services import Services, build_services
from app.settings import AppSettings
from app.workbench.inside_tab.tab import EXAMPLE, on_look


def make_inside_example(services: Services) -> str:
    """Return the stack of the shipped conversation's image: the text of EXAMPLE."""
    session = ChatSession(services.settings.model, shipped_example())
    *_, last = on_look(services, session, "")
    return json.dumps(last.explorer["value"], ensure_ascii=False) + "\n"


if __name__ == "__main__":
    EXAMPLE.write_text(make_inside_example(build_services(AppSettings())), "utf-8")
