"""Read the files of a folder, a .tgz or a .zip alike, without unpacking: (name inside, bytes), one after the other."""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from image2poem.errors import CorpusError


def _folder(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    for folder, below, names in os.walk(path):
        below.sort()
        for name in sorted(names):
            file = Path(folder) / name
            inside = file.relative_to(path).as_posix()
            if wanted(inside):
                yield inside, file.read_bytes()


def _tar(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, "r|*") as archive:  # a stream: one pass, nothing is written to disk
        for member in archive:
            if member.isfile() and wanted(member.name) and (file := archive.extractfile(member)):
                yield member.name, file.read()


def _zip(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith("/") and wanted(name):
                yield name, archive.read(name)


def read_archive(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """The wanted files of a folder or an archive, in its own order (a folder's: by name).

    Raises:
        CorpusError: there is nothing at `path`, or it is no archive, or a damaged one.
    """
    try:
        if path.is_dir():
            yield from _folder(path, wanted)
        elif not path.exists():
            raise CorpusError(f"{path} doesn't exist; name a folder, an archive or a .jsonl file of poems")
        elif zipfile.is_zipfile(path):
            yield from _zip(path, wanted)
        else:
            yield from _tar(path, wanted)
    except (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{path} can't be read as a folder, .tgz or .zip ({error}); fetch it again") from error
