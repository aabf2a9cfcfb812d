"""The image that the Dockerfile makes, without Docker: its steps are done in an empty folder, and
what they leave is started as an ordinary user who may write nowhere but in /data and /tmp.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from gradio_client import Client, handle_file

from app.settings import AppSettings
from app.space import ROOT
from blip2core.bundled import SAMPLES
from tests.hosting.dockerfile import Built, instructions, own
from tests.ports import free_port

DOCKERFILE = instructions((ROOT / "Dockerfile").read_text())
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
GUIDE = (ROOT / "docs" / "deploying.md").read_text()


def test_the_image_runs_as_an_ordinary_user_and_keeps_its_data_in_a_volume() -> None:
    words = [word for word, _ in DOCKERFILE]
    assert [rest for word, rest in DOCKERFILE if word == "USER"] == ["studio"]
    as_root = words[: words.index("USER")]
    assert as_root == ["FROM", "RUN"], "as root only the user and the folder are made"
    assert ("VOLUME", "/data") in DOCKERFILE and ("EXPOSE", "7860") in DOCKERFILE
    assert words.index("VOLUME") > words.index("RUN"), "what is done to a volume later is lost"


def test_docker_and_git_read_what_is_ignored_alike() -> None:
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    told = [line for line in patterns if not line.startswith("#")]
    assert all(line.startswith(("/", "!/", "**/")) for line in told)


def test_compose_keeps_what_was_decided_and_takes_every_right_away() -> None:
    studio, database = COMPOSE["services"]["studio"], COMPOSE["services"]["database"]
    assert studio["volumes"] == ["data:/data"] and set(COMPOSE["volumes"]) == {"data", "database"}
    assert studio["read_only"] and studio["cap_drop"] == ["ALL"] and studio["tmpfs"] == ["/tmp"]
    assert studio["ports"] == ["127.0.0.1:7860:7860"]
    known = {f"BLIP2_{name.upper()}" for name in AppSettings.model_fields} | {"BLIP2_DATABASE_URL"}
    assert set(studio["environment"]) <= known
    url = studio["environment"]["BLIP2_DATABASE_URL"]
    user, name = database["environment"]["POSTGRES_USER"], database["environment"]["POSTGRES_DB"]
    assert url.startswith(f"postgresql://{user}:$") and url.endswith(f"@database/{name}")
    assert studio["depends_on"]["database"]["condition"] == "service_healthy"
    assert "healthcheck" in database


@pytest.mark.skipif(
    subprocess.run(["sh", "-c", "docker info"], capture_output=True).returncode != 0,
    reason="no Docker engine here",
)
@pytest.mark.slow
def test_docker_builds_it() -> None:
    subprocess.run(["docker", "build", "--quiet", "."], cwd=ROOT, check=True)


@contextmanager
def started(image: Built, **more: str) -> Iterator[tuple[str, "subprocess.Popen[str]", list[str]]]:
    """A container with a root that is read only: its address, its process, and what it printed."""
    port, printed = free_port(), []
    for folder, _, _ in os.walk(image.inside("/home/studio")):
        os.chmod(folder, 0o555)
    temporary = image.root / "tmp"
    temporary.mkdir(exist_ok=True)
    own(temporary)
    settings = {"GRADIO_SERVER_PORT": str(port), "TMPDIR": str(temporary), "HF_HUB_OFFLINE": "1"}
    process = image.start(image.command, settings | more, stdout=-1, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            printed.append(line)
            if found := re.search(r"BLIP-2 Studio: http://\S+:(\d+)/", line):
                assert found[1] == str(port)
                break
        else:
            raise AssertionError("".join(printed))
        check = image.start(image.health, settings)
        assert check.wait() == 0
        yield f"http://127.0.0.1:{port}/", process, printed
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
def test_what_it_makes_runs(image: Built) -> None:
    assert image.root_commands == [
        "useradd --create-home --uid 1000 studio"
        " && install --directory --mode 700 --owner studio /data /backups"
    ]
    assert image.volumes == ["/data"]
    data = Path(image.inside("/data"))
    with started(image) as (address, process, printed):
        told = re.search(r"Name: owner\n  Password for the first login: (\S+)", "".join(printed))
        assert told is not None
        with httpx.Client(base_url=address, trust_env=False, follow_redirects=True) as browser:
            for path in ("", "curator/"):
                assert browser.get(path, headers={"accept": "text/html"}).url.path == "/login"
            browser.post("login", data={"username": "owner", "password": told[1]})
            chosen = {"password": told[1], "new": "a new password", "again": "a new password"}
            assert browser.post("login/password", data=chosen).status_code == 200
            assert browser.get("curator/").status_code == 200
        assert answer(address) != ""
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert {"users.txt", "studio.db"} <= {path.name for path in data.iterdir()}
    with started(image) as (address, _, printed):  # the same volume, another container
        assert "Password for the first login" not in "".join(printed)
        assert answer(address) != ""


def answer(address: str) -> str:
    client = Client(address, auth=("owner", "a new password"), verbose=False)
    sample = handle_file(str(SAMPLES / "beach-1.png"))
    return str(client.predict(sample, "What animal is there?", api_name="/ask"))


@pytest.mark.slow
def test_it_is_small(image: Built) -> None:
    packages = Path(image.inside("/home/studio/venv"))
    assert not list(packages.rglob("nvidia*")), "the build for the CPU has nothing of CUDA"
    assert not list(packages.rglob("site-packages/**/tests"))
    size = sum(file.lstat().st_size for file in image.root.rglob("*") if not file.is_dir())
    assert size < 1.8e9, "the guide says 1.7 GB"
    assert not (Path(image.inside(image.folder)) / "tests").exists()
