"""Is this line real? Whoever claims a line is looked up here, among all that the corpus holds, wrong characters allowed.

Candidates share pairs of characters with the line (grams.py); each is then compared clause by clause, by edit distance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from image2poem.corpus.convert import fold, simplify_verse
from image2poem.corpus.grams import buckets
from image2poem.corpus.split import clauses

if TYPE_CHECKING:
    from image2poem.corpus.store import Corpus

SHORTEST = 5  # characters: fewer are nobody's
_CANDIDATES = 64  # compared for the whole line, half as many for each clause
_LONGEST = 64  # characters: no verse is longer


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of the corpus, in its own words."""

    text: str
    poem_id: int  # where it is best known from
    verse_id: int | None  # None: a sentence that isn't offered as a verse


@dataclass(frozen=True, slots=True)
class Quote:
    """A clause that stands, as it is, in a real line."""

    clause: str
    line: Line


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the corpus knows of a line."""

    same: Line | None  # the real line that it is, whole or nearly so
    edits: int  # characters wrong, missing or too many in it; 0 where there is none
    quotes: tuple[Quote, ...]  # where the line as a whole is new: its clauses that aren't


def look_up(corpus: Corpus, line: str) -> Lookup:
    """Find the real line that `line` is, whatever its marks, its script and the order of its clauses.

    It may be a part of a real line, or go on into the next of the same poem, and up to three characters in ten may be
    wrong; the fewer it has, the fewer (`allowed`). No clause may be wrong by more than half. Of a line that is new, clauses
    of five characters and more that are real to the letter are told.
    """
    text = simplify_verse([line])[0]
    parts = [key for key in (fold(clause) for clause in clauses(text)) if key]
    length = sum(map(len, parts))
    if not SHORTEST <= length <= _LONGEST:
        return Lookup(None, 0, ())
    numbers = set(corpus.similar(_buckets(parts), _CANDIDATES))
    if len(parts) > 1:
        for part in parts:
            numbers.update(corpus.similar(buckets(part), _CANDIDATES // 2))
    lines = corpus.lines(sorted(numbers))
    costs = {number: [edits(part, fold(found.text)) for part in parts] for number, found in lines.items()}
    whole = _whole(parts, costs, corpus.places(lines))
    if whole is not None:
        number, wrong = whole
        return Lookup(lines[number], wrong, ())
    quotes = []
    for i, part in enumerate(parts):
        holding = [number for number in costs if costs[number][i] == 0]
        if holding and len(part) >= SHORTEST:
            quotes.append(Quote(part, lines[min(holding)]))
    return Lookup(None, 0, tuple(quotes))


def allowed(length: int) -> int:
    """How many characters of a line of that length may be wrong: measured, docs/vlm.md."""
    if length < 7:
        return 0
    return 1 if length < 10 else length * 3 // 10


def edits(part: str, text: str) -> int:
    """The fewest characters to change, add or leave out to find `part` somewhere in `text` (Sellers 1980)."""
    row = [0] * (len(text) + 1)
    for i, wanted in enumerate(part, 1):
        before, row = row, [i]
        for j, character in enumerate(text):
            row.append(min(before[j] + (character != wanted), before[j + 1] + 1, row[j] + 1))
    return min(row)


def _buckets(parts: list[str]) -> list[int]:
    return list(dict.fromkeys(bucket for part in parts for bucket in buckets(part)))


def _whole(parts: list[str], costs: dict[int, list[int]], places: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    """(number of the line, characters wrong) of the poem whose lines hold all parts best, if well enough."""
    by_poem: dict[int, list[int]] = defaultdict(list)
    for number, poem in places:
        by_poem[poem].append(number)
    best: tuple[int, int, int] | None = None
    for numbers in by_poem.values():
        least = [min(costs[number][i] for number in numbers) for i in range(len(parts))]
        if any(cost > len(part) // 2 for cost, part in zip(least, parts, strict=True)):
            continue
        alone, number = min((sum(costs[number]), number) for number in numbers)
        found = (sum(least), alone, number)
        best = min(best, found) if best else found
    if best is None or best[0] > allowed(sum(map(len, parts))):
        return None
    return best[2], best[0]
