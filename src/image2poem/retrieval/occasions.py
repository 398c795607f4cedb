"""Which verses belong to which place and festival, counted once when the index is built, and their favour in a search.

A photo of West Lake at the Mid-Autumn Festival asks for what poets wrote there and then, if it fits what is seen.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.context.calendar import load_festivals
from image2poem.context.gazetteer import load_places
from image2poem.corpus import Corpus, Facets
from image2poem.index.manifest import write_whole
from image2poem.model import Context
from image2poem.retrieval import fusion
from image2poem.retrieval.diversity import Favour
from image2poem.retrieval.routes import Library, Mask, Query, Ranked, find
from image2poem.sight.lexicon import Lexicon, Term

VERSION = 1  # of the file
SHORT = 4  # verses: of a longer poem, what one verse names says little of the others
# A verse belongs to a place or a festival that ...
POEM, TITLE, VERSE = 1, 2, 3  # ... another verse of its poem names; its title names, or a tag; it names itself
# What that adds to its score, by looking at what came of it (docs/context.md).
BONUS, FAME = 0.3, 0.25  # a bonus for all, and up to so much more for verses that everybody knows
BELONGS = np.array([0.0, 0.6, 0.9, 1.0])  # by level
TERM = 0.7  # a solar term lasts two weeks, a festival a day
WIDER = 0.9  # for each more particular place around which it lies: 岳阳楼 before 洞庭湖
BOTH = 0.5  # of the lesser one, for what belongs to the place and the day
_MOST = 50  # verses favoured for the place, and for the day


@dataclass(frozen=True, slots=True)
class Occasions:
    """The verses of occasion i are verses[starts[i]:starts[i + 1]], by rising id; an occasion is a place or a festival."""

    number: Mapping[str, int]
    starts: NDArray[np.int32]
    verses: NDArray[np.int32]
    levels: NDArray[np.int32]  # POEM, TITLE or VERSE

    def of(self, name: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(ids, levels) of the verses that belong to an occasion; none if verse has no words for it."""
        at = self.number.get(name)
        rows = slice(0, 0) if at is None else slice(self.starts[at], self.starts[at + 1])
        return self.verses[rows], self.levels[rows]

    def belonging(self, context: Context, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How much each verse belongs to the place and to the day of a context -> float64[count] each, 0..1."""
        places = {name: WIDER**wider for wider, name in enumerate(context.places)}
        days = dict.fromkeys(context.festivals, 1.0) or {context.solar_term: TERM}
        return self._most(places, count), self._most(days, count)

    def _most(self, weights: Mapping[str, float], count: int) -> NDArray[np.float64]:
        most = np.zeros(count)
        for name, weight in weights.items():
            verses, levels = self.of(name)
            most[verses] = np.maximum(most[verses], weight * BELONGS[levels])
        return most

    def named(self, verse: int, context: Context) -> tuple[str, ...]:
        """The place and the day of a context that a verse belongs to, the most particular of each."""
        days = context.festivals or (context.solar_term,)
        return tuple(name for names in (context.places, days) for name in [n for n in names if self._has(n, verse)][:1])

    def _has(self, name: str, verse: int) -> bool:
        verses, _ = self.of(name)
        at = int(np.searchsorted(verses, verse))
        return at < len(verses) and int(verses[at]) == verse


@lru_cache
def occasion_words() -> Lexicon:
    """The places and festivals, each with the words that verse and titles name it by."""
    places = (Term(place.name, "place", "", place.words, ()) for place in load_places())
    days = (Term(day.name, "day", "", day.words, (), blocked=day.blocked) for day in load_festivals())
    return Lexicon((*places, *days))


def find_occasions(corpus: Corpus, facets: Facets) -> Occasions:
    """Look for places and festivals in verses and titles: half a second for 100,000 verses, half a minute for 1.5 million.

    Args:
        corpus: whose first verses are searched.
        facets: of these.
    """
    words, count = occasion_words(), len(facets)
    levels: dict[tuple[int, int], int] = {}  # occasion and verse

    def belongs(occasion: int, verses: NDArray[np.int64], level: int) -> None:
        for verse in verses.tolist():
            levels[occasion, verse] = max(level, levels.get((occasion, verse), 0))

    order = np.argsort(facets.poem, kind="stable")
    poems, first, sizes = np.unique(facets.poem[order], return_index=True, return_counts=True)

    def verses_of(poem: int) -> NDArray[np.int64]:
        at = int(np.searchsorted(poems, poem))
        return order[first[at] : first[at] + sizes[at]]

    titles = corpus.titles(count)
    for poem, title in titles.items():
        for occasion in words.find(title):
            belongs(occasion, verses_of(poem), TITLE)
    for occasion, festival in enumerate(load_festivals(), len(load_places())):
        codes = [code for code, tag in enumerate(facets.names["tag"]) if tag in festival.tags]
        belongs(occasion, facets.tag_verse[np.isin(facets.tag_code, codes)].astype(np.int64), TITLE)
    for verse, text in enumerate(corpus.texts(0, count)):
        for occasion in words.find(text):
            levels[occasion, verse] = VERSE
            poem = int(facets.poem[verse])
            if poem in titles and len(others := verses_of(poem)) <= SHORT:
                belongs(occasion, others, POEM)
    rows = np.array([(*key, level) for key, level in sorted(levels.items())], np.int32).reshape(-1, 3)
    starts = np.searchsorted(rows[:, 0], np.arange(len(words.terms) + 1))
    return Occasions(words.number, starts.astype(np.int32), rows[:, 1], rows[:, 2])


def favours(
    occasions: Occasions,
    library: Library,
    query: Query,
    mask: Mask,
    found: Mapping[str, Ranked],
    weights: fusion.Weights,
    fame: NDArray[np.float32],
) -> dict[int, Favour]:
    """What the place and the day of a photo add to the verses that belong to them, for `diversity.choose`.

    These verses are rated as all others, however deep in the routes' lists they stand: one that doesn't fit what is
    seen is far below those that do, and the bonus doesn't lift it among them.

    Args:
        occasions: of the library's verses.
        library, query, mask: as for `routes.find`.
        found: what that found.
        weights: of fusion.
        fame: float32[n], 0..1, of every verse.
    """
    if query.sight.context is None:
        return {}
    place, day = occasions.belonging(query.sight.context, len(fame))
    belongs = np.maximum(place, day) + BOTH * np.minimum(place, day)
    if mask is not None:
        belongs[~mask] = 0
    ids = np.flatnonzero(belongs)
    if not len(ids):
        return {}
    scores = fusion.rate(ids, find(library, query, belongs > 0), found, weights, fame)
    bonus = belongs[ids] * (BONUS + FAME * fame[ids])
    best = set()
    for some in (place[ids] > 0, day[ids] > 0):
        best.update(np.flatnonzero(some)[np.argsort(-(scores + bonus)[some], kind="stable")[:_MOST]].tolist())
    return {
        int(ids[i]): Favour(
            float(scores[i]),
            float(bonus[i]),
            frozenset(thing for thing, some in (("place", place), ("day", day)) if some[ids[i]]),
        )
        for i in sorted(best)
    }


def occasions_file(folder: Path, build: str) -> Path:
    """Where the occasions of one build of the index lie, as the package's places and festivals have them."""
    key = hashlib.sha256(f"{VERSION}\n{SHORT}\n{build}\n{occasion_words().terms}".encode()).hexdigest()[:16]
    return folder / f"occasions-{key}.npy"


def write_occasions(path: Path, occasions: Occasions) -> None:
    """Write whole or not at all; what other builds or places left is removed."""
    buffer = io.BytesIO()
    np.save(buffer, np.concatenate([occasions.starts, occasions.verses, occasions.levels]).astype(np.int32))
    write_whole(path, buffer.getvalue())
    for old in path.parent.glob("occasions-*.npy"):
        if old != path:
            old.unlink()


def read_occasions(path: Path) -> Occasions | None:
    """The occasions in a file that `write_occasions` wrote; None if it is missing or damaged."""
    number = occasion_words().number
    try:
        array = np.load(path)
        starts = array[: len(number) + 1]
        if len(array) != len(starts) + 2 * starts[-1]:
            return None
    except (OSError, EOFError, ValueError, IndexError):
        return None
    verses, levels = np.split(array[len(starts) :], 2)
    return Occasions(number, starts, verses, levels)


def open_occasions(path: Path, corpus: Corpus, facets: Facets) -> Occasions:
    """Read the occasions, or find them anew: an index of an earlier version of the program has none."""
    occasions = read_occasions(path)
    if occasions is None:
        occasions = find_occasions(corpus, facets)
        with suppress(OSError):  # somebody else's folder: then they are found again next time
            write_occasions(path, occasions)
    return occasions
