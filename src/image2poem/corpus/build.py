"""Build the corpus: sources in, one SQLite file out, whole or not at all."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import math
import os
import re
import shutil
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2poem.corpus import facets, schema
from image2poem.corpus.dynasty import when
from image2poem.corpus.fame import anthology, is_fragment, poem_fame, verse_fame
from image2poem.corpus.fingerprint import numbers
from image2poem.corpus.grams import gram_rows
from image2poem.corpus.helper import helping
from image2poem.corpus.lock import only_builder
from image2poem.corpus.poems import Draft, Gathered, gather
from image2poem.corpus.progress import Progress, silent
from image2poem.corpus.source import find_source, open_source
from image2poem.corpus.split import Piece
from image2poem.corpus.stats import Stats, stats_of
from image2poem.errors import CorpusError
from image2poem.settings import Settings

SELECT = 100_000  # verses that have vectors by default: the best known
_AT_ONCE = 20_000  # verses written at a time
_SENTENCE = re.compile(r"[^。！？]+[。！？]+[”’」』]?")


@dataclass(slots=True)
class _Verses:
    """All verses in the order found, parallel lists; row i of `verse`, `poem`, `position` is a place of a verse."""

    pieces: list[Piece]
    keys: list[str]
    prints: NDArray[np.int64]
    verse: NDArray[np.int64]
    poem: NDArray[np.int64]
    position: NDArray[np.int64]


def _collect(drafts: list[Draft], counts: Counter[str]) -> _Verses:
    pieces = [piece for draft in drafts for piece in draft.pieces]
    keys = [key for draft in drafts for key in draft.keys]
    lengths = np.array([len(draft.keys) for draft in drafts], np.int64)
    at = np.flatnonzero(np.array([piece.sound for piece in pieces], np.bool_))
    if unsound := len(pieces) - len(at):
        counts["sentence not offered as a verse"] += unsound
    by_key: dict[str, int] = {}
    number = by_key.setdefault
    verse = np.array([number(keys[i], len(by_key)) for i in at.tolist()], np.int64)
    first = at[np.flatnonzero(np.diff(np.maximum.accumulate(verse), prepend=-1))]  # where each stands first
    poem = np.repeat(np.arange(len(drafts)), lengths)[at]
    return _Verses(
        pieces=[pieces[i] for i in first.tolist()],
        keys=list(by_key),
        prints=numbers(b"".join([draft.prints for draft in drafts]))[first],
        verse=verse,
        poem=poem,
        position=at - (np.cumsum(lengths) - lengths)[poem],
    )


def _poem_fames(drafts: list[Draft]) -> list[float]:
    logs: dict[tuple[str, str], list[float]] = defaultdict(list)
    for d in drafts:
        if d.hits > 0:
            logs[d.genre, d.dynasty].append(math.log10(d.hits))
    typical = {kind: 10 ** (sum(found) / len(found)) for kind, found in logs.items()}
    return [
        poem_fame(
            d.author,
            d.genre,
            d.dynasty,
            d.title,
            d.tags,
            d.hits,
            typical.get((d.genre, d.dynasty), 1.0),
            1 + len(d.others),
            d.noted,
            len(d.pieces),
        )
        for d in drafts
    ]


def _standing(drafts: list[Draft], fames: list[float]) -> NDArray[np.int32]:
    """The rank of each poem as the home of a verse that several have; 0 is best.

    An anthology's word counts first, then who was earlier (later poets quote, and build whole poems of quotations),
    then more sources, whole poems before fragments, and fame.
    """
    order = sorted(
        range(len(drafts)),
        key=lambda i: (
            anthology(drafts[i].tags) < 0.85,
            when(drafts[i].dynasty),
            -len(drafts[i].others),
            is_fragment(drafts[i].title),
            -fames[i],
            i,
        ),
    )
    standing = np.empty(len(drafts), np.int32)
    standing[order] = np.arange(len(drafts), dtype=np.int32)
    return standing


def _quoted(drafts: list[Draft], verses: _Verses) -> NDArray[np.int64]:
    """For each verse, how many poets beyond the first have one of its clauses; clauses of four or fewer don't count."""
    authors = {name: i for i, name in enumerate(dict.fromkeys(draft.author for draft in drafts))}
    by = np.array([authors[draft.author] for draft in drafts], np.int64)[verses.poem]
    halves = [half for piece in verses.pieces for half in piece.halves]
    long = np.fromiter(map(len, halves), np.int64, len(halves)) > 4
    per_verse = np.array([len(piece.halves) for piece in verses.pieces], np.int64)
    owner = np.repeat(np.arange(len(per_verse)), per_verse)[long]
    per_verse = np.bincount(owner, minlength=len(per_verse))
    unique, clause = np.unique(np.fromiter(map(hash, halves), np.int64, len(halves))[long], return_inverse=True)
    first = np.cumsum(per_verse) - per_verse  # where each verse's clauses begin
    times = per_verse[verses.verse]
    offset = np.arange(int(times.sum())) - np.repeat(np.cumsum(times) - times, times)
    said = clause[np.repeat(first[verses.verse], times) + offset]  # the clauses of every place, one after the other
    pairs = said * len(authors) + np.repeat(by, times)
    pairs.sort()
    pairs = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]
    poets = np.bincount(pairs // max(len(authors), 1), minlength=len(unique))
    quoted = np.zeros(len(per_verse), np.int64)
    np.maximum.at(quoted, owner, poets[clause] - 1)
    return quoted


def _homes(verses: _Verses, standing: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each verse: the row of its best place."""
    order = np.lexsort((verses.position, standing[verses.poem], verses.verse))
    return order[np.flatnonzero(np.diff(verses.verse[order], prepend=-1))]


def pairs_of(draft: Draft) -> list[tuple[int, str]]:
    """(position of a verse, its translation) where verse and translation line up one to one, else nothing."""
    translation = draft.translation
    if not translation:
        return []
    if len(translation) == len(draft.pieces):
        return list(enumerate(translation))
    sentences = [s.strip() for part in translation for s in _SENTENCE.findall(part)]
    return list(enumerate(sentences)) if len(sentences) == len(draft.pieces) else []


def _same_or_null(original: str, text: str) -> str | None:
    return None if original == text else original


def _poem_rows(drafts: list[Draft], fames: list[float]) -> Iterator[tuple[Any, ...]]:
    for i, (d, fame) in enumerate(zip(drafts, fames, strict=True)):
        text = "\n".join(d.sentences)
        yield (
            i,
            d.title,
            d.author,
            d.dynasty,
            d.genre,
            text,
            _same_or_null(d.original_title, d.title),
            _same_or_null(d.original_author, d.author),
            _same_or_null(d.original_text, text),
            "、".join([d.source, *d.others]),
            json.dumps(d.tags, ensure_ascii=False) if d.tags else "[]",
            round(fame, 4),
            "\n".join(d.translation) or None,
        )


def _translated(drafts: list[Draft], verses: _Verses, number: NDArray[np.int64]) -> list[tuple[int, str, str]]:
    """(id of a verse, its translation, whose that is) for each place of a verse that a source translates."""
    poems = [poem for poem, draft in enumerate(drafts) if draft.translation]
    at = np.flatnonzero(np.isin(verses.poem, poems))
    verse = dict(
        zip(
            zip(verses.poem[at].tolist(), verses.position[at].tolist(), strict=True),
            number[verses.verse[at]].tolist(),
            strict=True,
        )
    )
    return [
        (verse[poem, position], text, drafts[poem].translated_by)
        for poem in poems
        for position, text in pairs_of(drafts[poem])
        if (poem, position) in verse
    ]


def _lengths(piece: Piece) -> str:
    return ",".join([str(len(half)) for half in piece.halves])


def _write(path: Path, gathered: Gathered, names: Sequence[str], progress: Progress) -> Stats:
    drafts, counts = gathered.drafts, gathered.counts
    progress("ranking", 0, 0)
    verses = _collect(drafts, counts)
    count = len(verses.keys)
    if not count:
        raise CorpusError(f"no verse was found in {', '.join(names)}; see docs/corpus.md for the formats that are read")
    fames = _poem_fames(drafts)
    standing = _standing(drafts, fames)
    best = _homes(verses, standing)
    poem_of, position_of = verses.poem[best], verses.position[best]
    characters = np.array([sum(map(len, piece.halves)) for piece in verses.pieces], np.int64)
    exact = verse_fame(np.array(fames)[poem_of], position_of, _quoted(drafts, verses), characters)
    fame: NDArray[np.float32] = exact.astype(np.float32).round(4)
    order = np.lexsort((position_of, standing[poem_of], -fame))
    number = np.empty(count, np.int64)
    number[order] = np.arange(count)
    pieces = [verses.pieces[v] for v in order.tolist()]
    keys = [verses.keys[v] for v in order.tolist()]
    poem_of, fame, prints = poem_of[order], fame[order], verses.prints[order]
    digest = hashlib.sha256()

    def verse_rows() -> Iterator[tuple[Any, ...]]:
        for start in range(0, count, _AT_ONCE):
            progress("writing verses", start, count)
            part = slice(start, start + _AT_ONCE)
            texts = [piece.text for piece in pieces[part]]
            digest.update("\n".join([*texts, ""]).encode())
            yield from zip(
                range(start, start + len(texts)),
                texts,
                ["\n".join(piece.halves) for piece in pieces[part]],
                poem_of[part].tolist(),
                [piece.form for piece in pieces[part]],
                map(_lengths, pieces[part]),
                fame[part].tolist(),
                prints[part].tolist(),
                strict=True,
            )

    def place_rows() -> Iterable[tuple[int, int, int]]:
        verse = number[verses.verse]
        rows = np.lexsort((verses.position, verses.poem, verse))
        return zip(verse[rows].tolist(), verses.poem[rows].tolist(), verses.position[rows].tolist(), strict=True)

    pairs = _translated(drafts, verses, number)
    tagged = np.flatnonzero(np.array([bool(draft.tags) for draft in drafts])[verses.poem])
    columns = facets.columns(
        poems=[(d.dynasty, d.author, d.genre, d.tags) for d in drafts],
        forms=[piece.form for piece in pieces],
        poem_of=poem_of,
        fame=fame,
        places=zip(number[verses.verse[tagged]].tolist(), verses.poem[tagged].tolist(), strict=True),
    )
    unoffered = [
        (piece.text, poem, key)
        for poem, draft in enumerate(drafts)
        for piece, key in zip(draft.pieces, draft.keys, strict=True)
        if not piece.sound
    ]
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA page_size=8192; PRAGMA cache_size=-200000;"
        )
        database.executescript(schema.TABLES)
        database.execute("BEGIN")
        progress("writing poems", 0, len(drafts))
        database.executemany(f"INSERT INTO poem VALUES ({','.join('?' * 13)})", _poem_rows(drafts, fames))
        database.executemany(f"INSERT INTO verse VALUES ({','.join('?' * 8)})", verse_rows())
        progress("writing sources", 0, 0)
        database.executemany("INSERT OR IGNORE INTO occurrence VALUES (?,?,?)", place_rows())
        database.executemany("INSERT INTO pair VALUES (?,?,?)", pairs)
        database.executemany("INSERT INTO facet VALUES (?,?)", columns.items())
        progress("indexing", 0, 0)
        rows = ((i, text, poem) for i, (text, poem, _) in enumerate(unoffered, count))
        database.executemany("INSERT INTO unoffered VALUES (?,?,?)", rows)
        database.executemany("INSERT INTO gram VALUES (?,?)", gram_rows(keys + [key for _, _, key in unoffered]))
        for statement in filter(str.strip, schema.INDEXES.split(";")):
            database.execute(statement)
        counts["verse kept once for several places"] = len(verses.verse) - count
        stats = stats_of(gathered, keys, columns, min(SELECT, count), len(pairs))
        meta = {
            "schema": str(schema.VERSION),
            "corpus_id": digest.hexdigest(),
            "verses": str(count),
            "poems": str(len(drafts)),
            "select": str(min(SELECT, count)),
            "sources": json.dumps(list(names), ensure_ascii=False),
            "stats": stats.to_json(),
        }
        database.executemany("INSERT INTO meta VALUES (?,?)", meta.items())
        database.execute("COMMIT")
    finally:
        database.close()
    return stats


def write_corpus(path: Path, gathered: Gathered, names: Sequence[str], progress: Progress = silent) -> Stats:
    """Write what was gathered to `path`: beside it first, renamed when whole.

    Raises:
        CorpusError: the disk is full or can't be written; the old file, if any, is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        stats = _write(temporary, gathered, names, progress)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        return stats
    except (OSError, sqlite3.Error) as error:
        raise CorpusError(
            f"{path} can't be written ({error}); free some space (1 GB is enough) or set IMAGE2POEM_HOME"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def build_corpus(
    settings: Settings, sources: Sequence[str] = ("chinese-poetry",), progress: Progress = silent
) -> Stats:
    """Fetch, read, convert, clean, split and merge the sources into `settings.corpus_file`.

    Args:
        settings: says where the corpus lives; downloads are kept beside it.
        sources: 'chinese-poetry', 'poetry-source', or paths of folders, archives and .jsonl files.
        progress: told of every stage.

    Raises:
        CorpusError: a source can't be had or read, another build is running, or the disk is full.
    """
    path = settings.corpus_file
    with only_builder(path):
        for stale in path.parent.glob(f".{path.name}.*.part"):  # left by a build that was killed
            if stale.is_dir():
                shutil.rmtree(stale, ignore_errors=True)
            else:
                stale.unlink(missing_ok=True)
        gathered = Gathered()
        names: list[str] = []
        collecting = gc.isenabled()
        gc.disable()  # millions of small lasting objects: each collection would walk them all
        try:
            for source in sources:
                found = find_source(source, settings.home.expanduser() / "downloads", progress)
                with helping(source, found, path) as answers:
                    opened = open_source(source, found)
                    names.append(opened.name)
                    for done in gather(opened.works, gathered, opened.described, answers):
                        progress(f"reading {opened.name}", done, 0)
            return write_corpus(path, gathered, names, progress)
        finally:
            if collecting:
                gc.enable()
