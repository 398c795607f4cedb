"""Works become poems: prepared each by itself, merged with what is already there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import starmap
from pathlib import Path

from image2poem.corpus.convert import fold_all
from image2poem.corpus.helper import prepared
from image2poem.corpus.prepare import Prepared, Row
from image2poem.corpus.split import Piece
from image2poem.corpus.work import Work


@dataclass(slots=True, eq=False)
class Draft:
    """A poem on its way into the corpus; other sources may still add to it."""

    title: str
    author: str
    dynasty: str
    genre: str
    pieces: list[Piece]  # its sentences
    keys: list[str]  # the folded form of each sentence
    prints: bytes  # the fingerprint of each key
    original_title: str
    original_author: str
    original_text: str
    source: str
    tags: list[str]
    translation: tuple[str, ...]
    translated_by: str  # the source that the translation is from
    hits: float
    noted: bool
    others: list[str] = field(default_factory=list)  # sources that have the same poem

    @property
    def sentences(self) -> list[str]:
        """What it says."""
        return [p.text for p in self.pieces]


@dataclass(slots=True)
class Gathered:
    """All poems, and what the rules did to them."""

    drafts: list[Draft] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    works: Counter[str] = field(default_factory=Counter)  # source → works read
    _by_text: dict[str, list[Draft]] = field(default_factory=dict)
    _tang_clauses: set[str] = field(default_factory=set)


def _draft(work: Work, row: Row, prepared: Prepared) -> Draft:
    title, author, dynasty, genre, pieces, keys, prints = prepared
    return Draft(
        title=title,
        author=author,
        dynasty=dynasty,
        genre=genre,
        pieces=list(starmap(Piece, pieces)),
        keys=keys,
        prints=prints,
        original_title=work.title,
        original_author=work.author,
        original_text=row[4],
        source=work.source,
        tags=list(work.tags),
        translation=work.translation,
        translated_by=work.source,
        hits=work.hits,
        noted=work.noted,
    )


def _merge(old: Draft, new: Draft) -> None:
    for tag in new.tags:
        if tag not in old.tags:
            old.tags.append(tag)
    if new.source != old.source and new.source not in old.others:
        old.others.append(new.source)
    old.hits = max(old.hits, new.hits)
    old.noted = old.noted or new.noted
    if new.translation and not old.translation:
        old.translation, old.translated_by = new.translation, new.translated_by
    if len(new.title) > len(old.title) and new.title.startswith(old.title) and new.genre == old.genre == "词":
        old.title = new.title  # 菩萨蛮 → 菩萨蛮 其一
    if old.genre == "诗" and new.genre == "词":
        old.genre = "词"


def _halves(draft: Draft) -> list[str]:
    return fold_all([half for p in draft.pieces for half in p.halves])


def _known(draft: Draft, clauses: set[str]) -> bool:
    halves = _halves(draft)
    return not halves or 2 * sum(half in clauses for half in halves) >= len(halves)


def gather(
    works: Iterable[Work], gathered: Gathered, described: dict[str, str] | None = None, answers: Path | None = None
) -> Iterator[int]:
    """Add the works of a source to what is gathered; yields after each batch how many were read.

    Args:
        works: in the order of the source.
        gathered: what they are added to.
        described: "{山/淪}" → the one character meant, where the source says it.
        answers: the folder of a helper (`helper.helping`), if one is at work.
    """
    read = 0
    for batch, rows, (done, counts) in prepared(works, described or {}, answers):
        gathered.counts.update(counts)
        gathered.works.update(work.source for work in batch)
        for work, row, ready in zip(batch, rows, done, strict=True):
            _add(_draft(work, row, ready), gathered, work.supplement)
        read += len(batch)
        yield read


def _add(draft: Draft, gathered: Gathered, supplement: bool) -> None:
    counts = gathered.counts
    if supplement and _known(draft, gathered._tang_clauses):
        counts["already in an overlapping collection"] += 1
        return
    if not draft.pieces:
        counts["poem without text"] += 1
        gathered.drafts.append(draft)
        return
    key = "".join(draft.keys)
    same = gathered._by_text.setdefault(key, [])
    twin = next((old for old in same if old.author == draft.author), None)
    if twin:
        counts["same poem again"] += 1
        _merge(twin, draft)
        return
    if same:
        counts["same text under another author"] += 1
    same.append(draft)
    gathered.drafts.append(draft)
    if draft.dynasty in ("唐", "五代"):
        gathered._tang_clauses.update(_halves(draft))
