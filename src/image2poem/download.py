"""A photo's bytes from an http(s) URL: with a time limit, a size limit, and, where strangers name the URL, care whom it asks."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from image2poem.errors import NotAPhotoError, PhotoError
from image2poem.photo import check_bytes
from image2poem.settings import Settings

_REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")
_NOT_FOR_ALL = tuple(  # what older Pythons take for public, and a cloud's own service at a public address
    map(ipaddress.ip_network, ("192.0.0.0/24", "64:ff9b:1::/48", "168.63.129.16/32"))
)


def download(url: str, settings: Settings, *, public_only: bool = False) -> bytes:
    """The bytes that a URL answers with, if it says that they are a picture.

    Args:
        url: http or https; up to five redirects are followed.
        settings: for `max_bytes` and `timeout`, which is for the whole download.
        public_only: for URLs that strangers give: no address that isn't public is connected to, whatever the name
            resolves to, at no redirect (SSRF); the address that was checked is the one that is used (DNS rebinding),
            and proxies are left aside, because they would resolve names themselves.

    Raises:
        PhotoError: with a sentence that names the URL, the reason and the remedy.
    """
    deadline = time.monotonic() + settings.timeout
    opened: list[socket.socket] = []
    opener = _opener(partial(_connect_publicly, opened, deadline) if public_only else None)
    try:
        with _shut_at(deadline, opened):
            return _follow(opener, url, settings, deadline)
    except urllib.error.HTTPError as error:
        error.close()
        raise PhotoError(f"'{url}' answered {error.code} ({error.reason}); check the address") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError) or time.monotonic() > deadline:
            raise PhotoError(
                f"'{url}' took longer than {settings.timeout:g} seconds; try again, or raise IMAGE2POEM_TIMEOUT"
            ) from None
        raise PhotoError(f"'{url}' can't be fetched ({reason}); check the address and the network") from None


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet, also when IPv4 is wrapped in IPv6 in one of five ways."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in _NAT64 or (ip in _COMPATIBLE and int(ip) > 1):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_FOR_ALL)


def _follow(opener: urllib.request.OpenerDirector, url: str, settings: Settings, deadline: float) -> bytes:
    """Ask, and ask where the answer points to; the body of a redirect is never read."""
    at = url
    for _ in range(_REDIRECTS + 1):
        scheme = urllib.parse.urlsplit(at).scheme
        if scheme not in ("http", "https"):
            raise PhotoError(
                f"'{at}' begins with {scheme}://, but only http:// and https:// work; save the photo first"
            )
        request = urllib.request.Request(_ascii_url(at), headers={"User-Agent": "image2poem", "Accept": "image/*"})
        try:
            with opener.open(request, timeout=settings.timeout) as response:
                return _body(url, response, settings, deadline)
        except urllib.error.HTTPError as error:
            if error.code not in _MOVED or not error.headers.get("Location"):
                raise
            error.close()
            at = urllib.parse.urljoin(at, error.headers["Location"])
    raise PhotoError(f"'{url}' leads from one address to the next without an end; check the address")


def _body(url: str, response: Any, settings: Settings, deadline: float) -> bytes:
    _check_type(url, response.headers)
    size = response.headers.get("Content-Length", "")
    expected = int(size) if size.isdecimal() else None
    check_bytes(url, expected or 0, settings)
    data = bytearray()
    while chunk := response.read1(1 << 16):
        data += chunk
        check_bytes(url, len(data), settings)
        if time.monotonic() > deadline:
            raise TimeoutError
    if time.monotonic() > deadline:  # it didn't end, it was shut
        raise TimeoutError
    if expected is not None and len(data) < expected:
        raise PhotoError(f"'{url}' broke off after {len(data):,} of {expected:,} bytes; try again")
    return bytes(data)


def _ascii_url(url: str) -> str:
    """An address as a browser's bar shows it (月.jpg) as a server wants it (%E6%9C%88.jpg)."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    path, query = (urllib.parse.quote(part, safe="/%:@!$&'()*+,;=~?") for part in (parts.path, parts.query))
    return urllib.parse.urlunsplit((parts.scheme, host, path, query, ""))


def _check_type(url: str, headers: Mapping[str, str]) -> None:
    """Refuse a page or a film before it is fetched. Stores of files that call every file binary are believed."""
    kind = (headers.get("Content-Type") or "image/*").split(";")[0].strip().lower()
    if kind.split("/")[0] != "image" and kind not in ("application/octet-stream", "binary/octet-stream"):
        raise NotAPhotoError(
            f"'{url}' is not a picture (the server calls it {kind}); copy the address of the image itself"
        )


# --- connections ------------------------------------------------------------------------------------------------


class _Stay(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to `_follow`."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(connect: Any) -> urllib.request.OpenerDirector:
    """urllib without its handlers of ftp:// and file://; with `connect`, all connections are made by that."""
    opener = urllib.request.OpenerDirector()
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Stay(),
        urllib.request.HTTPErrorProcessor(),
    ]
    if connect is None:
        handlers += [urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler()]
    else:
        handlers += [_Plain(connect), _Secure(connect)]
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _connection(kind: Any, connect: Any, host: str, **options: Any) -> Any:
    made = kind(host, **options)
    made._create_connection = connect  # http.client's own place for it; TLS still checks the name, not the address
    return made


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, connect: Any) -> None:
        super().__init__()
        self._connect = connect

    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(partial(_connection, http.client.HTTPConnection, self._connect), request)


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, connect: Any) -> None:
        super().__init__()
        self._connect = connect

    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(partial(_connection, http.client.HTTPSConnection, self._connect), request)


def _connect_publicly(
    opened: list[socket.socket], deadline: float, address: tuple[str, int], timeout: float | None = None, _: Any = None
) -> socket.socket:
    """As socket.create_connection, if all that the name resolves to is public; to that very address."""
    host, port = address
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not found or not all(is_public(str(at[0])) for *_, at in found):
        raise OSError("it is not on the public Internet")
    problem: OSError | None = None
    for family, kind, protocol, _, at in found:
        connection = socket.socket(family, kind, protocol)
        try:
            if (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError
            connection.settimeout(left)
            connection.connect(at)
            connection.settimeout(timeout)
        except OSError as error:
            connection.close()
            problem = error
        else:
            opened.append(connection.dup())  # a second handle, because TLS takes the first one over
            return connection
    raise problem or OSError("it has no address")


@contextmanager
def _shut_at(deadline: float, opened: list[socket.socket]) -> Iterator[None]:
    """Shut what was opened when time is up, so that a server that sends a byte now and then holds nobody."""

    def shut() -> None:
        for connection in opened:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(deadline - time.monotonic(), 0.0), shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        for connection in opened:
            connection.close()
