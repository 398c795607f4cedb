"""A model hub on the loopback interface: enough of its protocol to list a model's files and to fetch them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub(models: dict[str, Path], gated: str = "") -> Iterator[tuple[str, list[str]]]:
    """Serve folders as models by name; yields (its address, what was fetched: owner/model/file)."""
    fetched: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path).strip("/")
            about = path.removeprefix("api/models/")
            name = "/".join(about.split("/")[:2])
            if name == gated:
                return self.answer(b"", 403, {"X-Error-Code": "GatedRepo"})
            if name not in models:
                return self.answer(b"", 404, {"X-Error-Code": "RepoNotFound"})
            folder = models[name]
            files = sorted(p for p in folder.rglob("*") if p.is_file())
            if about.startswith(f"{name}/revision/"):
                return self.answer(json.dumps({"id": name, "sha": REVISION, "siblings": []}).encode())
            if about.startswith(f"{name}/tree/"):
                rows = [
                    {"type": "file", "path": p.relative_to(folder).as_posix(), "size": p.stat().st_size, "oid": _oid(p)}
                    for p in files
                ]
                return self.answer(json.dumps(rows).encode())
            file = folder / path.split(f"{name}/resolve/{REVISION}/")[-1]
            if file not in files:
                return self.answer(b"", 404, {"X-Error-Code": "EntryNotFound"})
            if self.command == "GET":
                fetched.append(f"{name}/{file.relative_to(folder).as_posix()}")
            return self.answer(file.read_bytes(), 200, {"ETag": f'"{_oid(file)}"', "X-Repo-Commit": REVISION})

        do_HEAD = do_GET  # noqa: N815

        def answer(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", fetched
    finally:
        server.shutdown()
        server.server_close()


def _oid(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()
