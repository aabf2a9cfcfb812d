"""What a visitor does, without a browser: upload, ask, read."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder
from PIL import Image

from app.chat.session import ChatSession
from app.services import Services
from app.workbench.chat_tab.handlers import on_ask, respond
from tests.fakes import FakeGenerator, fake_services


def upload(folder: Path, name: str, content: bytes | Image.Image, **how: Any) -> dict[str, str]:
    """A file as Gradio hands it over: in the folder of uploads, by a path of its own."""
    file = Path(get_upload_folder(), folder.name, name)
    file.parent.mkdir(exist_ok=True)
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        content.save(file, **how)
    return {"path": str(file), "orig_name": name}


def ask(session: ChatSession, generator: FakeGenerator, question: str) -> list[dict[str, Any]]:
    """Ask and take the whole answer; the conversation as shown."""
    on_ask(session, question)
    return answered(session, fake_services(generator))


def answered(session: ChatSession, services: Services) -> list[dict[str, Any]]:
    """The conversation as shown when the open question has been answered."""
    *_, last = respond(services, session)
    messages: list[dict[str, Any]] = last.chat["value"]
    return messages


def contents(messages: Iterable[dict[str, Any]]) -> list[str]:
    """What messages say; of a line between them its words."""
    return [
        message["content"] or message.get("metadata", {}).get("title", "") for message in messages
    ]
