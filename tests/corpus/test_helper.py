"""With a helper, without one, or with one that fails: the same corpus, and nothing is left over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from image2poem import Settings
from image2poem.corpus import build_corpus, helper
from image2poem.corpus.prepare import Prepared, Row, prepare

_WORKS = 6 * helper._BATCH
_DIGITS = "春夏秋冬东西南北山水"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six batches of works, each other than the rest."""
    path = tmp_path_factory.mktemp("source") / "many.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(_WORKS):
            name = "".join(_DIGITS[int(digit)] for digit in f"{number:05}")
            work = {"title": name, "author": "某甲", "content": f"{name}花開，明月照高樓。", "script": "traditional"}
            file.write(json.dumps(work, ensure_ascii=False) + "\n")
    return path


@pytest.fixture(scope="module")
def alone(source: Path) -> bytes:
    """The corpus that one process makes of it."""
    settings = Settings(home=source.parent / "alone")
    build_corpus(settings, [str(source)])
    return settings.corpus_file.read_bytes()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Have every source be worth a helper; the list takes those that are started."""
    processes: list[subprocess.Popen[bytes]] = []
    start = helper._start

    def kept(source: str, path: Path, folder: Path) -> subprocess.Popen[bytes]:
        processes.append(start(source, path, folder))
        return processes[-1]

    monkeypatch.setattr(helper, "_LARGE", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    monkeypatch.setattr(helper, "_start", kept)
    return processes


class _Meanwhile:
    """Progress that holds the first process up until the helper has left an answer, and then does something."""

    def __init__(self, settings: Settings, do: Callable[[Path], object] = str) -> None:
        self.answer: Path | None = None
        self._home = settings.home
        self._do = do

    def __call__(self, stage: str, done: int, total: int) -> None:
        end = time.monotonic() + 60
        while not self.answer and stage.startswith("reading") and time.monotonic() < end:
            self.answer = next(self._home.glob(".corpus.sqlite.*.part/*.done"), None)
            time.sleep(0.01)
            if self.answer:
                self._do(self.answer)


def _check(settings: Settings, alone: bytes, progress: _Meanwhile, started: list[subprocess.Popen[bytes]]) -> None:
    assert progress.answer and len(started) == 1 and started[0].returncode is not None
    assert settings.corpus_file.read_bytes() == alone
    assert sorted(path.name for path in settings.home.iterdir()) == ["corpus.sqlite", "corpus.sqlite.lock"]


def test_a_helper_spares_work_and_changes_nothing(
    settings: Settings,
    source: Path,
    alone: bytes,
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here: list[int] = []

    def counted(rows: list[Row], described: dict[str, str]) -> tuple[list[Prepared], dict[str, int]]:
        here.append(len(rows))
        return prepare(rows, described)

    monkeypatch.setattr(helper, "prepare", counted)
    progress = _Meanwhile(settings)
    build_corpus(settings, [str(source)], progress)
    _check(settings, alone, progress, started)
    assert 0 < sum(here) < _WORKS


def test_a_helper_that_is_killed_changes_nothing(
    settings: Settings, source: Path, alone: bytes, started: list[subprocess.Popen[bytes]]
) -> None:
    def kill(answer: Path) -> None:
        started[0].kill()
        started[0].wait()
        (answer.parent / "claimed, and never done").touch()
        answer.unlink()  # it had claimed that one too

    progress = _Meanwhile(settings, kill)
    build_corpus(settings, [str(source)], progress)
    _check(settings, alone, progress, started)


@pytest.mark.parametrize("data", [b"", b"nonsense"])
def test_an_answer_that_cannot_be_read_changes_nothing(
    data: bytes, settings: Settings, source: Path, alone: bytes, started: list[subprocess.Popen[bytes]]
) -> None:
    progress = _Meanwhile(settings, lambda answer: answer.write_bytes(data))
    build_corpus(settings, [str(source)], progress)
    _check(settings, alone, progress, started)


def test_a_helper_that_cannot_start_changes_nothing(
    settings: Settings,
    source: Path,
    alone: bytes,
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", str(settings.home / "python"))
    build_corpus(settings, [str(source)])
    assert not started and settings.corpus_file.read_bytes() == alone
    assert len(list(settings.home.iterdir())) == 2


def test_a_build_broken_off_leaves_no_helper(
    settings: Settings, source: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    def stop(answer: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_corpus(settings, [str(source)], _Meanwhile(settings, stop))
    assert started[0].returncode is not None
    assert [path.name for path in settings.home.iterdir()] == ["corpus.sqlite.lock"]


def test_what_a_killed_build_left_is_cleared(settings: Settings, source: Path) -> None:
    stale = settings.home / ".corpus.sqlite.x.part"
    stale.mkdir(parents=True)
    (stale / "answer.done").touch()
    build_corpus(settings, [str(source)])
    assert not stale.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a FIFO")
def test_a_helper_ends_with_whoever_started_it(tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    os.mkfifo(endless)  # it waits there for works that never come
    with helper._start(str(endless), endless, tmp_path) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        assert process.stdin
        process.stdin.close()
        assert process.wait(30) == 1


def test_a_small_source_or_a_single_core_gets_no_helper(
    settings: Settings, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.home.mkdir()
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    with helper.helping(str(source), source, settings.corpus_file) as answers:
        assert answers is None
    monkeypatch.setattr(helper, "_LARGE", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    with helper.helping(str(source), source, settings.corpus_file) as answers:
        assert answers is None
