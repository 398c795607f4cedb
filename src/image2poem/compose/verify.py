"""A line that a model wrote is looked up before it is shown: what is real is shown as such, with its own source.

What the model says of a line's source never comes this far.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from image2poem.corpus import Corpus, Line, Quote


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line that may be shown."""

    text: str  # of a real line, the corpus's own text
    line: Line | None  # the real line that it is; None: it is new
    quotes: tuple[Quote, ...]  # of a new line: its clauses that are taken from real ones


def verify(corpus: Corpus, lines: Iterable[str]) -> tuple[Candidate, ...]:
    """Each line as what it is, in the order given; a real line comes once, however it was written."""
    found: dict[str, Candidate] = {}
    for line in lines:
        known = corpus.look_up(line)
        candidate = Candidate(known.same.text if known.same else line, known.same, known.quotes)
        found.setdefault(candidate.text, candidate)
    return tuple(found.values())
