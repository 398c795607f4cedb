"""Build an index: encode the verses, count their characters, and only then say that it exists.

Nothing of a build counts until its manifest is renamed into place (manifest.py), so that Ctrl-C, kill -9, a full disk
or a power cut leave the previous index as it was. Vectors are written in chunks, each brought to disk before it is
counted in `progress.json`; the next build goes on after the last one counted. A verse is encoded once in its life:
its vector is found again by the hash of its text, in any build of the same model next door (another size, an older
corpus, a build that was cut short). Vectors that ship with the package would be one more such source.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders import TextEncoder
from image2poem.errors import IndexFileError, ModelError
from image2poem.index.lexical import FILES, lexical_arrays
from image2poem.index.manifest import (
    COMMAND,
    FORMAT,
    NAME,
    File,
    Manifest,
    damage,
    read_manifest,
    sha256,
    write_manifest,
    write_whole,
)
from image2poem.index.shipped import Shipped, shipped_vectors

CHUNK = 2048  # verses on disk at a time: what a killed build loses at most
BATCH = 128  # verses encoded at a time
_LEXICAL_BYTES = 300  # of disk for each verse, generously
_BLOCK = 16384  # verses read from the corpus at a time
_BUILD = re.compile(r"[0-9a-f]{32}")
# a quota and the largest file that a file system takes are full disks too
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


class Verses(Protocol):
    """What a build needs of the corpus: texts by id, ids 0..len-1."""

    def __len__(self) -> int: ...

    @property
    def corpus_id(self) -> str:
        """Names this state of the corpus."""

    def texts(self, start: int, stop: int) -> list[str]:
        """Texts of the verses start..stop-1."""


def build_index(
    verses: Verses,
    count: int,
    encoder: TextEncoder,
    folder: Path,
    progress: Callable[[int, int], object] = lambda done, total: None,
    lexical: bool = True,
    beside: Mapping[str, NDArray[np.generic]] | None = None,
) -> Manifest:
    """Make `folder` hold the index of the first `count` verses, doing only what is left to do.

    Args:
        verses: the corpus.
        count: how many of its verses get a vector, 1..len(verses).
        encoder: gives the vectors, with `encode_document`.
        folder: `index_folder(...)`; made if it isn't there.
        progress: called with (verses done, count) now and then, first with what earlier builds had done.
        lexical: count the verses' characters too; a second index beside the first needs its vectors only.
        beside: file name -> array, other files of the build: another array makes another build.

    Raises:
        IndexFileError: another process is building here, the disk is full, or the folder can't be written.
        ModelError: the encoder gave something that is no vectors.
    """
    if not 0 < count <= len(verses):
        raise ValueError(f"{count} verses asked for, the corpus has {len(verses)}")
    with _sentences(folder, _disk(count, encoder.dimension)):
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder):
            return _build(verses, count, encoder, folder, progress, lexical, beside or {})


def build_name(
    verses: Verses, count: int, encoder: TextEncoder, beside: Mapping[str, NDArray[np.generic]] | None = None
) -> str:
    """The name of the build that `build_index` would make of these: the manifest of one that is up to date has it."""
    return _key(_hashes(verses, count), encoder, beside or {})


def _build(
    verses: Verses,
    count: int,
    encoder: TextEncoder,
    folder: Path,
    progress: Callable[[int, int], object],
    lexical: bool,
    beside: Mapping[str, NDArray[np.generic]],
) -> Manifest:
    hashes = _hashes(verses, count)
    key = _key(hashes, encoder, beside)
    build = folder / key
    known = _finished(folder, key)
    if not known:
        build.mkdir(exist_ok=True)
        _leave_room(build, count, encoder)
        write_whole(build / "verses.npy", _npy(hashes))
        _vectors(verses, hashes, encoder, build, progress)
        names = ["vectors.npy", "verses.npy"]
        if lexical:
            for name, array in lexical_arrays(_blocks(verses, count)).items():
                write_whole(build / name, _npy(array))
            names += FILES
        for name, array in beside.items():
            write_whole(build / name, _npy(array))
            names.append(name)
        known = {name: File((build / name).stat().st_size, sha256(build / name)) for name in names}
    manifest = Manifest(FORMAT, encoder.model_id, encoder.dimension, count, verses.corpus_id, key, known)
    write_manifest(folder, manifest)
    _sweep(folder, keep=key)
    progress(count, count)
    return manifest


def _hashes(verses: Verses, count: int) -> NDArray[np.uint64]:
    return np.fromiter((verse_hash(text) for block in _blocks(verses, count) for text in block), np.uint64, count)


def _key(hashes: NDArray[np.uint64], encoder: TextEncoder, beside: Mapping[str, NDArray[np.generic]]) -> str:
    space = f"{encoder.model_id}\n{encoder.dimension}\n".encode()
    others = b"".join(array.tobytes() for array in beside.values())
    return hashlib.blake2b(space + hashes.tobytes() + others, digest_size=16).hexdigest()


def _finished(folder: Path, key: str) -> dict[str, File]:
    """The files of this very build if it is finished and sound; else what is damaged is taken out of the way."""
    try:
        manifest = read_manifest(folder)
    except IndexFileError:
        return {}
    if manifest.build != key:
        return {}
    build = folder / key
    bad = {name for name, file in manifest.files.items() if damage(build / name, file, whole=True)}
    if not bad:
        return dict(manifest.files)
    (folder / NAME).unlink()  # first of all: what is about to change must not be opened any more
    if bad & {"vectors.npy", "verses.npy"}:
        bad |= {"vectors.npy", "progress.json"}
    for name in bad:
        (build / name).unlink(missing_ok=True)  # a new file, never new bytes in one that somebody has open
    return {}


def _vectors(
    verses: Verses,
    hashes: NDArray[np.uint64],
    encoder: TextEncoder,
    build: Path,
    progress: Callable[[int, int], object],
) -> None:
    """Fill vectors.npy with float32[n, d], going on where an earlier build stopped."""
    count, path = len(hashes), build / "vectors.npy"
    header = _header(count, encoder.dimension)
    row = 4 * encoder.dimension
    rows = _rows_done(build, encoder)
    if rows and (not path.exists() or path.stat().st_size < len(header) + rows * row):
        rows = 0
    sources = list(_sources(build, encoder)) if rows < count else []
    with path.open("r+b" if rows else "wb") as stream:
        stream.write(header)
        stream.truncate(len(header) + rows * row)
        stream.seek(0, os.SEEK_END)
        progress(rows, count)
        for start in range(rows, count, CHUNK):
            stop = min(start + CHUNK, count)
            chunk = np.empty((stop - start, encoder.dimension), np.float32)
            missing = np.arange(stop - start)
            for source in sources:
                missing = source.fill(hashes[start:stop], chunk, missing)
            progress(stop - len(missing), count)
            texts = verses.texts(start, stop)
            for left in _encode(texts, missing, encoder, chunk):
                progress(stop - left, count)
            stream.write(chunk.astype("<f4", copy=False).tobytes())
            stream.flush()
            os.fsync(stream.fileno())
            _count_rows(build, encoder, stop)


def _encode(
    texts: list[str],
    missing: NDArray[np.int64],
    encoder: TextEncoder,
    chunk: NDArray[np.float32],
) -> Iterator[int]:
    """Fill the missing rows of a chunk, batch by batch; yields how many are left. Like lengths go into one batch."""
    by_length = sorted(missing.tolist(), key=lambda i: len(texts[i]))
    for start in range(0, len(by_length), BATCH):
        rows = by_length[start : start + BATCH]
        vectors = encoder.encode_document([texts[i] for i in rows])
        if vectors.shape != (len(rows), encoder.dimension) or not np.isfinite(vectors).all():
            raise ModelError(
                f"the text encoder {encoder.model_id} gave an array {vectors.shape} for {len(rows)} verses where "
                f"{(len(rows), encoder.dimension)} finite numbers were due; install or export the model again"
            )
        chunk[rows] = vectors
        yield len(by_length) - start - len(rows)


class _Source:
    """Vectors of an earlier build, found by the hash of a verse."""

    def __init__(self, build: Path, rows: int, dimension: int) -> None:
        hashes = np.load(build / "verses.npy", mmap_mode="r")
        offset = len(_header(len(hashes), dimension))
        self._vectors = np.memmap(build / "vectors.npy", "<f4", "r", offset, (rows, dimension))
        self._order = np.argsort(hashes[:rows])
        self._hashes = hashes[self._order]

    def fill(
        self, hashes: NDArray[np.uint64], chunk: NDArray[np.float32], missing: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Fill those missing rows of a chunk that are known here; returns the rows that stay missing."""
        at = np.minimum(np.searchsorted(self._hashes, hashes[missing]), len(self._hashes) - 1)
        known = self._hashes[at] == hashes[missing]
        chunk[missing[known]] = self._vectors[self._order[at[known]]]
        rest: NDArray[np.int64] = missing[~known]
        return rest


def _sources(build: Path, encoder: TextEncoder) -> Iterator[_Source | Shipped]:
    """Other builds of this model, in this folder and in those beside it, as far as they are sound; then the package's."""
    for path in sorted(build.parent.parent.glob("*/*/progress.json")):
        near = path.parent
        rows = 0 if near == build else _rows_done(near, encoder)
        if not rows:
            continue
        try:
            manifest = read_manifest(near.parent)
            named = manifest.files if manifest.build == near.name else {}
        except IndexFileError:
            named = {}  # one that was cut short: what it counts was brought to disk before
        if any(damage(near / name, named[name], whole=True) for name in ("vectors.npy", "verses.npy") if name in named):
            continue
        try:
            yield _Source(near, rows, encoder.dimension)
        except (OSError, ValueError):
            continue
    if (shipped := shipped_vectors()) and shipped.space == _space(encoder):
        yield shipped


def _rows_done(build: Path, encoder: TextEncoder) -> int:
    """Rows of vectors.npy that an earlier build of this model brought to disk; 0 if none."""
    try:
        done = json.loads((build / "progress.json").read_text("utf-8"))
        return int(done["rows"]) if (done["model_id"], done["dimension"]) == _space(encoder) else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _count_rows(build: Path, encoder: TextEncoder, rows: int) -> None:
    model_id, dimension = _space(encoder)
    content = {"model_id": model_id, "dimension": dimension, "rows": rows}
    write_whole(build / "progress.json", json.dumps(content).encode())


def _space(encoder: TextEncoder) -> tuple[str, int]:
    return encoder.model_id, encoder.dimension


def _blocks(verses: Verses, count: int) -> Iterator[list[str]]:
    for start in range(0, count, _BLOCK):
        yield verses.texts(start, min(start + _BLOCK, count))


def verse_hash(text: str) -> int:
    """64 bits: among 1.5M verses two share one with a chance of 6 in 100 million."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _header(rows: int, dimension: int) -> bytes:
    """What opens an .npy file of float32[rows, dimension]."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (rows, dimension)})
    return stream.getvalue()


def _npy(array: NDArray[np.generic]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _sweep(folder: Path, keep: str) -> None:
    """Delete the builds that the manifest doesn't name. Whoever has one open keeps it until they close it."""
    for path in folder.iterdir():
        if _BUILD.fullmatch(path.name) and path.name != keep:
            shutil.rmtree(path, ignore_errors=True)  # Windows refuses while it is open: the next build tries again


def _disk(count: int, dimension: int) -> int:
    """Bytes that a build takes."""
    return count * (4 * dimension + _LEXICAL_BYTES)


def _leave_room(build: Path, count: int, encoder: TextEncoder) -> None:
    """Say before the work, not after an hour of it, that it won't fit."""
    need = _disk(count, encoder.dimension) - 4 * encoder.dimension * _rows_done(build, encoder)
    if shutil.disk_usage(build).free < need:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(build))


@contextmanager
def _sentences(folder: Path, need: int) -> Iterator[None]:
    """Turn what the file system says into what the person can do about it."""
    try:
        yield
    except OSError as error:
        again = f"then run `{COMMAND}` again: it goes on where it stopped"
        if error.errno in _FULL:
            raise IndexFileError(
                f"no space left for the index in {folder}, which takes {math.ceil(need / 1e6)} MB in all; free some, "
                f"or set IMAGE2POEM_HOME to a folder on a larger disk, {again}"
            ) from None
        raise IndexFileError(
            f"the index can't be written in {folder} ({error.strerror}); make the folder writable or set "
            f"IMAGE2POEM_HOME to another, {again}"
        ) from None


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Let one process at a time build in `folder`. The system lets go of the lock when the process ends, however."""
    with (folder / "lock").open("ab") as stream:
        try:
            _lock_file(stream)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise
            raise IndexFileError(
                f"another process is building the index in {folder}; wait until it has finished, then try again"
            ) from None
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock_file(stream: IO[bytes]) -> None:
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock_file(stream: IO[bytes]) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
