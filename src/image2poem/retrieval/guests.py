"""Lines without a row in the index — new ones, and real ones beyond its verses — join a search as if they had one.

Each index is wrapped so that the guests stand behind its last verse, with the scores that they would have as verses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from image2poem.compose.verify import Candidate
from image2poem.corpus import Corpus, Facets, Filters, mask
from image2poem.index import CharacterIndex, Index, Sense, VectorIndex
from image2poem.index.rank import best
from image2poem.retrieval.naming import name_verses
from image2poem.retrieval.routes import Library, PhotoSpace

Mask = NDArray[np.bool_] | None


NO_POEM = -1  # the lines of one answer of a VLM count as one poem: of its new lines one is shown as long as others fit


@dataclass(frozen=True, slots=True)
class Guest:
    """A line without a row in the index."""

    candidate: Candidate
    fame: float
    poem: int


@dataclass(frozen=True, slots=True)
class Pool:
    """All that is searched at once: n verses, and behind them the guests."""

    library: Library
    mask: Mask  # bool[n + g]
    fame: NDArray[np.float32]  # [n + g]
    poem: NDArray[np.int32]  # [n + g]
    guests: Sequence[Guest]

    def guest(self, number: int) -> Guest | None:
        """The guest of that number; None if it is a verse's."""
        at = number - (len(self.poem) - len(self.guests))
        return self.guests[at] if at >= 0 else None

    def numbers(self, candidates: Iterable[Candidate]) -> list[int]:
        """The numbers of candidates, guests or verses."""
        first = len(self.poem) - len(self.guests)
        seated = {guest.candidate.text: first + i for i, guest in enumerate(self.guests)}
        verses = (c.line.verse_id for c in candidates if c.line and c.text not in seated)
        return [*seated.values(), *(verse for verse in verses if verse is not None)]


def invite(
    corpus: Corpus, facets: Facets, candidates: Iterable[Candidate], filters: Filters, genre: str
) -> list[Guest]:
    """The candidates that have no row in the index and that the filters let in.

    A new line has the fame of the least known verse that is searched: nobody chose it, and nothing else speaks against it.

    Args:
        corpus: all verses.
        facets: of those in the index.
        candidates: new lines and real ones.
        filters: as for the verses.
        genre: of the new lines.
    """
    guests = []
    for candidate in candidates:
        line = candidate.line
        if line is None:
            if filters.admit_new(candidate.text, genre):
                guests.append(Guest(candidate, float(facets.fame.min()), NO_POEM))
        elif line.verse_id is None:
            if not filters:
                guests.append(Guest(candidate, 0.0, line.poem_id))
        elif line.verse_id >= len(facets) and (not filters or mask(corpus.facets(), filters)[line.verse_id]):
            guests.append(Guest(candidate, corpus.verse(line.verse_id).fame, line.poem_id))
    return guests


def seat(
    library: Library, facets: Facets, allowed: Mask, guests: Sequence[Guest], usually: NDArray[np.float32]
) -> Pool:
    """The library with guests as its last verses.

    Args:
        library: of n verses.
        facets: of these.
        allowed: bool[n], True where a verse may be found; guests always may.
        guests: they get the numbers n, n + 1, ...
        usually: float32[t], what each term of the lexicon counts in photos in general.
    """
    if not guests:
        return Pool(library, allowed, facets.fame, facets.poem, ())
    texts = [guest.candidate.text for guest in guests]
    index, named = library.index, name_verses(library.lexicon, texts)
    rows = library.encoder.encode_document(texts)

    def photo_space() -> PhotoSpace | None:
        space = library.photo_space()
        if space is None:
            return None
        own = rows if space.encoder is library.encoder else space.encoder.encode_document(texts)
        return replace(space, verses=VectorsWithGuests(space.verses, own))

    joined = replace(
        library,
        index=Index(VectorsWithGuests(index.dense, rows), CharactersWithGuests(index.lexical, texts), index.manifest),
        photo_space=photo_space,
        naming=library.naming.joined(named),
        usual=np.concatenate([library.usual, named.agreement(usually)]),
    )
    return Pool(
        joined,
        None if allowed is None else np.concatenate([allowed, np.ones(len(guests), np.bool_)]),
        np.append(facets.fame, np.array([guest.fame for guest in guests], np.float32)),
        np.append(facets.poem, np.array([guest.poem for guest in guests], np.int32)),
        guests,
    )


class VectorsWithGuests:
    """A vector index and some rows behind it."""

    def __init__(self, verses: VectorIndex, rows: NDArray[np.float32]) -> None:
        """Search `verses` and `rows`, float32[g, d] of unit length."""
        self._verses, self._rows = verses, rows

    def __len__(self) -> int:
        return len(self._verses) + len(self._rows)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._verses.dimension

    def search(
        self, queries: NDArray[np.float32], k: int, mask: Mask = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `VectorIndex.search`."""
        n = len(self._verses)
        ids, scores = self._verses.search(queries, k, None if mask is None else mask[:n])
        allowed = np.arange(len(self._rows)) if mask is None else np.flatnonzero(mask[n:])
        found = [
            _merged(row_ids, row, n + allowed, (self._rows @ query)[allowed], k)
            for row_ids, row, query in zip(ids, scores, queries, strict=True)
        ]
        return np.stack([row_ids for row_ids, _ in found]), np.stack([row for _, row in found])

    def scores(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32[d] -> float32[n + g]: the similarity of every verse and guest."""
        return np.concatenate([self._verses.scores(query), self._rows @ query])

    def vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """int64[m] -> float32[m, d], rows of unit length."""
        n = len(self._verses)
        inside = ids < n
        found = np.empty((len(ids), self.dimension), np.float32)
        found[inside], found[~inside] = self._verses.vectors(ids[inside]), self._rows[ids[~inside] - n]
        return found


class CharactersWithGuests:
    """A lexical index and some lines behind it."""

    def __init__(self, verses: CharacterIndex, texts: Sequence[str]) -> None:
        """Search `verses` and `texts`."""
        self._verses, self._texts = verses, texts

    def __len__(self) -> int:
        return len(self._verses) + len(self._texts)

    def search(
        self, weights: Mapping[str, float], k: int, mask: Mask = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `CharacterIndex.search`."""
        ids, scores = self._verses.search(weights, k, None if mask is None else mask[: len(self._verses)])
        return self._joined(ids, scores, self.scores_of(self._texts, weights), k, mask)

    def search_senses(
        self, senses: Sequence[Sense], k: int, mask: Mask = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `CharacterIndex.search_senses`."""
        ids, scores = self._verses.search_senses(senses, k, None if mask is None else mask[: len(self._verses)])
        return self._joined(ids, scores, self.likelihoods_of(self._texts, senses), k, mask)

    def _joined(
        self, ids: NDArray[np.int64], scores: NDArray[np.float32], guests: NDArray[np.float32], k: int, mask: Mask
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        n = len(self._verses)
        hit = np.flatnonzero(guests > 0 if mask is None else (guests > 0) & mask[n:])
        return _merged(ids, scores, n + hit, guests[hit], k)

    def scores_of(self, texts: Sequence[str], weights: Mapping[str, float]) -> NDArray[np.float32]:
        """As `CharacterIndex.scores_of`."""
        return self._verses.scores_of(texts, weights)

    def likelihoods_of(self, texts: Sequence[str], senses: Sequence[Sense]) -> NDArray[np.float32]:
        """As `CharacterIndex.likelihoods_of`."""
        return self._verses.likelihoods_of(texts, senses)


def _merged(
    ids: NDArray[np.int64],
    scores: NDArray[np.float32],
    others: NDArray[np.int64],
    other_scores: NDArray[np.float32],
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The best k of two lists whose ids differ."""
    both, both_scores = np.concatenate([ids, others]), np.concatenate([scores, other_scores]).astype(np.float32)
    order = np.argsort(both, kind="stable")
    return best(both_scores[order], k, both[order])
