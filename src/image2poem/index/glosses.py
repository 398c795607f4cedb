"""What the characters of verse mean in everyday Chinese: 被 for 衾, 月 for 蟾, 狗 for 犬.

A gloss is the chance that an everyday character stands in a translation for a character of verse; `training.glosses` counts
them. By these a text in everyday Chinese is looked for in verses that share no character with it: the text's likelihood as
a translation of the verse (Berger and Lafferty 1999, "Information retrieval as statistical translation").
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders import DATA
from image2poem.encoders.onnx import read_card
from image2poem.index.lexical import Sense, characters

FILE = "glosses.npz"
SMOOTHING = 0.2  # share of a text's characters that no character of the verse accounts for
_STEPS = 40  # of the logarithm of a chance, for each factor of e: what a byte holds


class Glosses:
    """The characters of verse that stand for each everyday character, and their chances."""

    def __init__(
        self,
        everyday: NDArray[np.int32],
        usual: NDArray[np.float32],
        starts: NDArray[np.int32],
        codes: NDArray[np.int32],
        chances: NDArray[np.float32],
    ) -> None:
        """Glosses by everyday character: those of character t are [starts[t]:starts[t + 1]].

        Args:
            everyday: int32[t], code points.
            usual: float32[t], each one's share of all everyday characters.
            starts: int32[t + 1].
            codes: int32[m], code points of characters of verse.
            chances: float32[m], of the everyday character where that one stands.
        """
        self._row = {chr(code): row for row, code in enumerate(everyday.tolist())}
        self._everyday, self._usual, self._starts = everyday, usual, starts
        self._codes, self._chances = codes, chances

    @classmethod
    def made(
        cls, verse: list[str], everyday: list[str], chances: NDArray[np.float32], usual: NDArray[np.float32]
    ) -> Glosses:
        """Glosses out of a table float32[w, t]: of w characters of verse and t everyday ones, 0 where there is none."""
        row, column = np.nonzero(chances.T)
        codes, points = (np.array([ord(character) for character in side], np.int32) for side in (verse, everyday))
        starts = np.searchsorted(row, np.arange(len(everyday) + 1)).astype(np.int32)
        return cls(points, usual.astype(np.float32), starts, codes[column], chances.T[row, column].astype(np.float32))

    @classmethod
    def load(cls, file: Path) -> Glosses:
        """Those that `save` wrote."""
        with np.load(file) as stored:
            chances = np.exp(stored["chances"].astype(np.float32) / -_STEPS)
            return cls(stored["everyday"], stored["usual"], stored["starts"], stored["codes"], chances)

    def save(self, file: Path) -> None:
        """Write them to a file, a byte for each chance."""
        steps = np.clip(np.round(-np.log(self._chances) * _STEPS), 0, 255).astype(np.uint8)
        np.savez_compressed(
            file, everyday=self._everyday, usual=self._usual, starts=self._starts, codes=self._codes, chances=steps
        )

    def __len__(self) -> int:
        return len(self._codes)

    def senses(self, text: str) -> list[Sense]:
        """What may stand in verse for each of a text's Chinese characters, each of them once."""
        found = []
        for character in characters(text):
            row = self._row.get(character)
            if row is None:  # rare: it stands for itself
                codes, chances, usual = np.array([ord(character)]), np.ones(1, np.float32), self._usual.min()
            else:
                some = slice(int(self._starts[row]), int(self._starts[row + 1]))
                codes, chances, usual = self._codes[some], self._chances[some], self._usual[row]
            found.append(Sense(codes.astype(np.int64), chances * np.float32((1 - SMOOTHING) / SMOOTHING / usual)))
        return found


def load_glosses(folder: Path = DATA / "glosses") -> Glosses:
    """The glosses that ship with the package.

    Raises:
        ModelError: a file is missing or damaged.
    """
    read_card(folder)
    return Glosses.load(folder / FILE)
