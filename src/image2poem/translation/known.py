"""The translations there are, of sources and of models: all of them for the index, the best one for who reads a verse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from image2poem.corpus import Corpus, Filters, mask
from image2poem.corpus.convert import bare
from image2poem.model import Match, Verse
from image2poem.translation import Translation
from image2poem.translation.store import TranslationStore


@dataclass(frozen=True, slots=True)
class Known:
    """Translations by falling fame of their verses, one a row."""

    rows: list[str]
    owners: NDArray[np.int64]  # [len(rows)], rising: the verse of each
    corpus_id: str  # of the corpus whose verses these are

    def __len__(self) -> int:
        return len(self.rows)

    def texts(self, start: int, stop: int) -> list[str]:
        """Rows start..stop-1."""
        return self.rows[start:stop]


def gather(corpus: Corpus, store: TranslationStore, count: int) -> Known:
    """All translations of the first `count` verses; the same words for one verse stand there once.

    Raises:
        TranslationError: the file of what models made is damaged.
    """
    found = [(number, text) for number, text, _ in corpus.pairs(0, count)]
    made = store.all()
    numbers = corpus.numbers([key for key, _ in made])
    found += [(numbers[key], text) for key, text in made if numbers.get(key, count) < count]
    found = [(number, text) for number, text in dict.fromkeys(found) if bare(text)]
    found.sort(key=lambda row: row[0])
    return Known([text for _, text in found], np.array([number for number, _ in found], np.int64), corpus.corpus_id)


def untranslated(
    corpus: Corpus,
    store: TranslationStore,
    count: int,
    filters: Filters,
    limit: int | None = None,
    besides: str | None = None,
) -> list[Verse]:
    """The best-known of the first `count` verses that have no translation.

    Args:
        corpus, store: what there is.
        count: of the verses that may be meant.
        filters: which of them are.
        limit: at most so many.
        besides: a model, whose translations alone count; None: those of sources and of all models do.

    Raises:
        FilterError: a filter names nobody.
        TranslationError: the file of what models made is damaged.
    """
    wanted = mask(corpus.facets(count), filters) if filters else np.ones(min(count, len(corpus)), np.bool_)
    have = [number for number, text, _ in corpus.pairs(0, count) if bare(text)]
    made = corpus.numbers(list(store.keys(besides))).values()
    wanted[[number for number in (*have, *made) if number < len(wanted)]] = False
    return corpus.verses(np.flatnonzero(wanted)[:limit].tolist())


def readings(verses: Sequence[Verse], corpus: Corpus, store: TranslationStore) -> dict[int, tuple[str, str]]:
    """Verse id -> its line and what its translation says, for those that have one: a source's before a model's.

    Raises:
        TranslationError: the file of what models made is damaged.
    """
    made = store.latest([verse.text for verse in verses])
    found = ((verse, _of_source(corpus, verse.id) or made.get(verse.text)) for verse in verses)
    return {verse.id: (verse.text, translation.text) for verse, translation in found if translation}


def translated(matches: Iterable[Match], corpus: Corpus, store: TranslationStore) -> tuple[Match, ...]:
    """Matches with the translations of their verses: a source's before a model's, of models the latest.

    Raises:
        TranslationError: the file of what models made is damaged.
    """
    matches = tuple(matches)
    made = store.latest([match.verse for match in matches if match.verse_id is not None])
    return tuple(_translated(match, _of_source(corpus, match.verse_id) or made.get(match.verse)) for match in matches)


def _of_source(corpus: Corpus, verse: int | None) -> Translation | None:
    if verse is None:  # a new line, or a sentence that is no verse
        return None
    pairs = corpus.pairs(verse, verse + 1)
    return next((Translation(text, source, made=False) for _, text, source in pairs if text.strip()), None)


def _translated(match: Match, found: Translation | None) -> Match:
    if found is None:
        return match
    return replace(match, translation=found.text, translation_by=found.by, translation_made=found.made)
