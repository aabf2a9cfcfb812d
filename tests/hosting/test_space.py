"""A Space as Hugging Face runs it, in what the Dockerfile makes: an ordinary user, a home that is
read only, the Space's variables, and a proxy with TLS that shows it in a frame of another site.
"""

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
import yaml
from gradio_client import Client, handle_file
from playwright.sync_api import Browser, Page, expect

from app.space import ROOT
from tests.app.login.provider import FakeProvider
from tests.browser.journey import PATIENCE
from tests.chromium import find_browser
from tests.hosting.dockerfile import Built, own
from tests.nginx import NGINX, nginx
from tests.ports import free_port

STAGE = (sys.executable, str(ROOT / ".ci" / "stage-space"))
SPACE, FRAME = "ada-studio.hf.space", "huggingface.co"


def staged(folder: Path, sdk: str) -> Path:
    subprocess.run([*STAGE, str(folder), sdk], check=True)
    return folder


def front_matter(folder: Path) -> dict[str, object]:
    _, front, text = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    assert text.startswith("\n# BLIP-2 Studio")
    matter: dict[str, object] = yaml.safe_load(front)
    return matter


def test_a_space_that_gradio_runs(tmp_path: Path) -> None:
    matter = front_matter(staged(tmp_path / "space", "gradio"))
    assert matter["sdk"] == "gradio" and "app_port" not in matter
    assert (tmp_path / "space" / str(matter["app_file"])).is_file()
    assert matter["hf_oauth"] is True


def test_a_space_that_docker_runs(tmp_path: Path) -> None:
    folder = staged(tmp_path / "space", "docker")
    matter = front_matter(folder)
    assert (matter["sdk"], matter["app_port"]) == ("docker", 7860)
    assert not {"sdk_version", "python_version", "app_file"} & matter.keys()
    assert "VOLUME" not in (folder / "Dockerfile").read_text()


def is_text(file: Path) -> bool:
    try:
        file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("sdk", ["gradio", "docker"])
def test_binary_files_are_sent_by_lfs_and_all_that_runs_is_there(tmp_path: Path, sdk: str) -> None:
    """Else the Hub refuses the push: "contains binary files"."""
    folder = staged(tmp_path / "space", sdk)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    binary = [str(file.relative_to(folder)) for file in files if not is_text(file)]
    assert {Path(name).suffix for name in binary} >= {".safetensors", ".png", ".jpg"}
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    told = subprocess.run(
        ["git", "check-attr", "filter", *map(str, (f.relative_to(folder) for f in files))],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    sent = [line.removesuffix(": filter: lfs") for line in told.stdout.splitlines()]
    assert [name for name in sent if not name.endswith(": filter: unspecified")] == binary
    for name in ("requirements.txt", "app/space.py", "data/samples/beach-1.png", "Dockerfile"):
        assert (folder / name).is_file()
    assert not (folder / "tests").exists()


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    done = subprocess.run([*STAGE, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1 and "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@contextmanager
def proxy(folder: Path, space: int, provider: int) -> Iterator[int]:
    """The port of a proxy with TLS: the Space under its name, and a page with it in a frame."""
    port = free_port()
    subject = ["-subj", f"/CN={SPACE}", "-addext", f"subjectAltName=DNS:{SPACE},DNS:{FRAME}"]
    names = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    subprocess.run([*openssl, *subject, *names], check=True, capture_output=True)
    page = f'<!doctype html><iframe src="https://{SPACE}" width="1280" height="1000"></iframe>'
    tls = (
        f"listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/certificate.pem; "
        f"ssl_certificate_key {folder}/key.pem;"
    )
    onward = (
        "proxy_http_version 1.1; proxy_set_header Host $host; proxy_buffering off; "
        "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https; "
        "proxy_set_header X-Forwarded-Host $host; "
        "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrade;"
    )
    sites = f"""
  map $http_upgrade $upgrade {{ default upgrade; '' close; }}
  server {{ {tls} server_name {SPACE};
    location / {{ proxy_pass http://127.0.0.1:{space}; {onward} }} }}
  server {{ {tls} server_name {FRAME}; default_type text/html;
    location / {{ return 200 '{page}'; }}
    location /authorize {{ proxy_pass http://127.0.0.1:{provider}; }} }}
"""
    with nginx(folder, sites):
        yield port


@contextmanager
def provider(port: int) -> Iterator[str]:
    """Hugging Face's sign-in: the Space asks it at one address, and browsers at another."""
    address = f"http://127.0.0.1:{port}"
    app = FakeProvider(address, shown=f"https://{FRAME}").app
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def space(image: Built, port: int, **more: str) -> Iterator[list[str]]:
    """The Space at work; what it has printed."""
    home = image.root / "home" / "user"
    shutil.rmtree(home, ignore_errors=True)
    staged(home / "app", "gradio")
    home.chmod(0o555)
    temporary = image.root / "space-tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    own(temporary)
    variables = {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "SPACE_ID": "ada/studio",
        "SPACE_HOST": SPACE,
        "SPACE_AUTHOR_NAME": "ada",
        "SYSTEM": "spaces",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": str(port),
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    # Gradio's SDK sets none of the variables of our Dockerfile.
    of_docker = ("BLIP2_DATA", "BLIP2_USERS", "GRADIO_TEMP_DIR", "HF_HOME")
    kept = {name: value for name, value in image.environment.items() if name not in of_docker}
    bare = Built(image.root, kept, folder=str(home / "app"))
    process = bare.start(
        ["python", "app/space.py"], variables | more, stdout=-1, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    printed: list[str] = []
    try:
        for line in process.stdout:
            printed.append(line)
            if "BLIP-2 Studio: http" in line:
                break
        else:
            raise AssertionError("".join(printed))
        reader = threading.Thread(target=lambda: printed.extend(process.stdout), daemon=True)
        reader.start()
        yield printed
        process.kill()
        reader.join()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def visitor(browser: Browser, port: int) -> Iterator[tuple[Page, list[str]]]:
    """A page in a browser that knows the two names, and what it asked of any other."""
    names = f"MAP {SPACE} 127.0.0.1:{port}, MAP {FRAME} 127.0.0.1:{port}"
    expect.set_options(timeout=PATIENCE)
    another = browser.browser_type.launch(
        executable_path=find_browser(),
        args=["--no-sandbox", "--disable-dev-shm-usage", f"--host-resolver-rules={names}"],
    )
    elsewhere: list[str] = []
    try:
        with another.new_context(ignore_https_errors=True) as session:
            session.set_default_timeout(PATIENCE)
            page = session.new_page()
            ours = (f"https://{SPACE}/", f"wss://{SPACE}/", f"https://{FRAME}/authorize?", "data:")
            known = (*ours, "blob:")

            def look(address: str) -> None:
                if not address.startswith(known) and address != f"https://{FRAME}/":
                    elsewhere.append(address)

            page.on("request", lambda it: look(it.url))
            page.on("websocket", lambda it: look(it.url))
            yield page, elsewhere
    finally:
        another.close()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(NGINX is None, reason="no nginx here")
def test_a_simulated_space(image: Built, browser: Browser, tmp_path: Path) -> None:
    at, asked = free_port(), free_port()
    with (
        provider(asked) as issuer,
        space(
            image,
            at,
            OAUTH_CLIENT_ID="studio",
            OAUTH_CLIENT_SECRET="secret",
            OAUTH_SCOPES="openid profile",
            OPENID_PROVIDER_URL=issuer,
        ) as printed,
        proxy(tmp_path, at, asked) as port,
        visitor(browser, port) as (page, elsewhere),
    ):
        assert "no persistent storage" in "".join(printed)

        page.goto(f"https://{FRAME}/")  # as on the page of the Space
        inside = page.frame_locator("iframe")
        expect(inside.get_by_role("link", name="Log in")).to_be_visible()
        question = inside.get_by_label("Your question")
        question.fill("What animal is there?")
        answers = inside.get_by_test_id("bot")
        before = answers.count()
        question.press("Enter")
        expect(answers).not_to_have_count(before)
        expect(answers.last).not_to_be_empty()

        page.goto(f"https://{SPACE}/curator/")
        expect(page).to_have_url(re.compile(rf"^https://{SPACE}/login\?next="))
        page.get_by_role("link", name="Sign in with").click()
        expect(page.get_by_role("button", name="Load the sample set")).to_be_visible()
        expect(page.get_by_text("no persistent storage")).to_be_visible()
        page.goto(f"https://{SPACE}/")
        expect(page.get_by_text("ada, owner")).to_be_visible()
        assert elsewhere == []


@pytest.mark.slow
def test_a_space_that_lends_its_gpu(image: Built) -> None:
    at = free_port()
    stand_in = image.root / "zero_gpu"
    shutil.copytree(ROOT / "tests" / "hosting" / "zero_gpu", stand_in, dirs_exist_ok=True)
    settings = {"SPACES_ZERO_GPU": "true", "PYTHONPATH": str(stand_in), "OAUTH_CLIENT_ID": "studio"}
    with space(image, at, **settings) as printed:
        client = Client(f"http://127.0.0.1:{at}", headers={"Host": SPACE}, verbose=False)
        sample = handle_file(str(ROOT / "data" / "samples" / "beach-1.png"))
        assert client.predict(sample, "What animal is there?", api_name="/ask")
        assert client.predict(sample, api_name="/caption")
        assert client.predict(sample, ["a dog", "a beach"], api_name="/match")
        assert client.predict(sample, "a beach", api_name="/attention")
        told = "".join(printed)
    lent = re.findall(r"lent to _(\w+) in (\d+)", told)
    assert {name for name, _ in lent} == {"call", "each"}
    assert len({number for _, number in lent}) == len(lent) >= 4
