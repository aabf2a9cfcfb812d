"""A real nginx in front of a server of a test."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
"""None where there is none."""


@contextmanager
def nginx(folder: Path, sites: str) -> Iterator[None]:
    """Serve the sites, which are lines of its `http` block, with all its files in a folder."""
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in names)
    config = folder / "nginx.conf"
    config.write_text(
        f"{'user root;' if os.getuid() == 0 else ''} daemon off;\n"
        f"pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log {folder}/access.log; {temporary}\n{sites}}}\n"
    )
    assert NGINX is not None
    process = subprocess.Popen([NGINX, "-e", str(folder / "start.log"), "-c", str(config)])
    try:
        yield
    finally:
        process.terminate()
        process.wait()
