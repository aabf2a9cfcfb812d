"""A Hub of one local server: it keeps what is pushed and gives it back, and fails where told to."""

import base64
import hashlib
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _http

TOKEN = "hf_5ecre7token"
LARGE = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".parquet", ".zip", ".tar", ".tiff")
"""Endings of files that are kept in the storage for large files."""
OF_DATASET = re.compile(r"/api/datasets/([^/]+/[^/]+)(?:/([a-z-]+)/([^/]+)(?:/(.*))?)?")


@dataclass
class Dataset:
    private: bool = False
    commits: list[dict[str, bytes]] = field(default_factory=lambda: [{".gitattributes": b"*"}])
    """The files of each commit, oldest first."""

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1]

    def sha(self, number: int = -1) -> str:
        number %= len(self.commits)
        return hashlib.sha1(f"{number}".encode()).hexdigest()

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        named = {self.sha(number): files for number, files in enumerate(self.commits)}
        revision = self.sha() if revision == "main" else revision
        return (revision, named[revision]) if revision in named else None


@dataclass
class FakeHub:
    endpoint: str
    datasets: dict[str, Dataset] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    """SHA-256 -> bytes, as they were uploaded."""
    requests: list[str] = field(default_factory=list)
    """Method and path of each."""
    faults: list[Callable[[str], int | str | None]] = field(default_factory=list)
    """Each is asked with "METHOD /path", for a status, "cut", "half" or "damage"; or None."""
    page: int = 2
    """Entries of a list in one answer."""
    logged: list[str] = field(default_factory=list)
    """What the client logs."""

    def put(self, name: str, files: dict[str, bytes], *, private: bool = False) -> Dataset:
        self.datasets[name] = made = Dataset(private=private, commits=[files])
        return made

    def fail(self, pattern: str, what: int | str, times: int = 10**6) -> None:
        """Answer so where a request matches, the first times."""
        left = [times]

        def fault(request: str) -> int | str | None:
            if not re.search(pattern, request) or not left[0]:
                return None
            left[0] -= 1
            return what

        self.faults.append(fault)

    def asked(self, pattern: str) -> int:
        return sum(re.search(pattern, one) is not None for one in self.requests)


def entry(path: str, data: bytes) -> dict[str, Any]:
    """A file as the Hub lists it."""
    made: dict[str, Any] = {"type": "file", "path": path, "size": len(data)}
    made["oid"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    if path.lower().endswith(LARGE):
        digest = hashlib.sha256(data).hexdigest()
        made["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 130}
    return made


class Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(length)
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), parse_qs(parts.query)
        request = f"{self.command} {path}"
        self.hub.requests.append(request)
        self.fault = next((what for one in self.hub.faults if (what := one(request))), None)
        if self.fault == "cut":
            self.close_connection = True
            self.connection.close()
        elif isinstance(self.fault, int):
            self.send(self.fault, {"error": f"refused, with {TOKEN} in it"})
        elif path.startswith("/large/"):
            self.hub.large[path.removeprefix("/large/")] = body
            self.send(200, {})
        else:
            self.route(path, query, body)

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

    def route(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in ("", TOKEN):
            self.send(401, {"error": "Invalid credentials in Authorization header"})
        elif path == "/api/repos/create":
            self.create(json.loads(body), token)
        elif path == "/api/validate-yaml":
            self.send(200, {"errors": [], "warnings": []})
        elif path == "/verify":
            self.send(200, {})
        elif found := re.fullmatch(r"/datasets/(.+?)\.git/info/lfs/objects/batch", path):
            self.batch(json.loads(body))
        elif found := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            if dataset := self.dataset(found[1], token):
                self.resolve(dataset, found[2], found[3])
        elif found := OF_DATASET.fullmatch(path):
            if dataset := self.dataset(found[1], token):
                self.about(
                    dataset,
                    found[1],
                    found[2] or "revision",
                    found[3] or "main",
                    body,
                    found[4] or "",
                    query,
                )
        else:
            self.send(404, {"error": f"no such address in this Hub: {path}"})

    def dataset(self, name: str, token: str) -> Dataset | None:
        found = self.hub.datasets.get(name)
        if found is None or (found.private and token != TOKEN):
            status = 404 if token else 401
            self.send(status, {"error": "Repository not found"}, **{"X-Error-Code": "RepoNotFound"})
            return None
        return found

    def create(self, asked: dict[str, Any], token: str) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        assert asked["type"] == "dataset"
        if token != TOKEN:
            self.send(401, {"error": "Invalid username or password."})
        elif asked["organization"] == "other":
            self.send(403, {"error": "You don't have the rights to create it"})
        elif name in self.hub.datasets:
            self.send(409, {"error": "You already created this dataset repo"})
        else:
            self.hub.datasets[name] = Dataset(private=asked.get("visibility") == "private")
            self.send(200, {"url": f"{self.hub.endpoint}/datasets/{name}", "name": name})

    def batch(self, asked: dict[str, Any]) -> None:
        objects = []
        for one in asked["objects"]:
            href = f"{self.hub.endpoint}/large/{one['oid']}"
            upload = {"upload": {"href": href}, "verify": {"href": f"{self.hub.endpoint}/verify"}}
            objects.append(one if one["oid"] in self.hub.large else one | {"actions": upload})
        self.send(200, {"transfer": "basic", "objects": objects})

    def resolve(self, dataset: Dataset, revision: str, path: str) -> None:
        found = dataset.at(revision)
        if found is None or path not in found[1]:
            self.send(404, {"error": "Entry not found"}, **{"X-Error-Code": "EntryNotFound"})
            return
        data = found[1][path]
        told = entry(path, data)
        etag = told["lfs"]["oid"] if "lfs" in told else told["oid"]
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": found[0]}
        if self.fault == "damage":
            data = bytes(len(data))
        self.send(200, data, **headers)

    def about(
        self,
        dataset: Dataset,
        name: str,
        kind: str,
        revision: str,
        body: bytes,
        below: str,
        query: dict[str, list[str]],
    ) -> None:
        found = dataset.at(revision)
        if found is None:
            self.send(404, {"error": "Bad revision"}, **{"X-Error-Code": "RevisionNotFound"})
            return
        commit, files = found
        if kind == "revision":
            told = {"id": name, "sha": commit, "private": dataset.private, "siblings": []}
            self.send(200, told | {"author": name.partition("/")[0], "tags": []})
        elif kind == "tree":
            self.tree(files, below, int(query.get("cursor", ["0"])[0]))
        elif kind == "paths-info":
            paths = (
                parse_qs(body.decode())["paths"] if b"paths=" in body else json.loads(body)["paths"]
            )
            told_of = [entry(path, files[path]) for path in paths if path in files]
            folders = [path for path in paths if any(one.startswith(f"{path}/") for one in files)]
            self.send(
                200,
                told_of
                + [{"type": "directory", "path": path, "oid": "0" * 40} for path in folders],
            )
        elif kind == "preupload":
            self.send(
                200,
                {
                    "files": [
                        {
                            "path": one["path"],
                            "uploadMode": "lfs" if one["path"].endswith(LARGE) else "regular",
                            "shouldIgnore": False,
                        }
                        for one in json.loads(body)["files"]
                    ]
                },
            )
        elif kind == "commit":
            self.commit(dataset, name, body)

    def tree(self, files: dict[str, bytes], below: str, cursor: int) -> None:
        listed = [
            entry(path, data)
            for path, data in sorted(files.items())
            if not below or path.startswith(f"{below}/")
        ]
        folder = {"type": "directory", "path": "a-folder", "oid": "0" * 40}
        page = listed[cursor : cursor + self.hub.page]
        headers = {}
        if cursor + self.hub.page < len(listed):
            address = (
                f"{self.hub.endpoint}{urlsplit(self.path).path}?cursor={cursor + self.hub.page}"
            )
            headers["Link"] = f'<{address}&recursive=true>; rel="next"'
        self.send(200, [folder, *page], **headers)

    def commit(self, dataset: Dataset, name: str, body: bytes) -> None:
        files = dict(dataset.files)
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
        dataset.commits.append(files)
        url = f"{self.hub.endpoint}/datasets/{name}/commit/{dataset.sha()}"
        self.send(200, {"commitUrl": url, "commitOid": dataset.sha(), "success": True})

    def send(self, status: int, content: Any, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.fault == "half":
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        else:
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a client that has gone."""


@contextmanager
def serve() -> Iterator[FakeHub]:
    """Serve a Hub until the block ends."""
    server = Server(("127.0.0.1", 0), Handler)
    hub = FakeHub(endpoint=f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Bound", (Handler,), {"hub": hub})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Hub that the client asks, with a token that it takes, and without waiting."""
    with serve() as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.endpoint)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            served.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        cache = tmp_path_factory.mktemp("cache")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(_http.time, "sleep", lambda _: None)
        handler = logging.Handler()
        handler.emit = lambda record: served.logged.append(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger("huggingface_hub").addHandler(handler)
        yield served
        logging.getLogger("huggingface_hub").removeHandler(handler)
        huggingface_hub.close_session()
