"""Which lines have which two characters side by side: how a half-remembered line finds those that it may have been.

Every pair of characters of a folded line falls into one of 2^20 buckets; a bucket lists the numbers of its lines. Two
pairs that share a bucket only bring a few lines too many, which the comparison that follows (lookup.py) throws out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_BITS = 20
_MIX = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: spreads neighbours (Knuth, volume 3, 6.4)
_SHIFT = 21  # bits of a code point
_BREAK = ord("\n")
_AT_ONCE = 200_000  # lines


def buckets(line: str) -> list[int]:
    """The buckets of a folded line's pairs, each once."""
    pairs = ((ord(a) << _SHIFT | ord(b)) * _MIX & (1 << 64) - 1 for a, b in pairwise(line))
    return list(dict.fromkeys(pair >> 64 - _BITS for pair in pairs))


def gram_rows(lines: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """(bucket, numbers of the lines in it as little-endian int32, rising), buckets rising, for folded lines."""
    keys = np.concatenate([_keys(lines[at : at + _AT_ONCE], at) for at in range(0, len(lines), _AT_ONCE)])
    keys.sort()
    keys = keys[np.flatnonzero(np.diff(keys, prepend=-1))]
    starts = np.flatnonzero(np.diff(keys >> 32, prepend=-1))
    ends = np.append(starts[1:], len(keys))
    bucket = keys[starts] >> 32
    data = (keys & 0xFFFFFFFF).astype("<i4").tobytes()
    slices = map(slice, (4 * starts).tolist(), (4 * ends).tolist())
    return zip(bucket.tolist(), map(data.__getitem__, slices), strict=True)


def _keys(lines: Sequence[str], first: int) -> NDArray[np.int64]:
    """bucket << 32 | number of the line, for every pair of lines that are numbered from `first` on."""
    points = np.frombuffer("\n".join(lines).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    number = first + np.cumsum(points == _BREAK, dtype=np.int64)[:-1]
    inside = (points[:-1] != _BREAK) & (points[1:] != _BREAK)
    pairs = (points[:-1] << np.uint64(_SHIFT) | points[1:])[inside]
    bucket = (pairs * np.uint64(_MIX) >> np.uint64(64 - _BITS)).astype(np.int64)
    keys: NDArray[np.int64] = bucket << 32 | number[inside]
    return keys


def read_row(data: bytes) -> NDArray[np.int32]:
    """The line numbers of one bucket, as `gram_rows` wrote them."""
    return np.frombuffer(data, "<i4").astype(np.int32, copy=False)


def nearest(rows: Sequence[NDArray[np.int32]], count: int, most: int) -> list[int]:
    """The lines that are in the most, and in the rarest, of these buckets.

    Args:
        rows: the line numbers of each bucket.
        count: how many lines there are in all.
        most: how many are wanted.
    """
    if not rows:
        return []
    numbers, at = np.unique(np.concatenate(rows), return_inverse=True)
    weights = np.repeat([np.log(1 + count / len(row)) for row in rows], [len(row) for row in rows])
    scores = np.bincount(at, weights=weights)
    order = np.lexsort((numbers, -scores))[:most]
    return [int(number) for number in numbers[order]]
