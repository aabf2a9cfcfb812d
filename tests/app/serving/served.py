"""Serves the studio with a fake model in a process of its own: `served.py mounted|launched`, with
`bare` behind it where nothing stands in front of the apps, `slow` where a word takes 2 seconds.

In a process of its own, for Streamlit allows one app in each, and a server that opens a device
must not hang the tests.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[3]


@contextmanager
def served(way: str, folder: Path, **settings: str) -> Iterator[str]:
    """The address of a studio: `mounted` beside the curator, or `launched` alone.

    What it logs is in the file `log` of the folder.
    """
    known = {
        "BLIP2_DATA": str(folder / "data"),
        "BLIP2_PORT": "",
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "PYTHONPATH": str(ROOT),
    }
    environment = {k: v for k, v in (os.environ | known | settings).items() if v}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, __file__, *way.split()],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http"), address
        yield address.rstrip("/")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main(way: str, how: str = "") -> None:
    from app.serving.upload_folder import make_upload_folder

    make_upload_folder()  # as `run` does, before Gradio is imported
    from app.serving import alone, server, sweeping
    from app.serving.logs import set_up_logging
    from app.settings import AppSettings, proxies_of
    from app.workbench.page import build_workbench
    from blip2core.storage.database import open_database
    from tests.fakes import FakeGenerator, FakeMatcher, fake_services

    sweeping.LIFE_SECONDS = float(os.environ.get("UPLOADS_LIVE", sweeping.LIFE_SECONDS))
    sweeping.EVERY_SECONDS = float(os.environ.get("UPLOADS_SWEPT", sweeping.EVERY_SECONDS))
    set_up_logging(AppSettings())
    if how == "bare":
        server.build_front = alone.build_front = lambda *_: []  # type: ignore[assignment]
    generator = FakeGenerator(seconds_per_word=2.0 if how == "slow" else 0.0)
    services = fake_services(generator, FakeMatcher())
    if way == "launched":
        page = build_workbench(services)
        print(alone.serve_page(page, services), flush=True)
        page.block_thread()
    else:
        kept = replace(services, database=open_database())
        proxies = proxies_of(services.settings)
        at = server.start_server(server.build_app(kept), proxies=proxies)
        print(at.address, flush=True)
        at.thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
