"""Lanes: threads that do the work, so that the event loop never waits, with a queue that has an end."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from image2poem.serve import problem
from image2poem.serve.metrics import Metrics

T = TypeVar("T")


class Lane:
    """Some threads and a bounded queue before them. Used from one event loop."""

    def __init__(self, name: str, workers: int, queue: int, timeout: float, metrics: Metrics) -> None:
        """Work on `workers` things at a time, let `queue` more wait, give each up after `timeout` seconds."""
        self._name, self._workers, self._room, self._timeout = name, workers, workers + queue, timeout
        self._pool = ThreadPoolExecutor(workers, f"image2poem-{name}")
        self._metrics = metrics
        self._inside = 0
        self._usual = 0.1  # seconds a piece of work takes, a running mean

    async def run(self, work: Callable[[], T]) -> T:
        """Do `work` in a thread.

        Raises:
            Problem: the queue is full, or the time is up. Work that has begun by then is done to its end unseen.
        """
        if self._inside >= self._room:
            self._metrics.refused.labels("busy").inc()
            raise problem.busy(max(1, math.ceil(self._inside * self._usual / self._workers)))
        loop = asyncio.get_running_loop()
        self._enter(1)
        future = self._pool.submit(self._timed, work)
        future.add_done_callback(lambda _: loop.is_closed() or loop.call_soon_threadsafe(self._enter, -1))
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if not limit.expired():
                raise
            self._metrics.refused.labels("slow").inc()
            raise problem.too_slow(self._timeout) from None

    def close(self) -> None:
        """Let what runs end; begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _enter(self, change: int) -> None:
        self._inside += change
        self._metrics.inside.labels(self._name).set(self._inside)

    def _timed(self, work: Callable[[], T]) -> T:
        start = time.perf_counter()
        try:
            return work()
        finally:
            seconds = time.perf_counter() - start
            self._usual = 0.9 * self._usual + 0.1 * seconds
            self._metrics.work.labels(self._name).observe(seconds)
