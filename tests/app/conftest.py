"""What the tests of the pages share: an upload, and a visitor with a picture."""

from pathlib import Path

import pytest
from PIL import Image

from app.panel import on_upload
from app.visit import Visit
from tests.app.visitor import upload


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    """A visitor with a red picture."""
    visit = Visit()
    on_upload(visit, upload(tmp_path, "red.png", Image.new("RGB", (40, 20), "red")))
    return visit
