"""Whom a server asks when a stranger names a photo's URL: nobody on its own network, whatever the name resolves to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from image2poem.download import download, is_public
from image2poem.errors import NotAPhotoError, PhotoError, PhotoTooLargeError
from image2poem.settings import Settings

RIVER = (Path(__file__).parent.parent / "examples" / "moonlit_river.png").read_bytes()
fetch = partial(download, public_only=True)

Answers = dict[str, Callable[[BaseHTTPRequestHandler], None]]


@pytest.fixture
def site() -> Iterator[tuple[str, Answers, list[str]]]:
    """A web site: its address, what its pages do, and which were asked for."""
    pages: Answers = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            pages[self.path](self)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://photos.example:{server.server_address[1]}", pages, asked
        server.shutdown()


def sends(body: bytes, kind: str = "image/png") -> Callable[[BaseHTTPRequestHandler], None]:
    """A page that answers with these bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def leads(to: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """A page that has moved."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.end_headers()

    return answer


class Names:
    """Name resolution of the test's own: photos.example is at 127.0.0.1, which is taken for public here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.other: dict[str, list[str]] = {}
        monkeypatch.setattr("image2poem.download.socket.getaddrinfo", self.find)
        monkeypatch.setattr("image2poem.download.is_public", lambda at: at == "127.0.0.1" or is_public(at))

    def find(self, host: str, port: int, **_: Any) -> list[Any]:
        """As socket.getaddrinfo."""
        self.asked.append(host)
        found = self.other.get(host, ["127.0.0.1"] if host == "photos.example" else [host])
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Name resolution."""
    return Names(monkeypatch)


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 127.8.8.8 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200 0.0.0.0 "
    "192.0.0.192 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16 :: ::1 fe80::1 fe80::1%eth0 fc00::1 "
    "fd00:ec2::254 fec0::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1:: "
    "2002:a00:1:: ::7f00:1 2001::1".split(),
)
def test_no_address_that_isnt_public_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", "1.1.1.1 8.8.8.8 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808".split())
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1", "127.1"]
)
def test_no_spelling_of_this_machine_is_connected_to(site: tuple[str, Answers, list[str]], host: str) -> None:
    address, pages, asked = site
    pages["/a.png"] = sends(RIVER)
    with pytest.raises(PhotoError, match=r"public Internet|can't be fetched"):
        fetch(f"http://{host}:{address.rsplit(':')[-1]}/a.png", Settings())
    assert asked == []


def test_a_public_picture_comes_also_by_redirects(site: tuple[str, Answers, list[str]], names: Names) -> None:
    address, pages, asked = site
    pages |= {"/a.png": leads("/b.png"), "/b.png": leads(f"{address}/c.png"), "/c.png": sends(RIVER)}
    assert fetch(f"{address}/a.png", Settings()) == RIVER
    assert asked == ["/a.png", "/b.png", "/c.png"]


@pytest.mark.parametrize(
    "to",
    [
        "http://10.0.0.1/a.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://inside.example/",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_leads_nowhere_private(site: tuple[str, Answers, list[str]], names: Names, to: str) -> None:
    address, pages, _ = site
    pages["/a.png"] = leads(to)
    names.other["inside.example"] = ["192.168.1.1"]
    with pytest.raises(PhotoError, match=r"public Internet|only http"):
        fetch(f"{address}/a.png", Settings())


def test_one_private_address_among_public_ones_is_enough_to_refuse(
    site: tuple[str, Answers, list[str]], names: Names
) -> None:
    names.other["photos.example"] = ["127.0.0.1", "10.0.0.1"]
    with pytest.raises(PhotoError, match="public Internet"):
        fetch(f"{site[0]}/a.png", Settings())
    assert site[2] == []


def test_the_address_that_was_checked_is_the_one_that_is_used(
    site: tuple[str, Answers, list[str]], names: Names
) -> None:
    address, pages, _ = site
    pages["/a.png"] = sends(RIVER)
    fetch(f"{address}/a.png", Settings())
    assert names.asked == ["photos.example"]  # asked once: a second answer could be another (DNS rebinding)


def test_proxies_are_left_aside(
    site: tuple[str, Answers, list[str]], names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://10.0.0.1:3128")
    address, pages, _ = site
    pages["/a.png"] = sends(RIVER)
    assert fetch(f"{address}/a.png", Settings()) == RIVER


def test_redirects_have_an_end(site: tuple[str, Answers, list[str]], names: Names) -> None:
    address, pages, asked = site
    pages["/a.png"] = leads("/a.png")
    with pytest.raises(PhotoError, match="without an end"):
        fetch(f"{address}/a.png", Settings())
    assert len(asked) == 6


def test_type_and_size_are_checked_before_all_is_fetched(site: tuple[str, Answers, list[str]], names: Names) -> None:
    address, pages, _ = site
    pages |= {"/page": sends(b"<p>", "text/html"), "/large.png": sends(bytes(200_000))}
    with pytest.raises(NotAPhotoError, match="text/html"):
        fetch(f"{address}/page", Settings())
    with pytest.raises(PhotoTooLargeError):
        fetch(f"{address}/large.png", Settings(max_bytes=100_000))


def test_a_server_that_sends_a_byte_now_and_then_holds_nobody(
    site: tuple[str, Answers, list[str]], names: Names
) -> None:
    address, pages, _ = site

    def drips(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"X-More: x\r\n")
            time.sleep(0.05)

    pages["/slow.png"] = drips
    with pytest.raises(PhotoError, match="took longer"):
        fetch(f"{address}/slow.png", Settings(timeout=0.5))
