"""Works become poems: simplified, cleaned, split, merged with what is already there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, starmap

from image2poem.corpus.clean import clean
from image2poem.corpus.convert import fold_all, simplify_names, simplify_titles, simplify_verse
from image2poem.corpus.dynasty import dynasty_name
from image2poem.corpus.fingerprint import fingerprints
from image2poem.corpus.poets import FIVE_DYNASTIES, REAL_NAMES
from image2poem.corpus.split import Piece, enclosed, piece, preface, split
from image2poem.corpus.tunes import is_tune
from image2poem.corpus.work import Script, Work

_BATCH = 4096  # works converted at once
Row = tuple[str, str, str, str, str, bool]  # title, author, dynasty, genre, text, whether it is traditional
# title, author, dynasty, genre, sentences (each a Piece, as a tuple), their keys, the fingerprints of these
Prepared = tuple[str, str, str, str, list[tuple[str, tuple[str, ...], str, bool]], list[str], bytes]
# 无名氏《宦门子弟错立身》 is nobody's name, 王炎2 the second of that name, 尹鹗 六首 has six poems, 清尚〖1〗 a footnote
_NAME_NOTE = re.compile(r"[（(\[〖].*?[）)\]〗]|《.*?》|\d+$|\s.{1,2}首$")


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


def _batches(works: Iterable[Work]) -> Iterator[list[Work]]:
    iterator = iter(works)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _row(work: Work) -> Row:
    traditional = work.script is Script.TRADITIONAL
    return work.title, work.author, work.dynasty, work.genre, "\n".join(work.lines), traditional


def _simplified(rows: list[Row]) -> list[tuple[str, str, str]]:
    """(title, author, text) of each work in simplified characters; those already simplified are left alone."""
    out = [(title, author, text) for title, author, _, _, text, _ in rows]
    at = [i for i, row in enumerate(rows) if row[-1]]
    titles = simplify_titles([out[i][0] for i in at])
    names = simplify_names([out[i][1] for i in at])
    verses = simplify_verse([out[i][2] for i in at])
    for i, title, name, verse in zip(at, titles, names, verses, strict=True):
        out[i] = (title, name, verse)
    return out


def _author(name: str) -> str:
    name = _NAME_NOTE.sub("", name).strip()
    return REAL_NAMES.get(name, name) or "佚名"


def prepare(rows: list[Row], described: dict[str, str]) -> tuple[list[Prepared], dict[str, int]]:
    """Convert, clean and split works: nothing here depends on any other work, and all of it is plain data.

    Args:
        rows: what is needed of each work.
        described: "{山/淪}" → the one character meant, where the source says it.

    Returns:
        A row for each work, and how often each rule was applied.
    """
    counts: Counter[str] = Counter()
    return [
        _prepared(title, author, dynasty, genre, text, described, counts)
        for (_, _, dynasty, genre, _, _), (title, author, text) in zip(rows, _simplified(rows), strict=True)
    ], dict(counts)


def _prepared(
    title: str, author: str, dynasty: str, genre: str, text: str, described: dict[str, str], counts: Counter[str]
) -> Prepared:
    author = _author(author)
    dynasty = dynasty_name(dynasty)
    if dynasty in ("唐", "宋") and author in FIVE_DYNASTIES:
        dynasty = "五代"
    sentences = split(clean(text, genre, counts, described))
    pieces = enclosed(list(map(piece, sentences)))
    if genre == "诗" and is_tune(title) and any(p.form == "杂言" for p in pieces):
        genre = "词"
    if genre == "诗" and (lead := preface(pieces)):
        counts["prose preface"] += 1
        pieces[:lead] = [p._replace(sound=False) for p in pieces[:lead]]
    keys = fold_all(sentences)
    return title.strip(), author, dynasty, genre, list(map(tuple, pieces)), keys, fingerprints(keys)


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


def gather(works: Iterable[Work], gathered: Gathered, described: dict[str, str] | None = None) -> Iterator[int]:
    """Add works to what is gathered; yields after each batch how many were read."""
    read = 0
    for batch in _batches(works):
        rows = list(map(_row, batch))
        prepared, counts = prepare(rows, described or {})
        gathered.counts.update(counts)
        gathered.works.update(work.source for work in batch)
        for work, row, done in zip(batch, rows, prepared, strict=True):
            _add(_draft(work, row, done), gathered, work.supplement)
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
