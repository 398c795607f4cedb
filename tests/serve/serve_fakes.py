"""Matchers that take their time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from image2poem import ImageToPoem

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
RIVER = EXAMPLES / "moonlit_river.png"

Serve = Callable[..., TestClient]


class Slow:
    """A matcher whose matches wait until they are let go."""

    def __init__(self, matcher: ImageToPoem) -> None:
        self._matcher = matcher
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()

    def match(self, *arguments: Any, **options: Any) -> Any:
        """Wait, then match."""
        self.begun.release()
        assert self.go.wait(30)
        return self._matcher.match(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._matcher, name)


class Unopened(Slow):
    """A matcher that takes its time to open."""

    is_open = False

    def open(self) -> Any:
        """Wait, then open."""
        assert self.go.wait(30)
        return self._matcher.open()
