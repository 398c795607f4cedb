"""Open an index that was built before: memmaps and a quick check, no more than some milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from image2poem.errors import IndexFileError
from image2poem.index.dense import DenseIndex
from image2poem.index.lexical import FILES, LexicalIndex
from image2poem.index.manifest import REBUILD, Manifest, damage, read_manifest

if TYPE_CHECKING:
    from image2poem.index import CharacterIndex, VectorIndex

_Opened = TypeVar("_Opened")


@dataclass(frozen=True, slots=True)
class Index:
    """What the routes search: verse ids 0..count-1, by vector and by character."""

    dense: VectorIndex
    lexical: CharacterIndex
    manifest: Manifest


def open_index(folder: Path, model_id: str, corpus_id: str, count: int) -> Index:
    """Open the index in `folder`, if it is the one of this model, this corpus and the first `count` verses of it.

    Sizes, shapes and the manifest's checksum are compared at each opening; `verify` reads every byte.

    Raises:
        IndexFileError: it is missing, damaged, or belongs to another model, corpus or size.
    """
    return open_checked(folder, model_id, corpus_id, count, _open)


def open_vectors(folder: Path, model_id: str, corpus_id: str, count: int) -> DenseIndex:
    """As `open_index`, for one that was built without characters."""
    return open_checked(folder, model_id, corpus_id, count, _open_vectors)


def open_checked(
    folder: Path, model_id: str, corpus_id: str, count: int | None, opener: Callable[[Path, Manifest], _Opened]
) -> _Opened:
    """What `opener` makes of the build in `folder`, once it is known to be the right one; count None: of any size.

    Raises:
        IndexFileError: it is missing, damaged, or belongs to another model, corpus or size.
    """
    manifest = read_manifest(folder)
    if manifest.model_id != model_id:
        raise IndexFileError(
            f"the index in {folder} was made by the model {manifest.model_id}, and {model_id} is in use; {REBUILD}"
        )
    if manifest.corpus_id != corpus_id:
        raise IndexFileError(f"the index in {folder} was made from another corpus; {REBUILD}")
    if count is not None and manifest.count != count:
        raise IndexFileError(f"the index in {folder} has {manifest.count} verses instead of {count}; {REBUILD}")
    try:
        return _whole(folder, manifest, opener)
    except IndexFileError:
        if read_manifest(folder) == manifest:
            raise
        return open_checked(folder, model_id, corpus_id, count, opener)  # a build replaced it while we were opening it


def _whole(folder: Path, manifest: Manifest, opener: Callable[[Path, Manifest], _Opened]) -> _Opened:
    build = folder / manifest.build
    for name, file in manifest.files.items():
        if problem := damage(build / name, file, whole=False):
            raise IndexFileError(f"the index in {folder} is damaged ({problem}); {REBUILD}")
    try:
        return opener(build, manifest)
    except (OSError, ValueError) as error:
        raise IndexFileError(f"the index in {folder} is damaged ({error}); {REBUILD}") from None


def _open(build: Path, manifest: Manifest) -> Index:
    vectors, characters = open_parts(build, manifest)
    return Index(vectors, characters, manifest)


def open_parts(build: Path, manifest: Manifest) -> tuple[DenseIndex, LexicalIndex]:
    """The vectors and the characters of a build."""
    tokens, starts, postings, scores = (load(build / name) for name in FILES)
    return _open_vectors(build, manifest), LexicalIndex(tokens, starts, postings, scores, manifest.count)


def _open_vectors(build: Path, manifest: Manifest) -> DenseIndex:
    vectors = load(build / "vectors.npy")
    if vectors.dtype != np.float32 or vectors.shape != (manifest.count, manifest.dimension):
        raise ValueError(f"vectors.npy holds {vectors.dtype}{list(vectors.shape)}")
    return DenseIndex(vectors)


def load(path: Path) -> NDArray[Any]:
    """An array of a build, as a memmap."""
    array: NDArray[Any] = np.load(path, mmap_mode="r")
    return array
