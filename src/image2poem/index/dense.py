"""Exact search over verse vectors with numpy: every verse is compared, nothing is approximated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from image2poem.index.rank import best

_SCORES_AT_ONCE = 8_000_000  # float32 scores held at a time: 32 MB
_ONE_BY_ONE = 8  # queries up to which it is quicker not to multiply them with the matrix at once
_THREADS = 2  # they use up what the memory gives
_FEW = 1 / 16  # of the verses: so few are copied out and compared alone, which is quicker than comparing all


class DenseIndex:
    """A float32[n, d] matrix of unit rows, usually a memmap, searched by cosine."""

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        """Search `matrix`, float32[n, d] with rows of unit length; it is read where it lies, never copied."""
        self._matrix = np.asarray(matrix)  # a plain view: np.memmap's own slicing is slower
        self._parts = np.array_split(self._matrix, _THREADS)
        self._pool = ThreadPoolExecutor(_THREADS)

    def __len__(self) -> int:
        return int(self._matrix.shape[0])

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._matrix.shape[1])

    def search(
        self, queries: NDArray[np.float32], k: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k nearest verses of each query.

        Args:
            queries: float32[q, d], rows of unit length.
            k: how many verses a query wants.
            mask: bool[n], True where a verse may be found; None: all may.

        Returns:
            (ids int64[q, k'], scores float32[q, k']): best first, equal scores by id, k' = min(k, verses allowed).

        Raises:
            ValueError: the shapes don't fit the matrix.
        """
        n = len(self)
        queries = np.ascontiguousarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.dimension:
            raise ValueError(f"queries have shape {queries.shape}, the index holds vectors of {self.dimension}")
        allowed = None if mask is None else _allowed(mask, n)
        found = min(max(k, 0), n if allowed is None else len(allowed))
        ids = np.empty((len(queries), found), np.int64)
        scores = np.empty((len(queries), found), np.float32)
        if allowed is not None and len(allowed) < _FEW * n:
            for row, query in enumerate(queries):
                ids[row], scores[row] = best(np.vecdot(self.vectors(allowed), query), found, allowed)
            return ids, scores
        step = max(1, _SCORES_AT_ONCE // max(n, 1))
        for start in range(0, len(queries), step):
            some = queries[start : start + step]
            table = some @ self._matrix.T if len(some) > _ONE_BY_ONE else map(self.scores, some)
            for row, line in enumerate(table, start):
                ids[row], scores[row] = best(line if allowed is None else line[allowed], found, allowed)
        return ids, scores

    def scores(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cosine of every verse with `query`, float32[d] of unit length -> float32[n]."""
        query = np.asarray(query, np.float32)
        # a BLAS product takes as long, and its threads spin on for a while, which slows down the models that run next
        return np.concatenate(list(self._pool.map(lambda part: np.vecdot(part, query), self._parts)))

    def vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of some verses: int64[m] -> float32[m, d], a copy."""
        return self._matrix[np.asarray(ids, np.int64)]


def _allowed(mask: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    if mask.shape != (n,):
        raise ValueError(f"the mask has shape {mask.shape}, the index holds {n} verses")
    return np.flatnonzero(mask)
