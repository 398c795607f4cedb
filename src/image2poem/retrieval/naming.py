"""Which imagery each verse names, counted once when the index is built."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.errors import IndexFileError
from image2poem.index.manifest import REBUILD, write_whole
from image2poem.sight.lexicon import Lexicon

VERSION = 2  # of how verses are searched for terms


@dataclass(frozen=True)
class Naming:
    """The terms of verse i are terms[starts[i]:starts[i + 1]], numbers in the lexicon, rising."""

    starts: NDArray[np.int32]
    terms: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, verse: int) -> NDArray[np.int16]:
        """Numbers of the terms that a verse names."""
        return self.terms[self.starts[verse] : self.starts[verse + 1]]

    def joined(self, other: Naming) -> Naming:
        """This naming with the verses of another behind its own."""
        starts = np.concatenate([self.starts, self.starts[-1] + other.starts[1:]])
        return Naming(starts, np.concatenate([self.terms, other.terms]))

    def agreement(self, chances: NDArray[np.float32]) -> NDArray[np.float32]:
        """How well each verse names what is seen -> float32[n], 0..1.

        The F1 that a verse may expect when term t is in the photo with chance chances[t]: naming what is there
        raises it, naming what isn't lowers it, as does leaving things out.

        Args:
            chances: float32[t], a probability for each term of the lexicon.
        """
        seen = np.flatnonzero(chances)
        terms, verses = self._by_term
        rows = list(map(slice, np.searchsorted(terms, seen), np.searchsorted(terms, seen, "right")))
        worth = np.repeat(chances[seen], [row.stop - row.start for row in rows])
        naming = np.concatenate([verses[:0], *(verses[row] for row in rows)])
        hits = np.bincount(naming, worth, len(self)).astype(np.float32)
        agreement: NDArray[np.float32] = 2 * hits / np.maximum(np.diff(self.starts) + chances.sum(), np.float32(1e-6))
        return agreement

    @cached_property
    def _by_term(self) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
        """The terms, rising, and the verse that names each."""
        order = np.argsort(self.terms, kind="stable")
        owner = np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))
        return self.terms[order], owner[order]


def name_verses(lexicon: Lexicon, verses: list[str]) -> Naming:
    """Find the imagery of each verse; 100,000 verses take about two seconds."""
    found = [lexicon.find(verse) for verse in verses]
    starts = np.concatenate([[0], np.cumsum([len(terms) for terms in found])])
    return Naming(starts.astype(np.int32), np.array([t for terms in found for t in terms], np.int16))


def naming_file(folder: Path, lexicon: Lexicon, build: str) -> Path:
    """Where the naming of one build of the index by one lexicon lies."""
    key = hashlib.sha256(f"{VERSION}\n{build}\n{lexicon.terms}".encode()).hexdigest()[:16]
    return folder / f"naming-{key}.npy"


def write_naming(path: Path, naming: Naming) -> None:
    """Write whole or not at all; what other lexicons or builds left is removed."""
    buffer = io.BytesIO()
    np.save(buffer, np.concatenate([[len(naming)], naming.starts, naming.terms]).astype(np.int32))
    write_whole(path, buffer.getvalue())
    for old in path.parent.glob("naming-*.npy"):
        if old != path:
            old.unlink()


def read_naming(path: Path, count: int) -> Naming:
    """The naming of `count` verses.

    Raises:
        IndexFileError: it is missing or damaged.
    """
    try:
        array = np.load(path)
        starts = array[1 : count + 2]
        if array[0] != count or len(array) != count + 2 + starts[-1]:
            raise ValueError("its length is wrong")
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise IndexFileError(f"{path} is missing or damaged ({error}); {REBUILD}") from None
    return Naming(starts, array[count + 2 :].astype(np.int16))
