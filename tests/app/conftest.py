"""What the tests of the pages share: an upload, and a visitor with an image."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from app.chat.session import ChatSession
from app.workbench.image.panel import on_upload
from blip2core.storage.database import Database, open_database
from tests.app.sample_dataset import fill
from tests.app.visitor import upload
from tests.ports import own_ports  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def _folder_of_uploads_is_left_alone(uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`app.serving.run` lets Gradio use another one, by the environment of the process."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))


@pytest.fixture
def session(tmp_path: Path) -> ChatSession:
    """A visitor with a red image."""
    session = ChatSession()
    on_upload(session, upload(tmp_path, "red.png", Image.new("RGB", (40, 20), "red")))
    return session


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Twelve images of the dataset "samples", each with a web text and two synthetic ones."""
    database = open_database(str(tmp_path / "studio.db"))
    fill(database, 12)
    yield database
    database.close()
