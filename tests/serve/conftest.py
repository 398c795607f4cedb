"""A server over the small corpus."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from serve_fakes import Serve, Unopened
from starlette.testclient import TestClient

from image2poem import ImageToPoem, Settings
from image2poem.serve import create_app


@pytest.fixture
def serve(home: Path, matcher: ImageToPoem) -> Iterator[Serve]:
    """Start a server with settings of one's own; and a kind of matcher."""
    with ExitStack() as stack:

        def start(kind: Any = None, **settings: Any) -> TestClient:
            mine = copy.copy(matcher)  # with the same open models
            mine.settings = Settings(**{"home": home, "serve_rate": 0} | settings)
            app = create_app(kind(mine) if kind else mine)
            client = stack.enter_context(TestClient(app, raise_server_exceptions=False))
            while not app.state.service.opened.is_set() and kind is not Unopened:
                time.sleep(0.01)
            return client

        yield start


@pytest.fixture
def client(serve: Serve) -> TestClient:
    """A server with the usual settings."""
    return serve()
