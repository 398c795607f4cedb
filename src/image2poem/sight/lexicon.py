"""The imagery lexicon (意象): what verse names and a photo can show, and the words by which verse names it.

It stands between sight and verse: a photo shows terms with a probability each, and a verse names terms or doesn't.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from image2poem.errors import ModelError

_FILE = Path(__file__).parent.parent / "data" / "imagery.json"


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
        not 叶 once more. Strings that a term lists as blocked name nothing.
        """
        return tuple(self.terms[i].term for i in self.find(verse))

    def find(self, verse: str) -> list[int]:
        """Numbers of the terms that a verse names, rising, implied ones included."""
        pattern, owners = self._verse_words
        found: set[int] = set()
        for word in pattern.findall(verse):
            found.update(owners[word])
        return sorted(found)

    def mentioned(self, text: str) -> tuple[str, ...]:
        """Terms that everyday language mentions: by their name, a word of verse, or what one says of a photo."""
        pattern, owners = self._spoken_words
        found = {i for word in pattern.findall(text) for i in owners[word]}
        return tuple(self.terms[i].term for i in sorted(found))

    @cached_property
    def _verse_words(self) -> tuple[re.Pattern[str], dict[str, frozenset[int]]]:
        return self._search(lambda term: term.words)

    @cached_property
    def _spoken_words(self) -> tuple[re.Pattern[str], dict[str, frozenset[int]]]:
        return self._search(lambda term: (term.term, *term.words, *term.spoken, *term.phrases))

    def _search(self, words_of: Callable[[Term], Iterable[str]]) -> tuple[re.Pattern[str], dict[str, frozenset[int]]]:
        """A pattern that finds words, longest first, and the terms that each word stands for."""
        owners: dict[str, set[int]] = {}
        blocked: dict[str, set[int]] = {}
        for i, term in enumerate(self.terms):
            for word in words_of(term):
                owners.setdefault(word, set()).update((i, *(self.number[t] for t in term.implies)))
            for word in term.blocked:
                blocked.setdefault(word, set()).add(i)
        words = _pattern(owners)
        # a blocked string is found first, and stands for what else is in it: 江山 blocks 江 and is still 山
        inside = {
            string: {t for word in words.findall(string) for t in owners[word]} - terms
            for string, terms in blocked.items()
        }
        both = {**inside, **owners}
        return _pattern(both), {word: frozenset(terms) for word, terms in both.items()}


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(set(words), key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, longest_first)))


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
