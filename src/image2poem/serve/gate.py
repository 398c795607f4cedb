"""The gate before the API: who may enter, how often, and with how much in their arms. It stands before any body is read."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import math
import time
from collections import OrderedDict

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from image2poem.serve.metrics import Metrics
from image2poem.serve.problem import Problem
from image2poem.settings import Settings

_FORM = 65_536  # bytes of a request beside its photo
_IDLE = 20.0  # seconds to wait for the next piece of a body
_CLIENTS = 10_000  # remembered at most; the longest unseen is forgotten


class Gate:
    """ASGI middleware: API key, rate limit and body size for what lies under /v1/, problems as RFC 9457."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        """Guard `app` as `settings` say."""
        self._app, self._metrics = app, metrics
        self._key = settings.serve_api_key.get_secret_value().encode() if settings.serve_api_key else None
        self._rate = Rate(settings.serve_rate) if settings.serve_rate else None
        self._most = settings.max_bytes + _FORM

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        # where this application is mounted under another, the path begins with the mount's
        if scope["type"] != "http" or not scope["path"].removeprefix(scope.get("root_path", "")).startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            self._check_key(headers.get(b"authorization", b""))
            self._check_rate(client(scope))
            most = self._most if headers.get(b"content-type", b"").startswith(b"multipart/") else _FORM
            size = headers.get(b"content-length", b"0")
            self._check_size(int(size) if size.isdigit() else 0, most)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            try:
                message = await asyncio.wait_for(receive(), _IDLE) if taken >= 0 else await receive()
            except TimeoutError:
                raise Problem(408, "body-stalled", "The body didn't come", f"nothing came for {_IDLE:g} s") from None
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                self._check_size(taken, most)
                if not message.get("more_body", False):
                    taken = -1  # what is received now is only the end of the connection; that may take long
            return message

        await self._app(scope, bounded, send)

    def _check_key(self, authorization: bytes) -> None:
        if self._key is None:
            return
        scheme, _, given = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._key):
            self._metrics.refused.labels("key").inc()
            detail = "send the server's key as: Authorization: Bearer KEY"
            raise Problem(401, "key", "A key is needed", detail, {"WWW-Authenticate": "Bearer"})

    def _check_rate(self, who: str) -> None:
        wait = self._rate.ask(who) if self._rate else 0.0
        if wait:
            self._metrics.refused.labels("rate").inc()
            seconds = math.ceil(wait)
            detail = f"too many requests came from your address; try again in {seconds} s"
            raise Problem(429, "rate", "Too many requests", detail, {"Retry-After": str(seconds)})

    def _check_size(self, size: int, most: int) -> None:
        if size > most:
            self._metrics.refused.labels("size").inc()
            kind = "photo-too-large" if most > _FORM else "body-too-large"
            raise Problem(413, kind, "The request is too large", f"at most {most - _FORM or most:,} bytes are allowed")


class Rate:
    """A token bucket for each client."""

    def __init__(self, a_minute: int) -> None:
        """Allow that many requests at once, and as many a minute in the long run."""
        self._most = float(a_minute)
        self._each = 60.0 / a_minute  # seconds
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()  # who -> (tokens left, when)

    def ask(self, who: str) -> float:
        """0 if `who` may go on now, else the seconds to wait."""
        now = time.monotonic()
        left, then = self._clients.pop(who, (self._most, now))
        left = min(self._most, left + (now - then) / self._each)
        may = left >= 1
        self._clients[who] = (left - 1 if may else left, now)
        if len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        return 0.0 if may else (1 - left) * self._each


def client(scope: Scope) -> str:
    """Who asks: an IPv4 address, or the /64 network of an IPv6 one, which is what one household has."""
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if isinstance(address, ipaddress.IPv6Address) and not address.ipv4_mapped:
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(getattr(address, "ipv4_mapped", None) or address)
