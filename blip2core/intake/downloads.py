"""Download images by their addresses, without becoming a way into a private network.

Only http and https on their own ports. Each host is resolved once, all its addresses must be
public, and the connection goes to one of these, while the name stays in the request and in the
certificate check. Redirects are checked like first addresses. No cookies, no proxies, no
compression.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from ssl import SSLContext

import httpcore
import httpx

from blip2core.errors import ConfigError, IntakeError
from blip2core.intake.addresses import Resolve, resolve
from blip2core.intake.entries import Entry, image
from blip2core.intake.guarded_network import GuardedBackend
from blip2core.records import Problem, Told, WebImage
from blip2core.texts import count_of

_PORTS = {"http": 80, "https": 443}
REQUEST_HEADERS = (
    ("User-Agent", "blip2-studio"),
    ("Accept", "image/*"),
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
)
OPT_OUT = frozenset({"noai", "noimageai", "noindex", "noimageindex"})
"""Words of the X-Robots-Tag header by which a site asks to be left out of data sets."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
Fetched = WebImage | Told
OFF = "Downloads are off; switch them on, or give the image as a file."
NO_FILE = (
    "There is no such file here, and downloads are off: give the folder of the images as well, "
    "or the folder that holds both as --root."
)
"""Of an image that has an address too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """That and how addresses are fetched; handing one to `read` switches downloads on."""

    max_bytes: int = 20_000_000
    """Largest image file."""
    seconds: float = 20.0
    """For one image in all, with redirects."""
    connect_seconds: float = 5.0
    """For one connection to be made, and for each wait on the other side."""
    redirects: int = 3
    """Most redirects of one address."""
    workers: int = 4
    """Images fetched at the same time."""
    respect_opt_out: bool = True
    """Leave out what the site marks as not for data sets (X-Robots-Tag: noai)."""
    resolve: Resolve = field(default=resolve, repr=False, compare=False)
    network: httpcore.NetworkBackend = field(
        default_factory=httpcore.SyncBackend, repr=False, compare=False
    )
    """Opens connections to addresses that have been checked."""

    def __post_init__(self) -> None:
        for name in ("max_bytes", "seconds", "connect_seconds", "workers"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} ({getattr(self, name)}) must be above 0")
        if not 0 <= self.redirects <= 10:
            raise ConfigError(f"redirects ({self.redirects}) must be from 0 to 10")


def fetch_all(items: Iterable[Fetched | Entry], downloads: Downloads | None) -> Iterator[Fetched]:
    """Yield entries with their images, fetched by several threads, and all else as it is,
    in order.
    """
    if downloads is None:
        for item in items:
            yield item if not isinstance(item, Entry) else _not_fetched(item)
        return
    waiting: deque[Fetched | Future[Fetched]] = deque()
    with ThreadPoolExecutor(downloads.workers, thread_name_prefix="download") as pool:
        try:
            for item in items:
                if isinstance(item, Entry):
                    waiting.append(pool.submit(_fetched, item, downloads))
                else:
                    waiting.append(item)
                if len(waiting) > 2 * downloads.workers:
                    yield _ready(waiting.popleft())
            while waiting:
                yield _ready(waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def fetch(url: str, downloads: Downloads) -> bytes:
    """Return the bytes at an address. Raises IntakeError, which says why they are not fetched."""
    deadline = time.monotonic() + downloads.seconds
    target = _checked(url)
    for _ in range(downloads.redirects + 1):
        found = _get(target, downloads, deadline)
        if isinstance(found, bytes):
            return found
        target = _checked(found, target)
    raise IntakeError(f"The address redirects more than {count_of(downloads.redirects, 'time')}.")


def _checked(url: str, base: httpx.URL | None = None) -> httpx.URL:
    try:
        target = base.join(url) if base is not None else httpx.URL(url)
        scheme, host, port = target.scheme, target.host, target.port
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise IntakeError("This is not an address that can be fetched.") from error
    if scheme not in _PORTS:
        raise IntakeError("Only http and https addresses are fetched.")
    if not host or "%" in host or target.userinfo:
        raise IntakeError("The address has no usable host, or a name and password in it.")
    if port not in (None, *_PORTS.values()):
        raise IntakeError(f"Only the ports 80 and 443 are asked, not {port}.")
    return target


def _get(target: httpx.URL, downloads: Downloads, deadline: float) -> bytes | str:
    """Send one request and return the body, or the address that it redirects to."""
    backend = GuardedBackend(
        resolve=downloads.resolve, network=downloads.network, deadline=deadline
    )
    patience = dict.fromkeys(("connect", "read", "write", "pool"), downloads.connect_seconds)
    address = httpcore.URL(
        scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path
    )
    headers = [("Host", target.netloc.decode("ascii")), *REQUEST_HEADERS]
    try:
        with (
            httpcore.ConnectionPool(ssl_context=_certificates(), network_backend=backend) as pool,
            pool.stream(
                "GET", address, headers=headers, extensions={"timeout": patience}
            ) as response,
        ):
            return _body(response, downloads)
    except httpcore.TimeoutException as error:
        raise IntakeError("The server is too slow; try again later.") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        raise IntakeError("The server cannot be reached, or does not speak HTTP.") from error


def _body(response: httpcore.Response, downloads: Downloads) -> bytes | str:
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }
    if response.status in REDIRECTS and "location" in headers:
        return headers["location"]
    if response.status != 200:
        raise IntakeError(f"The server answers {response.status} instead of an image.")
    tags = headers.get("x-robots-tag", "").lower().replace(":", ",").split(",")
    if downloads.respect_opt_out and OPT_OUT.intersection(tag.strip() for tag in tags):
        raise IntakeError("The site asks not to be used for data sets (X-Robots-Tag).")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise IntakeError("The server sends it compressed, which is not unpacked.")
    too_large = IntakeError(f"The file is larger than {downloads.max_bytes:,} bytes.")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > downloads.max_bytes:
        raise too_large
    data = bytearray()
    for chunk in response.iter_stream():
        data += chunk
        if len(data) > downloads.max_bytes:
            raise too_large
    if not data:
        raise IntakeError("The file is empty.")
    return bytes(data)


@cache
def _certificates() -> SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _fetched(entry: Entry, downloads: Downloads) -> WebImage | Problem:
    assert entry.url is not None
    try:
        return image(entry.url, fetch(entry.url, downloads), entry)
    except IntakeError as error:
        return _problem(entry, str(error))


def _ready(item: Fetched | Future[Fetched]) -> Fetched:
    return item.result() if isinstance(item, Future) else item


def _not_fetched(entry: Entry) -> Problem:
    if entry.path:
        return entry.problem(f"{entry.where}: {entry.path}", NO_FILE)
    return _problem(entry, OFF)


def _problem(entry: Entry, reason: str) -> Problem:
    return entry.problem(f"{entry.where}: {entry.url}", reason)
