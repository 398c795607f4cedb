"""What a server stands: throughput and waiting times for 1, 8 and 32 clients, and its memory over many requests.

usage: python -m evaluation.load [--seconds 20] [--requests 2000] [--home FOLDER]

Starts `image2poem serve` on a free port of this machine, without a rate limit, and asks it from as many threads as
there are clients, each on a connection of its own, one request after the other. Prints Markdown. The clients take some
of the same cores' time.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"
CLIENTS = (1, 8, 32)
WORDS = ("月光照在江上", "雪夜里有人回家", "秋天的红叶落满山路", "春天桃花开了", "夕阳西下的海边", "竹林里弹琴")
EACH = 500  # requests between two looks at the memory

Request = tuple[str, bytes, str]  # path, body, content type


@dataclass
class Seen:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seconds: float, status: int) -> None:
        """One answer."""
        with self.lock:
            self.seconds.append(seconds)
            self.statuses[status] += 1


def main() -> None:
    """Start a server, load it, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--home", help="as for image2poem")
    args = parser.parse_args()
    photos = [_photo(path) for path in sorted(EXAMPLES.glob("*.??g"))]
    searches = [("/v1/search", json.dumps({"text": words}).encode(), "application/json") for words in WORDS]
    with _server(args.home) as port:
        for request in (*photos, *searches):
            _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=120), request)
        print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
        print("| asked for | clients | requests | errors | a second | p50 ms | p99 ms |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for name, requests in (("`/v1/match`", photos), ("`/v1/search`", searches)):
            for clients in CLIENTS:
                started = time.monotonic()
                stop = started + args.seconds
                seen = _load(port, clients, requests, lambda stop=stop: time.monotonic() < stop)
                _print_row(name, clients, seen, time.monotonic() - started)
        print("\n| matches | memory of the server, MB |\n| --- | --- |")
        print(f"| before | {_memory(port):.0f} |")
        for done in range(EACH, args.requests + 1, EACH):
            left = itertools.count(1)
            seen = _load(port, 8, photos, lambda left=left: next(left) <= EACH)
            assert set(seen.statuses) == {200}, seen.statuses
            print(f"| {done} | {_memory(port):.0f} |")


def _photo(path: Path) -> Request:
    edge = "edge-of-the-photo"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="photo"; filename="{path.name}"\r\n\r\n'
    body = head.encode() + path.read_bytes() + f"\r\n--{edge}--\r\n".encode()
    return "/v1/match", body, f"multipart/form-data; boundary={edge}"


@contextmanager
def _server(home: str | None) -> Iterator[int]:
    command = [sys.executable, "-m", "image2poem", "serve", "--port", "0", *(["--home", home] if home else [])]
    environment = os.environ | {"IMAGE2POEM_SERVE_RATE": "0"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            said = process.stderr.readline()
            found = re.search(r":(\d+)/", said)
            if not found:
                sys.exit(said + process.stderr.read())
            yield int(found[1])
        finally:
            process.terminate()


def _load(port: int, clients: int, requests: list[Request], more: Callable[[], bool]) -> Seen:
    seen = Seen()

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for request in itertools.islice(itertools.cycle(requests), number, None):
            if not more():
                return
            start = time.perf_counter()
            status = _ask(connection, request)
            seen.add(time.perf_counter() - start, status)

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    return seen


def _ask(connection: http.client.HTTPConnection, request: Request) -> int:
    path, body, kind = request
    try:
        connection.request("POST", path, body, {"Content-Type": kind})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0
    return response.status


def _print_row(name: str, clients: int, seen: Seen, seconds: float) -> None:
    good = seen.statuses[200]
    times = sorted(1000 * second for second in seen.seconds)
    p99 = times[min(len(times) - 1, round(0.99 * len(times)))]
    errors = sum(seen.statuses.values()) - good
    print(
        f"| {name} | {clients} | {len(times)} | {errors} | {good / seconds:.1f} | {statistics.median(times):.0f} | {p99:.0f} |",
        flush=True,
    )


def _memory(port: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    found = re.search(r"^process_resident_memory_bytes (\S+)", text, re.MULTILINE)
    return float(found[1]) / 1e6 if found else float("nan")


if __name__ == "__main__":
    main()
