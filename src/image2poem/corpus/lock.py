"""One build at a time: a lock that the system itself lets go when its holder dies, even by kill -9."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from image2poem.errors import CorpusError


def _take(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def only_builder(target: Path) -> Iterator[None]:
    """Hold the lock for building `target`.

    Raises:
        CorpusError: another process builds it now, or the folder can't be written.
    """
    path = target.with_name(target.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise CorpusError(
            f"{path.parent} can't be written ({error.strerror}); set IMAGE2POEM_HOME to a folder that can"
        ) from None
    try:
        try:
            _take(descriptor)
        except OSError:
            raise CorpusError(f"another process is building {target} now; wait until it is done") from None
        yield
    finally:
        os.close(descriptor)
