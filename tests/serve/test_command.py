"""`image2poem serve` as a process, and the files that carry it elsewhere."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from image2poem.settings import Settings

ROOT = Path(__file__).parent.parent.parent


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    """`image2poem serve`."""
    environment = {**os.environ, "IMAGE2POEM_HOME": str(home), "IMAGE2POEM_CONFIG": "/nonexistent"}
    # a test may itself run with SIGINT ignored, and a child would inherit that
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from image2poem.cli import main; main()"
    command = [sys.executable, "-c", program, "serve", *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_it_says_where_it_is_answers_and_ends_on_ctrl_c(home: Path) -> None:
    with start(home, "--port", "0") as serving:
        assert serving.stderr
        said = serving.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert found, said + serving.stderr.read()
        with urllib.request.urlopen(f"{found[0]}readyz") as answer:
            assert json.load(answer) == {"status": "ready"}
        with urllib.request.urlopen(found[0]) as answer:
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "以图寻诗" in answer.read().decode()
        serving.send_signal(signal.SIGINT)
        assert serving.wait(30) == 0
        assert "Traceback" not in serving.stderr.read()


def test_an_answer_doesnt_wait_for_its_headers_receipt() -> None:
    from image2poem.serve.listen import _listen

    with _listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_and_a_home_without_poems_are_told(home: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, start(home, "--port", str(taken.getsockname()[1])) as serving:
        said = serving.communicate(timeout=60)[1]
        assert serving.returncode == 2 and "--port" in said and len(said.splitlines()) == 1
    with start(tmp_path, "--port", "0") as serving:
        said = serving.communicate(timeout=60)[1]
        assert serving.returncode == 2 and "image2poem corpus" in said and len(said.splitlines()) == 1


@pytest.mark.parametrize(("door", "package", "extra"), [("serve", "fastapi", "web"), ("mcp", "mcp", "mcp")])
def test_a_missing_extra_is_named(home: Path, door: str, package: str, extra: str) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; from image2poem.cli import main; main()"
    command = [sys.executable, "-c", program, door, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and f"pip install 'image2poem[{extra}]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_container_files_name_what_there_is() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    for name in compose["services"]["image2poem"]["environment"]:
        assert name.removeprefix("IMAGE2POEM_").lower() in Settings.model_fields
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    for line in re.findall(r"^COPY (?!--)(.*) \S+$", dockerfile, re.MULTILINE):
        assert all((ROOT / name).exists() for name in line.split()), line
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE) and "HEALTHCHECK" in dockerfile
