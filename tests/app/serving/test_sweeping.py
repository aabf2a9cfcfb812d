"""Uploads are deleted after a day however they were forgotten, and nothing else is."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

from app.serving import sweeping
from app.serving.sweeping import sweep_uploads
from app.serving.upload_folder import make_upload_folder
from tests.app.serving.served import served


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; a minute is for machines that are busy."""
    end = time.monotonic() + 60
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    assert holds()


def test_gradio_forgets_what_is_swept_and_the_page_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(sweeping, "LIFE_SECONDS", -60.0)
    (tmp_path / "of others").write_text("x")
    with gr.Blocks() as page:
        pass
    sweep_uploads(page)
    assert (tmp_path / "of others").exists(), "a folder that was not made for the studio"
    folder = make_upload_folder()
    names = ("known", "forgotten", "shown")
    for name in names:
        (folder / name).write_text("x")
    page.upload_file_set.update({str(folder / "known"), "/elsewhere"})
    page.keep_in_cache.update({str(folder / "shown")})
    page.blocks[0] = page
    sweep_uploads(page)
    assert [path.name for path in folder.iterdir()] == ["shown"]
    assert page.upload_file_set == {"/elsewhere"}
    assert (tmp_path / "of others").exists()


def test_a_sweep_that_fails_is_logged_and_the_next_one_comes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    swept: list[Any] = []

    def sweep(page: Any) -> None:
        swept.append(page)
        if len(swept) == 1:
            raise OSError("no")
        time.sleep(3_600)

    monkeypatch.setattr(sweeping, "sweep_uploads", sweep)
    monkeypatch.setattr(sweeping, "EVERY_SECONDS", 0.01)
    sweeping.sweep_regularly("page")  # type: ignore[arg-type]
    until(lambda: len(swept) == 2)
    assert "could not be deleted" in caplog.text


@pytest.mark.parametrize("way", ["mounted", "launched"])
def test_a_served_studio_sweeps_what_a_killed_one_left(way: str, tmp_path: Path) -> None:
    uploads = tmp_path / "uploads" / "blip2-studio-uploads"
    (uploads / "a").mkdir(parents=True)
    left = uploads / "a" / "left.png"
    left.write_bytes(b"x" * 900_000)
    (tmp_path / "uploads" / "of others").write_text("x")
    (uploads / "link").symlink_to(tmp_path / "uploads" / "of others")
    with served(way, tmp_path, BLIP2_MAX_UPLOADS="1") as address:
        files = {"files": ("mine.png", b"x" * 300_000)}
        assert httpx.post(f"{address}/gradio_api/upload", files=files).status_code == 507
    days = {"UPLOADS_LIVE": "-60", "UPLOADS_SWEPT": "0.2"}
    with served(way, tmp_path, **days, BLIP2_MAX_UPLOADS="1") as address:
        until(lambda: not left.exists())
        shown = list(uploads.rglob("*.webp"))
        assert shown, "the page has no image in the folder of uploads any more"
        for path in shown:
            assert httpx.get(f"{address}/gradio_api/file={path}").status_code == 200
        # Not 200 for sure: it may be swept while it comes.
        assert httpx.post(f"{address}/gradio_api/upload", files=files).status_code != 507
    assert (uploads / "link").is_symlink() and (tmp_path / "uploads" / "of others").exists()
