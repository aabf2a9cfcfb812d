"""Downloads: what is fetched, and above all what is not even asked for."""

from collections.abc import Iterator
from dataclasses import replace

import httpcore
import pytest

from blip2core.errors import ConfigError, IntakeError
from blip2core.intake import Downloads, NamedFile, read
from blip2core.intake.downloads import OPT_OUT, fetch
from blip2core.records import Problem, TextOrigin, WebImage
from tests.intake.local_web import PUBLIC, Names, Web, local_web
from tests.intake.making import png, reasons

INSIDE = [
    "127.0.0.1",
    "169.254.169.254",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "0x7f.1",
    "2130706433",
    "017700000001",
    "0.0.0.0",
    "[::]",
    "10.0.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "[fd00::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "224.0.0.1",
    "255.255.255.255",
]


@pytest.fixture
def web() -> Iterator[Web]:
    with local_web() as web:
        yield web


@pytest.fixture
def downloads(web: Web) -> Downloads:
    return Downloads(resolve=Names(), network=web.network, seconds=60, connect_seconds=60)


def refused(url: str, downloads: Downloads) -> str:
    with pytest.raises(IntakeError) as error:
        fetch(url, downloads)
    return str(error.value)


def test_an_image_comes_from_the_address_that_was_checked(web: Web, downloads: Downloads) -> None:
    assert fetch("http://example.com/picture.png?a=b#c", downloads) == png()
    assert web.network.asked == [(PUBLIC, 80)]
    [(path, headers)] = web.requests
    assert path == "/picture.png?a=b"
    assert headers["Host"] == "example.com"
    assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("host", INSIDE)
def test_nothing_inside_is_asked(web: Web, downloads: Downloads, host: str) -> None:
    assert "public" in refused(f"http://{host}/picture.png", downloads)
    assert web.network.asked == []


@pytest.mark.parametrize("host", INSIDE)
def test_no_redirect_leads_inside(web: Web, downloads: Downloads, host: str) -> None:
    assert "public" in refused(f"http://example.com/to?u=http://{host}/x", downloads)
    assert web.network.asked == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/a.png",
        "gopher://example.com/",
        "data:image/png;base64,AAAA",
        "//example.com/a.png",
        "example.com/a.png",
        "http://",
        "http:///a.png",
        "http://user:word@example.com/a.png",
        "http://example.com:22/a.png",
        "https://example.com:8443/a.png",
        "http://exa mple.com/",
        "http://example.com:99999999/",
        "http://[::1/",
        "http://a\r\nHost: b/",
        "",
    ],
)
def test_other_addresses_are_not_asked(web: Web, downloads: Downloads, url: str) -> None:
    refused(url, downloads)
    assert web.network.asked == []
    assert downloads.resolve.asked == []


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.com/", "http://x:22/"])
def test_no_redirect_changes_the_rules(web: Web, downloads: Downloads, target: str) -> None:
    refused(f"http://example.com/to?u={target}", downloads)
    assert len(web.network.asked) == 1


def test_one_private_address_among_public_ones_refuses_the_host(
    web: Web, downloads: Downloads
) -> None:
    for addresses in ([PUBLIC, "10.0.0.1"], ["::1", PUBLIC], [], ["nonsense"]):
        refused("http://two.example/a", replace(downloads, resolve=Names(two=addresses)))
    assert web.network.asked == []


def test_a_name_that_changes_its_address_is_asked_once_per_connection(
    web: Web, downloads: Downloads
) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    rebinding = replace(downloads, resolve=lambda host: next(answers))
    assert fetch("http://rebinding.example/a.png", rebinding) == png()
    assert web.network.asked == [(PUBLIC, 80)]
    assert "public" in refused("http://rebinding.example/a.png", rebinding)
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    rebinding = replace(downloads, resolve=lambda host: next(answers))
    assert "public" in refused("http://rebinding.example/to?u=/a.png", rebinding)
    assert web.network.asked == [(PUBLIC, 80)] * 2


def test_the_certificate_is_checked_against_the_name() -> None:
    names: list[str | None] = []

    class Stream(httpcore.MockStream):
        def start_tls(self, ssl_context, server_hostname=None, timeout=None):  # type: ignore[no-untyped-def]
            names.append(server_hostname)
            assert ssl_context.check_hostname
            return self

    class Backend(httpcore.MockBackend):
        def connect_tcp(self, host, port, **_):  # type: ignore[no-untyped-def]
            names.append(f"{host}:{port}")
            return Stream([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"])

    assert fetch("https://example.com/", Downloads(resolve=Names(), network=Backend([]))) == b"hi"
    assert names == [f"{PUBLIC}:443", "example.com"]


def test_redirects_are_followed_three_times(web: Web, downloads: Downloads) -> None:
    twice = "http://example.com/to?u=http%3A//other.example/to%3Fu=/picture.png"
    assert fetch(twice, downloads) == png()
    assert [headers["Host"] for _, headers in web.requests] == [
        "example.com",
        "other.example",
        "other.example",
    ]
    web.requests.clear()
    assert "more than 3 times" in refused("http://example.com/round", downloads)
    assert len(web.requests) == 4
    once = replace(downloads, redirects=1)
    assert "more than 1 time." in refused("http://example.com/round", once)


def test_cookies_are_not_kept(web: Web, downloads: Downloads) -> None:
    fetch("http://example.com/cookie", downloads)
    assert all("Cookie" not in headers for _, headers in web.requests)


def test_no_proxy_of_the_environment_is_asked(
    web: Web, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch("http://example.com/a.png", downloads) == png()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("endless", "larger than 1,000,000 bytes"),
        ("drip", "too slow"),
        ("drip-head", "too slow"),
        ("gzip", "compressed"),
        ("noai", "asks not to be used"),
        ("none", "answers 404"),
    ],
)
def test_bodies_that_are_not_taken(downloads: Downloads, path: str, reason: str) -> None:
    seconds = 0.3 if path.startswith("drip") else 60
    strict = replace(downloads, max_bytes=1_000_000, seconds=seconds, connect_seconds=60)
    assert reason in refused(f"http://example.com/{path}", strict)


def test_an_opt_out_can_be_passed_over(downloads: Downloads) -> None:
    assert fetch("http://example.com/noai", replace(downloads, respect_opt_out=False)) == png()


def test_a_server_that_is_not_there(downloads: Downloads) -> None:
    class Silent(httpcore.NetworkBackend):
        def connect_tcp(self, *_: object, **__: object) -> httpcore.NetworkStream:
            raise httpcore.ConnectError("refused")

    assert "cannot be reached" in refused(
        "http://example.com/", replace(downloads, network=Silent())
    )

    def unknown(host: str) -> list[str]:
        raise OSError("unknown")

    assert "not known" in refused("http://example.com/", replace(downloads, resolve=unknown))


TABLE = NamedFile(
    "t.csv",
    b"url,alt,page_url\n"
    b"http://one.example/1.png,one,http://one.example/\n"
    b"http://127.0.0.1/2.png,two,\n"
    b"http://three.example/none,three,\n"
    b"file:///etc/passwd,four,\n"
    b"http://five.example/5.png,five,\n",
)


def test_downloads_are_off_unless_switched_on(web: Web) -> None:
    found = list(read(TABLE))
    assert len(found) == 5
    assert all("Downloads are off" in one.reason for one in found if isinstance(one, Problem))
    assert isinstance(found[0], Problem)


def test_a_table_of_addresses_keeps_its_order(web: Web, downloads: Downloads) -> None:
    found = list(read(TABLE, download=downloads))
    assert [type(one) for one in found] == [WebImage, Problem, Problem, Problem, WebImage]
    assert found[0] == WebImage(
        name="http://one.example/1.png",
        data=png(),
        texts=("one",),
        origins={"one": TextOrigin(place="alt")},
        url="http://one.example/1.png",
        page_url="http://one.example/",
    )
    assert sorted(reasons(found)) == [
        "t.csv, row 3: http://127.0.0.1/2.png",
        "t.csv, row 4: http://three.example/none",
        "t.csv, row 5: file:///etc/passwd",
    ]


def test_reading_can_be_broken_off(web: Web, downloads: Downloads) -> None:
    rows = "".join(f"http://example.com/{number}.png\n" for number in range(1_000))
    found = read(NamedFile("t.csv", f"url\n{rows}".encode()), download=downloads)
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert len(web.requests) < 50


@pytest.mark.parametrize(
    "wrong",
    [
        {"workers": 0},
        {"seconds": 0},
        {"connect_seconds": 0},
        {"max_bytes": 0},
        {"max_bytes": -1},
        {"redirects": 11},
        {"redirects": -1},
    ],
)
def test_settings_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Downloads(**wrong)


def test_settings_at_the_end_of_their_range() -> None:
    for redirects in (0, 10):
        assert Downloads(redirects=redirects, workers=1, max_bytes=1).redirects == redirects


def test_the_largest_file_is_taken_and_no_larger_one(downloads: Downloads) -> None:
    size = len(png())
    assert fetch("http://example.com/a.png", replace(downloads, max_bytes=size)) == png()
    told = refused("http://example.com/a.png", replace(downloads, max_bytes=size - 1))
    assert f"larger than {size - 1:,} bytes" in told


@pytest.mark.parametrize(("body", "fits"), [(b"12345", True), (b"123456", False)])
def test_a_body_that_does_not_tell_its_length_is_counted(body: bytes, fits: bool) -> None:
    answer = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", body]
    small = Downloads(resolve=Names(), network=httpcore.MockBackend(answer), max_bytes=5)
    if fits:
        assert fetch("http://example.com/", small) == body
    else:
        assert "larger than 5 bytes" in refused("http://example.com/", small)


def test_an_empty_body_is_no_image() -> None:
    answer = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
    network = httpcore.MockBackend(answer)
    assert "empty" in refused("http://example.com/", Downloads(resolve=Names(), network=network))


def test_no_redirect_is_followed_where_none_is_allowed(web: Web, downloads: Downloads) -> None:
    strict = replace(downloads, redirects=0)
    assert fetch("http://example.com/a.png", strict) == png()
    assert "more than 0 times" in refused("http://example.com/to?u=/a.png", strict)
    assert len(web.requests) == 2


@pytest.mark.parametrize(("port", "asked"), [("", 80), (":80", 80), (":443", 443)])
def test_both_ports_are_asked(web: Web, downloads: Downloads, port: str, asked: int) -> None:
    assert fetch(f"http://example.com{port}/a.png", downloads) == png()
    assert web.network.asked == [(PUBLIC, asked)]


@pytest.mark.parametrize("word", sorted(OPT_OUT))
@pytest.mark.parametrize("form", ["{}", "all, {}", "bot: {}", " {} ,x"])
def test_every_word_of_an_opt_out_is_heard(word: str, form: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nX-Robots-Tag: {form.format(word.upper())}\r\nContent-Length: 1\r\n"
    network = httpcore.MockBackend([head.encode(), b"\r\nx"])
    asked = Downloads(resolve=Names(), network=network)
    assert "asks not to be used" in refused("http://example.com/", asked)


def test_files_pass_while_addresses_are_fetched_in_order(downloads: Downloads) -> None:
    """More rows than threads; one is a file, one cannot be fetched."""
    rows = "".join(f"http://example.com/{number}.png,\n" for number in range(10))
    table = NamedFile("t.csv", f"url,path\n{rows},a.png\nhttp://10.0.0.1/,\n".encode())
    single = replace(downloads, workers=1)
    found = list(read([table, NamedFile("a.png", png(1))], download=single))
    assert [type(one) for one in found] == [WebImage] * 11 + [Problem]
    assert [one.name for one in found[1:11]] == [
        f"http://example.com/{number}.png" for number in range(10)
    ]
