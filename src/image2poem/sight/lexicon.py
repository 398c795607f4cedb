"""The imagery lexicon (意象): what verse names and a photo can show, and the words by which verse names it.

It stands between sight and verse: a photo shows terms with a probability each, and a verse names terms or doesn't.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from image2poem.errors import ModelError

_FILE = Path(__file__).parent.parent / "data" / "imagery.json"
_NOT = ("无", "非", "没", "不是", "不见", "没有", "未有")  # what stands behind one of these isn't there


@dataclass(frozen=True, slots=True)
class Term:
    """An image that verse knows by many names."""

    term: str  # 月
    group: str  # 天象
    english: str
    words: tuple[str, ...]  # how verse names it: 月 蟾 婵娟 玉盘
    phrases: tuple[str, ...]  # how people describe a photo of it: 夜空中的月亮
    spoken: tuple[str, ...] = ()  # everyday words for it that verse doesn't use: 月亮
    blocked: tuple[str, ...] = ()  # strings with one of the words in them that don't name it: 三月 岁月
    implies: tuple[str, ...] = ()  # broader terms that come with it: 雪山 implies 山 and 雪
    season: str | None = None
    hour: str | None = None
    setting: str | None = None


@dataclass(frozen=True)
class Lexicon:
    """All terms, and the search for their words in text."""

    terms: tuple[Term, ...]
    number: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Number the terms."""
        object.__setattr__(self, "number", {term.term: i for i, term in enumerate(self.terms)})

    def named(self, verse: str) -> tuple[str, ...]:
        """Terms that a verse names, in the lexicon's order.

        The longest word wins and no character counts twice: 雪山 is 雪山, and by implication 山 and 雪, but 落叶 is
        not 叶 once more. Strings that a term lists as blocked name nothing, nor does what a verse says isn't there:
        碧海无波 names the sea and no waves.
        """
        return tuple(self.terms[i].term for i in self.find(verse))

    def find(self, verse: str) -> list[int]:
        """Numbers of the terms that a verse names, rising, implied ones included."""
        return sorted(self._verse_words.terms(verse))

    def places(self, verse: str) -> tuple[tuple[int, int, str], ...]:
        """Where a verse names what: (start, end, term), from left to right, implied terms with the word they come with."""
        found = []
        for start, end, terms in self._verse_words.places(verse):
            for i in sorted(terms):
                at, to = self._narrowed(verse[start:end], self.terms[i])
                found.append((start + at, start + to, self.terms[i].term))
        return tuple(found)

    def _narrowed(self, string: str, term: Term) -> tuple[int, int]:
        """In a blocked string that stands for another term (江山), that term's own word (山); else the whole string."""
        word = max((word for word in term.words if word in string), key=len, default=string)
        at = string.find(word)
        return (at, at + len(word)) if string in self._blocked else (0, len(string))

    @cached_property
    def _blocked(self) -> frozenset[str]:
        words = {word for term in self.terms for word in term.words}
        return frozenset(word for term in self.terms for word in term.blocked) - words

    def mentioned(self, text: str) -> tuple[str, ...]:
        """Terms that everyday language mentions: by their name, a word of verse, or what one says of a photo."""
        return tuple(self.terms[i].term for i in sorted(self._spoken_words.terms(text)))

    @cached_property
    def _verse_words(self) -> _Words:
        return self._search(lambda term: term.words)

    @cached_property
    def _spoken_words(self) -> _Words:
        return self._search(lambda term: (term.term, *term.words, *term.spoken, *term.phrases))

    def _search(self, words_of: Callable[[Term], Iterable[str]]) -> _Words:
        owners: dict[str, set[int]] = {}
        blocked: dict[str, set[int]] = {}
        for i, term in enumerate(self.terms):
            for word in words_of(term):
                owners.setdefault(word, set()).update((i, *(self.number[t] for t in term.implies)))
            for word in term.blocked:
                blocked.setdefault(word, set()).add(i)
        words = _Words(owners)
        # a blocked string stands for what else is in it: 江山 blocks 江 and is still 山
        for string in sorted(blocked.keys() - owners.keys(), key=len):
            words.add(string, words.terms(string) - blocked[string])
        return words


class _Words:
    """Words to look for in text, each standing for some terms; from left to right the longest word wins."""

    def __init__(self, terms_of: Mapping[str, Iterable[int]]) -> None:
        self._terms_of: dict[str, frozenset[int]] = {}
        self._lengths: dict[str, tuple[int, ...]] = {}  # first character -> lengths of its words, longest first
        for word, terms in terms_of.items():
            self.add(word, terms)

    def add(self, word: str, terms: Iterable[int]) -> None:
        self._terms_of[word] = frozenset(terms)
        lengths = {*self._lengths.get(word[0], ()), len(word)}
        self._lengths[word[0]] = tuple(sorted(lengths, reverse=True))

    def terms(self, text: str) -> set[int]:
        return {term for _, _, terms in self.places(text) for term in terms}

    def places(self, text: str) -> Iterator[tuple[int, int, frozenset[int]]]:
        at = 0
        while at < len(text):
            for length in self._lengths.get(text[at], ()):
                terms = self._terms_of.get(text[at : at + length])
                if terms is not None:
                    if not text[:at].endswith(_NOT):
                        yield at, at + length, terms
                    at += length
                    break
            else:
                at += 1


@lru_cache
def load_lexicon(path: Path = _FILE) -> Lexicon:
    """The lexicon that the package ships, or another file of the same form.

    Raises:
        ModelError: the file is missing, or is not a lexicon.
    """
    try:
        rows = json.loads(path.read_text("utf-8"))
        terms = tuple(
            Term(
                term=row["term"],
                group=row["group"],
                english=row["english"],
                words=tuple(row["words"]),
                phrases=tuple(row["phrases"]),
                spoken=tuple(row.get("spoken", ())),
                blocked=tuple(row.get("not", ())),
                implies=tuple(row.get("implies", ())),
                season=row.get("season"),
                hour=row.get("hour"),
                setting=row.get("setting"),
            )
            for row in rows
        )
        lexicon = Lexicon(terms)
        if missing := {t for term in terms for t in term.implies} - set(lexicon.number):
            raise ValueError(f"it implies terms that it doesn't have: {'、'.join(sorted(missing))}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the imagery lexicon {path} can't be read ({error}); install image2poem again") from None
    return lexicon
