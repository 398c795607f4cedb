"""Build the corpus: sources in, one SQLite file out, whole or not at all."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import math
import os
import re
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
from image2poem.corpus.fingerprint import fingerprint
from image2poem.corpus.grams import gram_rows
from image2poem.corpus.lock import only_builder
from image2poem.corpus.poems import Draft, Gathered, gather
from image2poem.corpus.progress import Progress, silent
from image2poem.corpus.source import open_source
from image2poem.corpus.split import Piece
from image2poem.corpus.stats import Stats, stats_of
from image2poem.errors import CorpusError
from image2poem.settings import Settings

SELECT = 100_000  # verses that have vectors by default: the best known
_SENTENCE = re.compile(r"[^。！？]+[。！？]+[”’」』]?")


@dataclass(slots=True)
class _Verses:
    """All verses in the order found, parallel lists; `place` lists (verse, poem, position)."""

    pieces: list[Piece]
    keys: list[str]
    place_verse: list[int]
    place_poem: list[int]
    place_position: list[int]


def _collect(drafts: list[Draft], counts: Counter[str]) -> _Verses:
    by_key: dict[str, int] = {}
    verses = _Verses([], [], [], [], [])
    for poem, draft in enumerate(drafts):
        for position, (piece, key) in enumerate(zip(draft.pieces, draft.keys, strict=True)):
            if not piece.sound:
                counts["sentence not offered as a verse"] += 1
                continue
            verse = by_key.setdefault(key, len(verses.keys))
            if verse == len(verses.keys):
                verses.keys.append(key)
                verses.pieces.append(piece)
            verses.place_verse.append(verse)
            verses.place_poem.append(poem)
            verses.place_position.append(position)
    return verses


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
            len(d.sentences),
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


def _quoted(drafts: list[Draft], verses: _Verses) -> NDArray[np.int32]:
    """For each verse, how many poets beyond the first have one of its clauses; clauses of four or fewer don't count."""
    authors = {name: i for i, name in enumerate(dict.fromkeys(draft.author for draft in drafts))}
    by = np.array([authors[draft.author] for draft in drafts], np.int64)[np.array(verses.place_poem, np.int64)]
    long = [[hash(half) for half in piece.halves if len(half) > 4] for piece in verses.pieces]
    per_verse = np.array([len(hashes) for hashes in long], np.int64)
    owner = np.repeat(np.arange(len(long)), per_verse)
    unique, clause = np.unique(np.array([h for hashes in long for h in hashes], np.int64), return_inverse=True)
    first = np.cumsum(per_verse) - per_verse  # where each verse's clauses begin
    place = np.array(verses.place_verse, np.int64)
    times = per_verse[place]
    offset = np.arange(int(times.sum())) - np.repeat(np.cumsum(times) - times, times)
    said = clause[np.repeat(first[place], times) + offset]  # the clauses of every place, one after the other
    pairs = np.unique(said * len(authors) + np.repeat(by, times))
    poets = np.bincount(pairs // max(len(authors), 1), minlength=len(unique))
    quoted = np.zeros(len(long), np.int32)
    np.maximum.at(quoted, owner, (poets[clause] - 1).astype(np.int32))
    return quoted


def _homes(verses: _Verses, standing: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each verse: the row of its best place."""
    verse = np.array(verses.place_verse, np.int64)
    order = np.lexsort((np.array(verses.place_position), standing[np.array(verses.place_poem, np.int64)], verse))
    first = np.unique(verse[order], return_index=True)[1]
    return order[first]


def pairs_of(draft: Draft) -> list[tuple[int, str]]:
    """(position of a verse, its translation) where verse and translation line up one to one, else nothing."""
    translation = draft.translation
    if not translation:
        return []
    if len(translation) == len(draft.sentences):
        return list(enumerate(translation))
    sentences = [s.strip() for part in translation for s in _SENTENCE.findall(part)]
    return list(enumerate(sentences)) if len(sentences) == len(draft.sentences) else []


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


def _write(path: Path, gathered: Gathered, names: Sequence[str], progress: Progress) -> Stats:
    drafts, counts = gathered.drafts, gathered.counts
    progress("ranking", 0, 0)
    verses = _collect(drafts, counts)
    if not verses.keys:
        raise CorpusError(f"no verse was found in {', '.join(names)}; see docs/corpus.md for the formats that are read")
    fames = _poem_fames(drafts)
    standing = _standing(drafts, fames)
    quoted = _quoted(drafts, verses)
    best = _homes(verses, standing)
    poem_of = np.array(verses.place_poem, np.int64)[best]
    position_of = np.array(verses.place_position, np.int64)[best]
    fame = np.array(
        [
            verse_fame(fames[p], pos, q, sum(map(len, piece.halves)))
            for p, pos, q, piece in zip(
                poem_of.tolist(), position_of.tolist(), quoted.tolist(), verses.pieces, strict=True
            )
        ],
        np.float32,
    ).round(4)
    order = np.lexsort((position_of, standing[poem_of], -fame))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    digest = hashlib.sha256()

    def verse_rows() -> Iterator[tuple[Any, ...]]:
        ordered = zip(order.tolist(), poem_of[order].tolist(), fame[order].tolist(), strict=True)
        for i, (v, poem, score) in enumerate(ordered):
            piece = verses.pieces[v]
            digest.update(piece.text.encode() + b"\n")
            lengths = ",".join([str(len(half)) for half in piece.halves])
            halves = "\n".join(piece.halves)
            yield i, piece.text, halves, poem, piece.form, lengths, score, fingerprint(verses.keys[v])
            if not i % 50_000:
                progress("writing verses", i, len(order))

    def place_rows() -> Iterable[tuple[int, int, int]]:
        verse = number[np.array(verses.place_verse, np.int64)]
        rows = np.stack([verse, np.array(verses.place_poem), np.array(verses.place_position)], axis=1)
        rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
        return map(tuple, rows.tolist())

    translated = any(draft.translation for draft in drafts)
    at = {
        (p, pos): v
        for v, p, pos in zip(verses.place_verse, verses.place_poem, verses.place_position, strict=True)
        if translated and drafts[p].translation
    }
    pairs = [
        (int(number[at[p, pos]]), text, draft.translated_by)
        for p, draft in enumerate(drafts)
        for pos, text in pairs_of(draft)
        if (p, pos) in at
    ]
    columns = facets.columns(
        poems=[(d.dynasty, d.author, d.genre, d.tags) for d in drafts],
        forms=[verses.pieces[v].form for v in order.tolist()],
        poem_of=poem_of[order],
        fame=fame[order],
        places=(
            (int(number[v]), p) for v, p in zip(verses.place_verse, verses.place_poem, strict=True) if drafts[p].tags
        ),
    )
    unoffered = [
        (piece.text, poem, key)
        for poem, draft in enumerate(drafts)
        for piece, key in zip(draft.pieces, draft.keys, strict=True)
        if not piece.sound
    ]
    lines = [verses.keys[v] for v in order.tolist()] + [key for _, _, key in unoffered]
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
        rows = ((i, text, poem) for i, (text, poem, _) in enumerate(unoffered, len(order)))
        database.executemany("INSERT INTO unoffered VALUES (?,?,?)", rows)
        database.executemany("INSERT INTO gram VALUES (?,?)", gram_rows(lines))
        for statement in filter(str.strip, schema.INDEXES.split(";")):
            database.execute(statement)
        counts["verse kept once for several places"] = len(verses.place_verse) - len(verses.keys)
        stats = stats_of(gathered, verses.keys, columns, min(SELECT, len(order)), len(pairs))
        meta = {
            "schema": str(schema.VERSION),
            "corpus_id": digest.hexdigest(),
            "verses": str(len(order)),
            "poems": str(len(drafts)),
            "select": str(min(SELECT, len(order))),
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
            stale.unlink(missing_ok=True)
        gathered = Gathered()
        names: list[str] = []
        collecting = gc.isenabled()
        gc.disable()  # millions of small lasting objects: each collection would walk them all
        try:
            for source in sources:
                opened = open_source(source, settings.home.expanduser() / "downloads", progress)
                names.append(opened.name)
                for done in gather(opened.works, gathered, opened.described):
                    progress(f"reading {opened.name}", done, 0)
            return write_corpus(path, gathered, names, progress)
        finally:
            if collecting:
                gc.enable()
