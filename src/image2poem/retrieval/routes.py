"""The routes: each turns one thing that is known about the photo into a ranked list of verses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders import TextEncoder
from image2poem.index import Index, TranslationIndex, VectorIndex
from image2poem.index.glosses import Glosses
from image2poem.index.lexical import characters, tokens
from image2poem.index.rank import best
from image2poem.model import Sight
from image2poem.retrieval.naming import Naming
from image2poem.sight.lexicon import Lexicon

DEPTH = 1000  # verses a route may propose
ENOUGH = 8  # characters of a text that is said in full: one or two may mean anything (docs/measured.md)
SAID = 3.0  # what a term that somebody named counts beside one that was merely seen
COMMON = 0.5  # how much of what any photo has in common is taken off; half was best on the bench
Mask = NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a route found, best first."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    judges: Mask = None  # bool[m], True for the verses that it can judge, none from m on; None: it can judge all
    share: float = 1.0  # of its route's weight, what it has

    def judged(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which verses it can judge, found or not: int64[k] -> bool[k]."""
        if self.judges is None:
            return np.ones(len(ids), np.bool_)
        inside = ids < len(self.judges)
        inside[inside] = self.judges[ids[inside]]
        return inside


@dataclass(frozen=True, slots=True)
class PhotoSpace:
    """The verses as the image encoder's space has them."""

    verses: VectorIndex
    encoder: TextEncoder
    usual_vector: NDArray[np.float32]  # [d], what photos look like in general


@dataclass(frozen=True, slots=True)
class Library:
    """What the routes search: the index, what its verses name, and the words for what is seen."""

    index: Index
    glosses: Callable[[], Glosses]  # opened for a text
    naming: Naming
    lexicon: Lexicon
    encoder: TextEncoder
    photo_space: Callable[[], PhotoSpace | None]  # opened for a photo; None: no verse can be compared with its vector
    usual: NDArray[np.float32]  # [n], how well each verse agrees with photos in general
    worth: NDArray[np.float32]  # [t], how much each term counts that is merely seen
    translations: TranslationIndex | None = None  # None: no verse has any


def cross_modal(space: PhotoSpace, vector: NDArray[np.float32], mask: Mask) -> Ranked:
    """Image vector against verse vectors, with no words between them.

    What photos have in common is taken off first: else the verses that are a little like any photo come up for all.
    """
    return _dense(space.verses, (vector - COMMON * space.usual_vector)[None], mask)


def vernacular(library: Library, query: NDArray[np.float32], mask: Mask) -> Ranked:
    """A description in everyday Chinese, as its vector float32[d], against verse vectors."""
    return _dense(library.index.dense, query[None], mask)


def translation(translations: TranslationIndex, query: NDArray[np.float32], mask: Mask) -> Ranked:
    """A description in everyday Chinese against what the verses' translations say, vector against vector.

    Verses without a translation are not judged by it, and so no worse off.
    """
    return Ranked(*translations.search(query, DEPTH, mask), translations.translated)


def translation_lexical(translations: TranslationIndex, text: str, mask: Mask) -> Ranked:
    """As `translation`, by characters."""
    return Ranked(*translations.search_characters(tokens(text), DEPTH, mask), translations.translated)


def hyde(library: Library, lines: NDArray[np.float32], mask: Mask) -> Ranked:
    """The verses nearest to lines that a model wrote for the photo: what doesn't exist, looked for all the same.

    Hypothetical document embeddings (Gao et al. 2023). A verse counts by the line that it is nearest to. Guests are not
    judged by it: a line is not its own witness.

    Args:
        library: what to search.
        lines: float32[m, d], the lines' vectors, as those of verses.
        mask: bool[n], True where a verse may be found.
    """
    ids, scores = library.index.dense.search(lines, DEPTH, mask)
    unique, at = np.unique(ids, return_inverse=True)
    nearest = np.full(len(unique), -1, np.float32)
    np.maximum.at(nearest, at.ravel(), scores.ravel())
    return Ranked(*best(nearest, DEPTH, unique), np.ones(len(library.index.dense), np.bool_))


def lexical(library: Library, weights: Mapping[str, float], mask: Mask) -> Ranked:
    """Characters and words, each with its weight, by BM25."""
    return Ranked(*library.index.lexical.search(weights, DEPTH, mask))


def glossed(library: Library, text: str, mask: Mask) -> Ranked:
    """A text in everyday Chinese, by what the characters of verse mean in it (`image2poem.index.glosses`).

    Of a word or two, 想家, characters know less than the vector: so this counts less.
    """
    found = library.index.lexical.search_senses(library.glosses().senses(text), DEPTH, mask)
    return Ranked(*found, share=fullness(text))


def fullness(text: str) -> float:
    """How much of a full sentence a text is, by its Chinese characters, 0..1."""
    return min(1.0, len(characters(text)) / ENOUGH)


def imagery(library: Library, chances: NDArray[np.float32], mask: Mask) -> Ranked:
    """What is seen against what the verse names (`Naming.agreement`); between equals, the better-known verse.

    Here too, what a verse owes to naming what is in many photos is taken off.
    """
    scores = library.naming.agreement(chances) - COMMON * library.usual
    if mask is not None:
        scores[~mask] = 0
    hit = np.flatnonzero(scores > 0)
    return Ranked(*best(scores[hit], DEPTH, hit))


def named(library: Library, chances: NDArray[np.float32], said: NDArray[np.bool_], mask: Mask) -> Ranked:
    """The verses that name what a person said is there, those first that also name what is seen.

    Args:
        library: what to search.
        chances: float32[t], a probability for each term.
        said: bool[t], the terms that the person named, at least one.
        mask: bool[n], True where a verse may be found.
    """
    scores = library.naming.agreement(np.where(said, SAID, chances).astype(np.float32))
    scores[library.naming.agreement(said.astype(np.float32)) == 0] = 0
    if mask is not None:
        scores[~mask] = 0
    hit = np.flatnonzero(scores > 0)
    return Ranked(*best(scores[hit], DEPTH, hit))


@dataclass(frozen=True, slots=True)
class Query:
    """What verses are looked for."""

    sight: Sight  # without a photo it has no vector
    words: str  # the person's own, simplified; empty if they gave none
    told: str  # the description, where it is searched
    vectors: Mapping[str, NDArray[np.float32]]  # of both, float32[d] each


def ask(encoder: TextEncoder, sight: Sight, words: str) -> Query:
    """The query of a sight and of the person's own words, its texts encoded.

    A description that eyes made isn't searched beside words, to which it adds nothing (docs/measured.md).
    """
    told = sight.description if sight.described or (sight.vector is not None and not words) else ""
    # one by one: an int8 encoder's vectors depend a little on what is encoded beside
    return Query(sight, words, told, {text: encoder.encode_query([text])[0] for text in (told, words) if text})


def find(library: Library, query: Query, mask: Mask) -> dict[str, Ranked]:
    """Every route that has something to go by.

    Args:
        library: what to search.
        query: what to look for.
        mask: bool[n], True where a verse may be found.
    """
    sight, words = query.sight, query.words
    found: dict[str, Ranked] = {}
    if sight.vector is not None and (space := library.photo_space()):
        found["cross_modal"] = cross_modal(space, sight.vector, mask)
    if sight.imagery:
        chances = counted(library, sight)
        found["imagery"] = imagery(library, chances, mask)
        said = chances >= 1  # no seer is that sure: this is somebody's word
        if said.any() and (said != (chances > 0)).any():
            found["named"] = named(library, chances, said, mask)
        found["lexical"] = lexical(library, imagery_words(library.lexicon, chances), mask)
    if query.told:
        vector = query.vectors[query.told]
        found["description" if sight.described else "vernacular"] = vernacular(library, vector, mask)
        if sight.described:
            found["description_glosses"] = glossed(library, query.told, mask)
        if library.translations:
            found["translation"] = translation(library.translations, vector, mask)
            found["translation_lexical"] = translation_lexical(library.translations, query.told, mask)
    if words:
        vector = query.vectors[words]
        found["words"] = vernacular(library, vector, mask)
        found["words_glosses"] = glossed(library, words, mask)
        if library.translations:
            found["words_translation"] = translation(library.translations, vector, mask)
            found["words_translation_lexical"] = translation_lexical(library.translations, words, mask)
    return found


def counted(library: Library, sight: Sight) -> NDArray[np.float32]:
    """What each term of a sight counts, float32[t]: its chance, less where people don't tell of it.

    A sky is in most photos, and few are of the sky. What somebody said or described they did tell of.
    """
    lexicon = library.lexicon
    told = set(lexicon.mentioned(sight.description)) if sight.described else set()
    chances = np.zeros(len(lexicon.terms), np.float32)
    for item in sight.imagery:
        number = lexicon.number[item.term]
        merely_seen = item.score < 1 and item.term not in told
        chances[number] = item.score * library.worth[number] if merely_seen else item.score
    return chances


def imagery_words(lexicon: Lexicon, chances: NDArray[np.float32]) -> dict[str, float]:
    """The words by which verse names what is seen, weighted by what each term counts, float32[t]."""
    weights: dict[str, float] = {}
    for number in np.flatnonzero(chances):
        for word in lexicon.terms[number].words:
            weights[word] = max(weights.get(word, 0.0), float(chances[number]))
    return weights


def _dense(verses: VectorIndex, queries: NDArray[np.float32], mask: Mask) -> Ranked:
    ids, scores = verses.search(queries, DEPTH, mask)
    return Ranked(ids[0], scores[0])
