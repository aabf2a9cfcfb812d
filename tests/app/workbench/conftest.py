"""What the tests of the CapFilt tab share: images as files, a run on them, its texts."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from PIL import Image

from app.chat.session import ChatSession
from app.inference.capfilt_tasks import CapFiltSession
from app.inference.engine import Engine
from app.services import Services
from app.settings import AppSettings
from app.workbench.capfilt_tab.given import on_files
from app.workbench.capfilt_tab.tab import CapFiltUpdate, continue_capfilt, on_capfilt
from app.workbench.events import SKIP
from app.workbench.widgets.image_task import TaskUpdate
from tests.app.visitor import upload
from tests.capfilt.conftest import Seen, tiny_pair
from tests.fakes import FakeModels

Update = TypeVar("Update", CapFiltUpdate, TaskUpdate)
ORDERED = (2, "", "sample", 8, 0, 1.0, 1.0, 0.9, 5, 1.0, "3")
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def models() -> tuple[Any, Any]:
    return tiny_pair()


@pytest.fixture
def services(models: tuple[Any, Any]) -> Services:
    """A tiny captioner and filter that share their image encoder."""
    return Services(settings=AppSettings(), engine=Engine(FakeModels(*models)))


@pytest.fixture
def seen(models: tuple[Any, Any]) -> Iterator[Seen]:
    counter = Seen(models[0])
    yield counter
    counter.hook.remove()


@pytest.fixture
def pairs(services: Services, tmp_path: Path) -> CapFiltSession:
    """Two images with a web text each, captioned and scored."""
    pairs = begun(files(tmp_path, "a.png", "b.png"), {"a.png": "a dog", "b.png": HOSTILE})
    done(services, pairs)
    return pairs


def final(steps: Iterator[Update]) -> Update:
    *_, last = steps
    return last


def files(folder: Path, *names: str) -> list[dict[str, str]]:
    """Images of which no two are the same."""
    return [
        upload(folder, name, Image.effect_noise((20 + place, 20), 80).convert("RGB"))
        for place, name in enumerate(names)
    ]


def listed(pairs: CapFiltSession, given: list[dict[str, str]] | None) -> Any:
    """Let the page list these files; what it shows."""
    *_, last = on_files(pairs, given)
    return last


def on_screen(pairs: CapFiltSession, typed: dict[str, str] | None = None) -> str:
    """What the page's script sends: what stands beside each image, by the names of the images."""
    typed = typed or {}
    cards = [{"key": one.key, "words": typed.get(one.name, "")} for one in pairs.given]
    return json.dumps(cards)


def begun(
    given: list[dict[str, str]], typed: dict[str, str] | None = None, ordered: Any = ORDERED
) -> CapFiltSession:
    pairs = CapFiltSession()
    listed(pairs, given)
    on_capfilt(ChatSession(), pairs, 0, on_screen(pairs, typed), *ordered)
    return pairs


def done(services: Services, pairs: CapFiltSession) -> CapFiltUpdate:
    slices = 1
    while True:
        last = final(continue_capfilt(services, pairs, slices))
        if last.slices == SKIP:
            return last
        slices = last.slices


def event(pairs: CapFiltSession, **data: Any) -> Any:
    """What a card of the run on screen sends."""
    return SimpleNamespace(_data={"run": pairs.name, **data})
