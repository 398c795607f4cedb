"""Matchers that take their time."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.testclient import TestClient
from vlm_server import Server, says, serving

from image2poem import ImageToPoem

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
RIVER = EXAMPLES / "moonlit_river.png"

TOLD = "夜里，宽阔的江面上停着一只小船，天上挂着一轮明月。"
NEW = "一叶横江月色冷，水天无语夜如年。"
Serve = Callable[..., TestClient]


def tower() -> bytes:
    """The river, as taken at 鹳雀楼 at the Double Ninth."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:10:11 17:20:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (34.0, 51.0, 18.0), 3: "E", 4: (110.0, 16.0, 48.0)})
    file = io.BytesIO()
    with Image.open(RIVER) as picture:
        picture.convert("RGB").save(file, "JPEG", exif=exif)
    return file.getvalue()


def poet() -> AbstractContextManager[Server]:
    """A server with a VLM that describes every photo as a moonlit river and writes one new line for it."""

    def answer(handler: Any, request: dict[str, Any]) -> None:
        asked = "".join(part.get("text", "") for part in request["messages"][0]["content"])
        said = {"description": TOLD} if "description" in asked else {"lines": [NEW]}
        says(json.dumps(said, ensure_ascii=False))(handler, request)

    return serving(answer)


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
