"""Vectors of the best-known verses that come with the package, so that a first run needn't encode them.

Four bits a number: each of a vector's numbers, less its mean over all verses and divided by its deviation, is one of
sixteen levels (Lloyd 1982). A verse is found by the hash of its text, in whatever corpus it stands.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders import DATA
from image2poem.encoders.onnx import read_card

SHIPPED = DATA / "vectors"
_KEPT = 6  # bytes of a hash, the first ones: of two thousand corpora one has a verse that is taken for another by them


def shortened(hashes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Hashes uint64[n] -> their first bytes, uint8[n, 6]."""
    return hashes.astype(">u8").view(np.uint8).reshape(-1, 8)[:, :_KEPT]


def _lengthened(short: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """uint8[n, 6] -> uint64[n], zero in the bytes that were not kept."""
    return np.pad(short, ((0, 0), (0, 8 - _KEPT))).view(">u8").ravel().astype(np.uint64)


def shipped_vectors() -> Shipped | None:
    """The vectors that the package has.

    Raises:
        ModelError: a file is missing or damaged.
    """
    return Shipped(SHIPPED) if SHIPPED.is_dir() else None


class Shipped:
    """The vectors of one space, found by the hash of a verse."""

    def __init__(self, folder: Path) -> None:
        """Open a folder that `training.vectors` wrote.

        Raises:
            ModelError: a file is missing or damaged.
        """
        card = read_card(folder)
        self.space: tuple[str, int] = (card["space"], card["dimension"])
        self._levels = np.array(card["levels"], np.float32)
        self._hashes = _lengthened(np.load(folder / "hashes.npy"))
        self._codes = np.load(folder / "codes.npy", mmap_mode="r")
        self._mean, self._deviation = np.load(folder / "scale.npy")

    def fill(
        self, hashes: NDArray[np.uint64], chunk: NDArray[np.float32], missing: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Fill those missing rows of a chunk that are known here; returns the rows that stay missing."""
        wanted = _lengthened(shortened(hashes[missing]))
        at = np.minimum(np.searchsorted(self._hashes, wanted), len(self._hashes) - 1)
        known = self._hashes[at] == wanted
        chunk[missing[known]] = self._decode(self._codes[at[known]])
        rest: NDArray[np.int64] = missing[~known]
        return rest

    def _decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8[n, d / 2], a number in each half of a byte -> float32[n, d], rows of unit length."""
        numbers = np.stack([codes >> 4, codes & 15], axis=2).reshape(len(codes), 2 * codes.shape[1])
        vectors = self._levels[numbers] * self._deviation + self._mean
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
