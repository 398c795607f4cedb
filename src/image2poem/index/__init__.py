"""The index: vectors and characters of the verses, built once and opened in milliseconds.

`build_index` makes one, `open_index` opens it for the routes (retrieval/), `verify` reads every byte of it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from image2poem.index.build import build_index
from image2poem.index.dense import DenseIndex
from image2poem.index.lexical import LexicalIndex, tokens
from image2poem.index.manifest import Manifest, index_folder, verify
from image2poem.index.store import Index, open_index, open_vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "DenseIndex",
    "Index",
    "LexicalIndex",
    "Manifest",
    "VectorIndex",
    "build_index",
    "index_folder",
    "open_index",
    "open_vectors",
    "tokens",
    "verify",
]


class VectorIndex(Protocol):
    """Verse vectors that can be searched. `DenseIndex` is the exact one; a vector database would be another."""

    def __len__(self) -> int:
        """How many verses have a vector: ids 0..len-1."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def search(
        self, queries: NDArray[np.float32], k: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """float32[q, d] -> (ids int64[q, k'], scores float32[q, k']), best first, k' = min(k, verses allowed)."""

    def scores(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32[d] -> float32[n]: the similarity of every verse."""

    def vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """int64[m] -> float32[m, d], rows of unit length."""
