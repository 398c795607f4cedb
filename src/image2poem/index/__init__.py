"""The index: vectors and characters of the verses, built once and opened in milliseconds.

`build_index` makes one, `open_index` opens it for the routes (retrieval/), `verify` reads every byte of it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from image2poem.index.build import build_index
from image2poem.index.dense import DenseIndex
from image2poem.index.lexical import LexicalIndex, Sense, tokens
from image2poem.index.manifest import Manifest, index_folder, verify
from image2poem.index.store import Index, open_index, open_vectors
from image2poem.index.translations import TranslationIndex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "CharacterIndex",
    "DenseIndex",
    "Index",
    "LexicalIndex",
    "Manifest",
    "Sense",
    "TranslationIndex",
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


class CharacterIndex(Protocol):
    """Verses that can be searched by their characters. `LexicalIndex` is the one there is."""

    def __len__(self) -> int:
        """How many verses it holds: ids 0..len-1."""

    def search(
        self, weights: Mapping[str, float], k: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Token -> weight -> (ids int64[k'], scores float32[k']), best first; only verses that have a token."""

    def scores_of(self, texts: Sequence[str], weights: Mapping[str, float]) -> NDArray[np.float32]:
        """The score that each of these lines would have if it were a verse of the index -> float32[len(texts)]."""

    def search_senses(
        self, senses: Sequence[Sense], k: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """What stands for a text's characters -> the verses that say most likely what it says; otherwise as `search`."""

    def likelihoods_of(self, texts: Sequence[str], senses: Sequence[Sense]) -> NDArray[np.float32]:
        """The score that `search_senses` would give each of these lines -> float32[len(texts)]."""
