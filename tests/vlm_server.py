"""A real server on loopback that speaks the OpenAI protocol and answers as it is told to."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[http.server.BaseHTTPRequestHandler, dict[str, Any]], None]


def body(content: Any) -> bytes:
    """A chat completion whose message is `content`."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return json.dumps(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}, ensure_ascii=False
    ).encode()


def raw(status: int, data: bytes, kind: str = "application/json", **headers: str) -> Answer:
    """Answer with these bytes."""

    def answer(handler: http.server.BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        handler.send_response(status)
        own = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        for name, value in {"content-type": kind, "content-length": str(len(data)), **own}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def says(content: Any) -> Answer:
    """Answer with a chat completion."""
    return raw(200, body(content))


def error(status: int, message: str = "no", **headers: str) -> Answer:
    """Answer with an error as OpenAI's API words them."""
    return raw(status, json.dumps({"error": {"message": message, "type": "x"}}).encode(), **headers)


def asked(request: dict[str, Any]) -> str:
    """The text of a request, with a picture or without."""
    content = request["messages"][0]["content"]
    return content if isinstance(content, str) else "".join(p["text"] for p in content if p["type"] == "text")


def numbered(request: dict[str, Any]) -> dict[str, str]:
    """Number -> verse of a request to translate."""
    return dict(re.findall(r"^(\d+)\. ([^（]+)（", asked(request), re.MULTILINE))


def translates(translation: Callable[[str], str | None]) -> Answer:
    """Answer with the translation of each verse, None leaving it out."""

    def answer(handler: http.server.BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        said = {number: translation(verse) for number, verse in numbered(request).items()}
        given = {number: text for number, text in said.items() if text is not None}
        says(json.dumps(given, ensure_ascii=False))(handler, request)

    return answer


def truncated(content: Any) -> Answer:
    """Promise more bytes than come."""
    data = body(content)

    def answer(handler: http.server.BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        raw(200, data[: len(data) // 2], Content_Length=str(len(data)))(handler, request)
        handler.close_connection = True

    return answer


def hangs(seconds: float) -> Answer:
    """Say nothing for a while."""

    def answer(handler: http.server.BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return answer


def drips(seconds: float) -> Answer:
    """A header and then a byte now and then: each comes in time, the whole never."""

    def answer(handler: http.server.BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        end = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)
        handler.close_connection = True

    return answer


@dataclass
class Server:
    """What it will answer, one answer a request (the last one again and again), and what it was asked."""

    url: str
    answers: list[Answer]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def picture(self, at: int = 0) -> bytes:
        """The picture of a request."""
        parts = self.requests[at]["messages"][0]["content"]
        url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        head, data = url.split(",", 1)
        assert head == "data:image/jpeg;base64"
        return base64.b64decode(data, validate=True)

    def text(self, at: int = 0) -> str:
        """The text of a request."""
        return asked(self.requests[at])

    def verses(self, at: int = 0) -> list[str]:
        """The verses that a request wants translated."""
        return list(numbered(self.requests[at]).values())


@contextlib.contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    """A server that gives these answers in turn."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append({**request, "path": self.path})
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            with contextlib.suppress(OSError):
                answer(self, request)

        def log_message(self, format: str, *args: object) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    server = Server(f"http://127.0.0.1:{listening.server_port}/v1", list(answers))
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
