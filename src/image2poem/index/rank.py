"""The best of many scores, in an order that never depends on chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best(
    scores: NDArray[np.float32], k: int, ids: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k highest scores, best first, equal ones by rising id.

    Args:
        scores: float32[n], without NaN.
        k: how many; fewer where n is smaller.
        ids: int64[n], rising; 0..n-1 where None.

    Returns:
        (int64[k'], float32[k']), k' = min(k, n).
    """
    n = len(scores)
    if 0 < k < n:
        kth = np.partition(scores, n - k)[n - k]
        above = np.flatnonzero(scores > kth)
        level = np.flatnonzero(scores == kth)[: k - len(above)]  # argpartition alone would pick any of these
        rows = np.concatenate([above, level])
    else:
        rows = np.arange(min(max(k, 0), n))
    rows = rows[np.lexsort((rows, -scores[rows]))]
    return (rows if ids is None else ids[rows]).astype(np.int64, copy=False), scores[rows]
