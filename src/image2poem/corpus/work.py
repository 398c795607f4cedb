"""What every source yields: a work as printed there, before conversion, cleaning and splitting."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Script(StrEnum):
    """How the characters of a work are written."""

    TRADITIONAL = "traditional"
    SIMPLIFIED = "simplified"


@dataclass(frozen=True, slots=True)
class Work:
    """A poem in a source's own spelling.

    `hits` is how many pages a search engine found for it: noisy, because a generic title finds everything. `supplement` marks a work of a collection that overlaps others: it is kept only if the
    others lack it.
    """

    title: str
    author: str
    dynasty: str
    genre: str
    lines: tuple[str, ...]
    source: str
    script: Script
    tags: tuple[str, ...] = ()
    translation: tuple[str, ...] = ()  # vernacular sentences or paragraphs, as the source has them
    hits: float = 0.0
    noted: bool = False  # the source explains it, so somebody reads it
    supplement: bool = False
