"""What Prometheus is told at /metrics."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Histogram(
            "image2poem_request_seconds",
            "Requests, by route and status, and how long they took.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.work = Histogram(
            "image2poem_work_seconds",
            "Work done in a lane (match: photos and words; wait: downloads; vlm: matches with a VLM), without the time it waited.",
            ("lane",),
            buckets=(*_BUCKETS, 60, 120),
            registry=self.registry,
        )
        self.inside = Gauge(
            "image2poem_work_inside", "Work that runs or waits in a lane.", ("lane",), registry=self.registry
        )
        self.refused = Counter(
            "image2poem_refused_total",
            "Requests sent away: busy, slow, rate, key, size.",
            ("reason",),
            registry=self.registry,
        )

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)


class Timing:
    """ASGI middleware that counts every request and adds the headers that every answer has."""

    def __init__(self, app: ASGIApp, metrics: Metrics, headers: list[tuple[bytes, bytes]]) -> None:
        """Count into `metrics`, and add `headers` where the answer doesn't set them itself."""
        self._app, self._metrics, self._headers = app, metrics, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                names = {name for name, _ in headers}
                headers += [(name, value) for name, value in self._headers if name not in names]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "") or "other"
            method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "OPTIONS") else "other"
            seconds = time.perf_counter() - start
            self._metrics.requests.labels(method, route, str(status)).observe(seconds)
