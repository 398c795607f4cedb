"""A second process that prepares some of the works of a large source, where there is a core for it.

It opens the source for itself and goes through the same works, batch by batch. Whoever comes to a batch first claims it by
an empty file; the helper leaves its answers as files too. All of them are named by what is in the batch, so an answer
always belongs to the works it is taken for. The first process never waits: it goes on with later batches, and does itself
what the helper doesn't get done. So whatever becomes of the helper, the same poems come out.

It is a program of its own, not multiprocessing's child, which would run a caller's script again that has no
`if __name__ == "__main__"`.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import marshal
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import image2poem
from image2poem.corpus.prepare import Prepared, Row, prepare, row_of
from image2poem.corpus.source import open_source
from image2poem.corpus.work import Work

_BATCH = 4096  # works prepared at once
_LARGE = 16 << 20  # bytes of a source that are worth a helper
_WAITING = 8  # batches that the first process keeps while it waits for an answer; each takes some 10 MB
_AHEAD = 16  # answers that nobody took yet, 3 MB each, at which the helper pauses
_PROGRAM = "from image2poem.corpus.helper import main; main()"
_DONE = ".done"

Answer = tuple[list[Prepared], dict[str, int]]


def _batches(works: Iterable[Work]) -> Iterator[list[Work]]:
    iterator = iter(works)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _name(rows: list[Row], described: str) -> str:
    """A name for an answer: other works, or other descriptions, have another."""
    text = "\0".join([described, *[part for row in rows for part in (*row[:-1], "ft"[row[-1]])]])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _claim(folder: Path, name: str) -> bool:
    """Whether nobody claimed it before.

    Raises:
        OSError: it can't be known.
    """
    try:
        os.close(os.open(folder / name, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _take(folder: Path, name: str) -> Answer | None:
    path = folder / (name + _DONE)
    try:
        answer: Answer = marshal.loads(path.read_bytes())
        path.unlink()
    except (OSError, EOFError, ValueError, TypeError):
        return None
    return answer


def prepared(
    works: Iterable[Work], described: dict[str, str], folder: Path | None
) -> Iterator[tuple[list[Work], list[Row], Answer]]:
    """Batches of works in order, with their rows and what `prepare` says of these.

    Args:
        works: of one source.
        described: "{山/淪}" → the one character meant, where the source says it.
        folder: where a helper leaves its answers; None if there is none.
    """
    if not folder:
        for batch in _batches(works):
            rows = list(map(row_of, batch))
            yield batch, rows, prepare(rows, described)
        return
    key = repr(described)
    waiting: deque[tuple[list[Work], list[Row], str, Answer | None]] = deque()
    for batch in _batches(works):
        rows = list(map(row_of, batch))
        name = _name(rows, key)
        mine = True
        with contextlib.suppress(OSError):
            mine = _claim(folder, name)
        waiting.append((batch, rows, name, prepare(rows, described) if mine else None))
        while waiting:
            batch, rows, name, answer = waiting[0]
            answer = answer or _take(folder, name)
            if not answer and len(waiting) <= _WAITING:
                break
            waiting.popleft()
            yield batch, rows, answer or prepare(rows, described)
    for batch, rows, name, answer in waiting:
        yield batch, rows, answer or _take(folder, name) or prepare(rows, described)


def _is_large(path: Path) -> bool:
    if path.is_file():
        return path.stat().st_size >= _LARGE
    size = 0
    for place, _, names in os.walk(path):
        size += sum(Path(place, name).lstat().st_size for name in names)
        if size >= _LARGE:
            return True
    return False


def _is_worth_it(path: Path) -> bool:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # of a frozen or embedding program, sys.executable is that program
    python = Path(sys.executable or "").stem.lower().startswith(("python", "pypy"))
    return cores > 1 and python and _is_large(path)


@contextlib.contextmanager
def helping(source: str, path: Path, target: Path) -> Iterator[Path | None]:
    """Run a helper for a source, if it is large enough and there is a core for it.

    Args:
        source: what `open_source` opens.
        path: where that is.
        target: the file that is being built; the answers lie beside it, in a folder that a later build takes for stale.

    Yields:
        The folder of the answers for `prepared`, or None.
    """
    with contextlib.ExitStack() as stack:
        folder = None
        with contextlib.suppress(OSError):  # then there is no helper
            if _is_worth_it(path):
                made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)).absolute()
                stack.callback(shutil.rmtree, made, ignore_errors=True)
                stack.callback(_end, _start(source, path, made))
                folder = made
        yield folder


def _start(source: str, path: Path, folder: Path) -> subprocess.Popen[bytes]:
    places = [place for place in sys.path if place] + [str(Path(image2poem.__file__).parents[1])]
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM, source, str(path), str(folder)],
        stdin=subprocess.PIPE,  # nothing is said through it: it closes when this process ends, however it does
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(places))},
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin:
        process.stdin.close()


def _end_with_parent() -> None:
    with contextlib.suppress(OSError):
        os.read(0, 1)
    os._exit(1)


def _help(source: str, path: Path, folder: Path) -> None:
    """Prepare the batches of a source that nobody has claimed, while there is somebody to take the answers."""
    opened = open_source(source, path)
    key = repr(opened.described)
    left: list[Path] = []
    for batch in _batches(opened.works):
        rows = list(map(row_of, batch))
        name = _name(rows, key)
        if not _claim(folder, name):
            continue
        part = folder / f"{name}.part"
        part.write_bytes(marshal.dumps(prepare(rows, opened.described)))
        left.append(part.replace(folder / (name + _DONE)))
        while len(left) >= _AHEAD:
            time.sleep(0.02)
            left = [answer for answer in left if answer.exists()]


def main() -> None:
    """The helper's whole life; its arguments are those of `_start`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started it, who then ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.disable()  # as in `build_corpus`
    source, path, folder = sys.argv[1:]
    _help(source, Path(path), Path(folder))
