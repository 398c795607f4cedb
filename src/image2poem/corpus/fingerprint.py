"""The number by which a line is looked up among millions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SIZE = 8  # bytes


def fingerprint(key: str) -> int:
    """A signed 64-bit number of a folded line; the same on every machine."""
    return int.from_bytes(fingerprints([key]), "big", signed=True)


def fingerprints(keys: Sequence[str]) -> bytes:
    """Those of several folded lines, one after the other; `numbers` tells them apart."""
    return b"".join([hashlib.blake2b(key.encode(), digest_size=_SIZE).digest() for key in keys])


def numbers(prints: bytes) -> NDArray[np.int64]:
    """Fingerprints as `fingerprints` gave them -> int64[n]."""
    return np.frombuffer(prints, ">i8").astype(np.int64)
