"""Lexical search: BM25 over the Chinese characters of the verses, and over each two that stand side by side.

bm25s computes the scores when the index is built. A search only adds up rows of its arrays, which is why nothing of
bm25s is imported then: characters weigh differently (a word the person typed, a thing seen with confidence 0.3),
and bm25s' own retrieval has no weights for tokens. The same postings serve a text whose characters verse says by others
(`LexicalIndex.likelihoods`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from image2poem.index.rank import best

K1, B = 1.2, 0.75  # measured on vernacular -> verse, 100k verses: docs/index.md
STOP = frozenset(
    "的了着是在和与也都就还有这那个们得把被让使吗呢吧啊呀么我你他她它"
)  # vernacular, says nothing of a verse

FILES = ("tokens.npy", "starts.npy", "postings.npy", "scores.npy")
_RANGES = ((0x3007, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_HAN = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _RANGES) + "]")
_SHIFT = 21  # bits of a code point: a pair is one number, first << 21 | second


def tokens(text: str) -> dict[str, float]:
    """The tokens of running text, each with weight 1: its Chinese characters, but for the vernacular's function words.

    Pairs of characters are left out: measured on running text they help nothing (docs/index.md). To look for a word
    as a word, give it to `LexicalIndex.search` whole.
    """
    return {character: 1.0 for character in characters(text) if character not in STOP}


def characters(text: str) -> list[str]:
    """The Chinese characters of a text, each once."""
    return list(dict.fromkeys(_HAN.findall(text)))


@dataclass(frozen=True, slots=True)
class Sense:
    """What stands in verse for one character of a text in everyday Chinese (`image2poem.index.glosses`)."""

    codes: NDArray[np.int64]  # [m], code points of characters of verse
    gains: NDArray[np.float32]  # [m], by how many times each makes the text's character likelier than it is anyway


class LexicalIndex:
    """Verses by token: those of token t are postings[starts[t]:starts[t + 1]], with the BM25 score of t in each."""

    def __init__(
        self,
        tokens: NDArray[np.int64],
        starts: NDArray[np.int64],
        postings: NDArray[np.int32],
        scores: NDArray[np.float32],
        count: int,
    ) -> None:
        """Search these arrays (usually memmaps) over `count` verses.

        Args:
            tokens: int64[t], the code of each token, rising.
            starts: int64[t + 1].
            postings: int32[m], verse ids.
            scores: float32[m], the BM25 score of the token in that verse.
            count: how many verses there are.
        """
        self._tokens, self._starts = np.asarray(tokens), np.asarray(starts)
        self._postings, self._scores = np.asarray(postings), np.asarray(scores)
        self._count = count

    def __len__(self) -> int:
        return self._count

    def search(
        self, weights: Mapping[str, float], k: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k verses with the highest weighted sum of BM25 scores.

        Args:
            weights: token -> weight: characters, as `tokens` gives them, and words (夕阳, 孤舟). Two characters are
                looked for side by side; of a longer word each two side by side, sharing the weight.
            k: how many verses.
            mask: bool[n], True where a verse may be found; None: all may.

        Returns:
            (ids int64[k'], scores float32[k']), best first, equal scores by id. Only verses that hold a token of
            positive weight, so there may be fewer than k, or none.
        """
        return self._first(self.scores(weights), k, mask)

    def search_senses(
        self, senses: Sequence[Sense], k: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k verses that say most likely what a text says, as `Glosses.senses` has it; otherwise as `search`."""
        return self._first(self.likelihoods(senses), k, mask)

    def _first(
        self, scores: NDArray[np.float32], k: int, mask: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        if mask is not None:
            if mask.shape != (self._count,):
                raise ValueError(f"the mask has shape {mask.shape}, the index holds {self._count} verses")
            scores[~mask] = 0
        hit = np.flatnonzero(scores > 0)
        return best(scores[hit], k, hit)

    def scores_of(self, texts: Sequence[str], weights: Mapping[str, float]) -> NDArray[np.float32]:
        """The score that each of these lines would have as a verse of the index -> float32[len(texts)].

        BM25 as bm25s computes it (Lucene's), each token of a line counting once as it does in a verse.
        """
        result = np.zeros(len(texts), np.float32)
        average = len(self._postings) / max(self._count, 1)
        for i, text in enumerate(texts):
            codes = np.unique(_encode([text])[0])
            share = 1 / (1 + K1 * (1 - B + B * len(codes) / max(average, 1e-6)))
            for word, weight in weights.items():
                parts = _parts(word)
                for code in (_code(part) for part in parts):
                    if code in codes:
                        df = sum(row.stop - row.start for row in self._found(np.array([code]))[1])
                        result[i] += weight / len(parts) * share * math.log(1 + (self._count - df + 0.5) / (df + 0.5))
        return result

    def likelihoods_of(self, texts: Sequence[str], senses: Sequence[Sense]) -> NDArray[np.float32]:
        """What `likelihoods` would be of each of these lines if it were a verse of the index -> float32[len(texts)]."""
        result = np.zeros(len(texts), np.float32)
        for i, text in enumerate(texts):
            points = [ord(character) for character in characters(text)]
            for sense in senses:
                result[i] += np.log1p(sense.gains[np.isin(sense.codes, points)].sum() / max(len(points), 1))
        return result

    def scores(self, weights: Mapping[str, float]) -> NDArray[np.float32]:
        """The weighted BM25 score of every verse -> float32[n]; weights as for `search`."""
        worth: dict[int, float] = {}
        for word, weight in weights.items():
            parts = _parts(word)
            for part in parts:
                code = _code(part)
                worth[code] = worth.get(code, 0.0) + weight / len(parts)
        total = np.zeros(self._count, np.float32)
        there, rows = self._found(np.fromiter(worth, np.int64, len(worth)))
        for weight, row in zip(np.fromiter(worth.values(), np.float32, len(worth))[there], rows, strict=True):
            # a verse stands once in a row of postings, so plain fancy indexing adds right
            total[self._postings[row]] += weight * self._scores[row]
        return total

    def likelihoods(self, senses: Sequence[Sense]) -> NDArray[np.float32]:
        """How much likelier each verse makes a text than it is anyway, the logarithm -> float32[n], 0 or more.

        The chance of an everyday character is the mean over the characters of a verse.
        """
        total = np.zeros(self._count, np.float32)
        for sense in senses:
            there, rows = self._found(sense.codes)
            if rows:
                sizes = [row.stop - row.start for row in rows]
                postings = np.concatenate([self._postings[row] for row in rows])
                gained = np.bincount(postings, np.repeat(sense.gains[there], sizes), self._count)
                # in float32, which takes half the time for all verses that float64 takes for those that gained
                total += np.log1p(gained.astype(np.float32) * self._shares)
        return total

    @cached_property
    def _shares(self) -> NDArray[np.float32]:
        """What one character is of all the different ones of a verse, float32[n]; 1 where there is none."""
        single = int(self._starts[np.searchsorted(self._tokens, 1 << _SHIFT)])
        lengths = np.bincount(self._postings[:single], minlength=self._count)
        return (1 / np.maximum(lengths, 1)).astype(np.float32)

    def _found(self, codes: NDArray[np.int64]) -> tuple[NDArray[np.bool_], list[slice]]:
        """Which of these tokens the verses have, and where the postings of each of those are."""
        if not len(self._tokens):
            return np.zeros(len(codes), np.bool_), []
        at = np.minimum(np.searchsorted(self._tokens, codes), len(self._tokens) - 1)
        there = self._tokens[at] == codes
        ends = zip(self._starts[at[there]].tolist(), self._starts[at[there] + 1].tolist(), strict=True)
        return there, [slice(*end) for end in ends]


def _parts(word: str) -> list[str]:
    """A character, or each two side by side."""
    return [word] if len(word) == 1 else [word[i : i + 2] for i in range(len(word) - 1)]


def _code(part: str) -> int:
    return ord(part) if len(part) == 1 else ord(part[0]) << _SHIFT | ord(part[1])


def lexical_arrays(blocks: Iterable[list[str]]) -> dict[str, NDArray[np.generic]]:
    """The arrays of a LexicalIndex over verses that arrive in blocks, in the order of their ids: file name -> array."""
    import bm25s  # only here: 0.1 s to import, and a search has no need of it

    codes, lengths = [], []
    for block in blocks:
        block_codes, block_lengths = _encode(block)
        codes.append(block_codes)
        lengths.append(block_lengths)
    vocabulary, ids = np.unique(np.concatenate(codes), return_inverse=True)
    ends = np.cumsum(np.concatenate(lengths))
    matrix = bm25s.BM25(k1=K1, b=B).build_index_from_ids(
        unique_token_ids=range(len(vocabulary)), corpus_token_ids=_Rows(ids, ends), show_progress=False
    )
    arrays = (vocabulary, matrix["indptr"], matrix["indices"], matrix["data"])
    return {
        name: array.astype(kind, copy=False)
        for name, array, kind in zip(FILES, arrays, (np.int64, np.int64, np.int32, np.float32), strict=True)
    }


class _Rows:
    """The distinct token ids of each verse, listed when asked for: a list of lists for 1.5M verses takes 1 GB.

    Distinct, because 明月明月明月 shows no more of the moon than 明月.
    """

    def __init__(self, ids: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        self._ids, self._ends = ids.astype(np.int32), ends

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[list[int]]:
        start = 0
        for end in self._ends.tolist():
            yield list(dict.fromkeys(self._ids[start:end].tolist()))
            start = end


def _encode(texts: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Texts -> (codes of all their characters and pairs, text after text; how many each text has)."""
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    owner = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    han = np.zeros(len(points), np.bool_)
    for first, last in _RANGES:
        han |= (points >= first) & (points <= last)
    side_by_side = han[:-1] & han[1:] & (owner[:-1] == owner[1:])
    codes = np.concatenate([points[han], (points[:-1] << _SHIFT | points[1:])[side_by_side]])
    owners = np.concatenate([owner[han], owner[:-1][side_by_side]])
    return codes[np.argsort(owners, kind="stable")], np.bincount(owners, minlength=len(texts))
