"""Open a corpus and read poems and verses from it."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from image2poem.corpus import schema
from image2poem.corpus.convert import fold, fold_differs, simplify_verse
from image2poem.corpus.facets import KINDS, Facets, read_facets
from image2poem.corpus.fingerprint import fingerprint
from image2poem.corpus.grams import nearest, read_row
from image2poem.corpus.lookup import Line, Lookup, look_up
from image2poem.corpus.stats import Stats
from image2poem.errors import CorpusError
from image2poem.model import Poem, Verse

_REBUILD = "run `image2poem corpus` to build it"
_VERSE = (
    "SELECT v.id, v.text, v.halves, v.poem_id, p.title, p.author, p.dynasty, p.genre, v.form, v.fame "
    "FROM verse v JOIN poem p ON p.id = v.poem_id"
)
_POEM = "SELECT id, title, author, dynasty, genre, text, tags, source, original_title, original_author, original_text FROM poem"
_CLAUSE_ENDS = re.compile("[，。！？；：、]")
_AT_ONCE = 500  # SQLite allows 999 parameters in old builds


def _verse(row: tuple[object, ...]) -> Verse:
    number, text, halves, *rest = row
    return Verse(number, text, tuple(str(halves).split("\n")), *rest)  # type: ignore[arg-type]


def _poem(row: tuple[object, ...]) -> Poem:
    number, title, author, dynasty, genre, text, tags, source, old_title, old_author, old_text = row
    lines = tuple(str(text).split("\n")) if text else ()
    return Poem(
        id=number,  # type: ignore[arg-type]
        title=str(title),
        author=str(author),
        dynasty=str(dynasty),
        genre=str(genre),
        verses=lines,
        tags=tuple(json.loads(str(tags))),
        source=str(source),
        original_title=str(title if old_title is None else old_title),
        original_author=str(author if old_author is None else old_author),
        original_verses=lines if old_text is None else tuple(str(old_text).split("\n")),
    )


class Corpus:
    """The poems and verses of one SQLite file, read-only; safe to share between threads.

    Verse ids run from 0 to `len(corpus) - 1` by falling fame, so the `select_count` best known are the first.
    """

    def __init__(self, path: Path, meta: dict[str, str]) -> None:
        self.path = path
        self._meta = meta
        self._count = int(meta["verses"])
        self._local = threading.local()

    @property
    def _database(self) -> sqlite3.Connection:
        database: sqlite3.Connection | None = getattr(self._local, "database", None)
        if database is None:
            database = self._local.database = _connect(self.path)
        return database

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise CorpusError(f"{self.path} is damaged ({error}); {_REBUILD} again") from error

    def __len__(self) -> int:
        return self._count

    @property
    def select_count(self) -> int:
        """How many of the best-known verses have vectors by default."""
        return int(self._meta["select"])

    @property
    def corpus_id(self) -> str:
        """A hash of all verses in their order: vectors made for another corpus don't have it."""
        return self._meta["corpus_id"]

    @property
    def stats(self) -> Stats:
        """What is in it, in numbers."""
        return Stats.from_json(self._meta["stats"])

    def verse(self, number: int) -> Verse:
        """A verse by its id.

        Raises:
            IndexError: there is none.
        """
        return self.verses([number])[0]

    def verses(self, numbers: Sequence[int]) -> list[Verse]:
        """Verses by their ids, in the order asked for.

        Raises:
            IndexError: there is none with one of the ids.
        """
        found: dict[int, Verse] = {}
        unique = list({int(number) for number in numbers})
        for at in range(0, len(unique), _AT_ONCE):
            part = unique[at : at + _AT_ONCE]
            for row in self._rows(f"{_VERSE} WHERE v.id IN ({','.join('?' * len(part))})", part):
                verse = _verse(row)
                found[verse.id] = verse
        try:
            return [found[int(number)] for number in numbers]
        except KeyError as missing:
            raise IndexError(f"no verse {missing.args[0]}; there are {len(self)}") from None

    def poem(self, number: int) -> Poem:
        """A poem by its id.

        Raises:
            IndexError: there is none.
        """
        rows = self._rows(f"{_POEM} WHERE id = ?", [int(number)])
        if not rows:
            raise IndexError(f"no poem {number}")
        return _poem(rows[0])

    def sources(self, number: int) -> list[Poem]:
        """All poems that a verse stands in, the one it is best known from first."""
        home = self.verse(number).poem_id
        where = "WHERE id IN (SELECT poem_id FROM occurrence WHERE verse_id = ?) ORDER BY id = ? DESC, fame DESC, id"
        return [_poem(row) for row in self._rows(f"{_POEM} {where}", [int(number), home])]

    def translations(self, number: int) -> list[str]:
        """Vernacular translations of a verse, where a source has them."""
        return [str(row[0]) for row in self._rows("SELECT translation FROM pair WHERE verse_id = ?", [int(number)])]

    def pairs(self, start: int = 0, stop: int | None = None) -> list[tuple[int, str, str]]:
        """(verse, translation, whose) where a source translates a verse with an id from start to stop (without it)."""
        query = "SELECT verse_id, translation, source FROM pair WHERE verse_id >= ? AND verse_id < ? ORDER BY verse_id, rowid"
        return self._rows(query, [start, len(self) if stop is None else stop])  # type: ignore[return-value]

    def numbers(self, lines: Sequence[str]) -> dict[str, int]:
        """Line -> id of the verse with its characters, for those of many lines that are one; as `find`, in one script."""
        keys = {line: fold(line) for line in lines}
        prints = {fingerprint(key): key for key in keys.values()}
        ids: dict[str, int] = {}
        wanted = list(prints)
        for at in range(0, len(wanted), _AT_ONCE):
            part = wanted[at : at + _AT_ONCE]
            marks = ",".join("?" * len(part))
            query = f"SELECT id, text, fingerprint FROM verse WHERE fingerprint IN ({marks}) ORDER BY id DESC"
            for number, text, found in self._rows(query, part):
                if fold(str(text)) == prints[found]:  # type: ignore[index]
                    ids[prints[found]] = number  # type: ignore[index, assignment]
        return {line: ids[key] for line, key in keys.items() if key in ids}

    def texts(self, start: int = 0, stop: int | None = None) -> list[str]:
        """The verses with ids from start to stop (without it), text only."""
        rows = self._rows(
            "SELECT text FROM verse WHERE id >= ? AND id < ? ORDER BY id", [start, len(self) if stop is None else stop]
        )
        return [str(row[0]) for row in rows]

    def titles(self, count: int) -> dict[int, str]:
        """By poem id, the titles of the 诗 that the verses with ids below `count` are best known from.

        Of other genres the title mostly names a tune, which says nothing of the poem.
        """
        rows = self._rows(
            "SELECT id, title FROM poem WHERE genre = '诗' AND id IN (SELECT poem_id FROM verse WHERE id < ?)", [count]
        )
        return {int(str(number)): str(title) for number, title in rows}

    def facets(self, count: int | None = None) -> Facets:
        """Dynasty, author, genre, form, poem, fame and tags of the verses with ids below `count`, as arrays."""
        try:
            return read_facets(self._database, len(self) if count is None else min(count, len(self)))
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise CorpusError(f"{self.path} is damaged ({error}); {_REBUILD} again") from error

    def find(self, line: str) -> int | None:
        """The id of the verse with these characters, whatever the punctuation and the script; None if there is none.

        A single clause of a couplet isn't the verse: give the whole sentence.
        """
        for text in dict.fromkeys((line, simplify_verse([line])[0])):
            key = fold(text)
            for number, found in self._rows("SELECT id, text FROM verse WHERE fingerprint = ?", [fingerprint(key)]):
                if fold(str(found)) == key:
                    return int(str(number))
        return None

    def holding(self, clause: str) -> Iterator[int]:
        """Ids of the verses that have this clause, simplified, whatever editions write; the best known first.

        The well-known verses are looked through first; all 1.5 million take a second or two.
        """
        key = fold(clause)
        pattern = "".join("_" if fold_differs(char) else char for char in key)
        for start, stop in ((0, self.select_count), (self.select_count, len(self))):
            query = "SELECT id, text FROM verse WHERE id >= ? AND id < ? AND text LIKE ? ORDER BY id"
            for number, text in self._rows(query, [start, stop, f"%{pattern}%"]):
                if key in map(fold, _CLAUSE_ENDS.split(str(text))):
                    yield int(str(number))

    def look_up(self, line: str) -> Lookup:
        """What the corpus knows of a line that somebody claims, wrong characters allowed; takes some milliseconds."""
        return look_up(self, line)

    def similar(self, buckets: Sequence[int], most: int) -> list[int]:
        """Numbers of the lines that share most with a line of these buckets (`grams.buckets`)."""
        rows = self._rows(f"SELECT lines FROM gram WHERE bucket IN ({','.join('?' * len(buckets))})", buckets)
        return nearest([read_row(bytes(row[0])) for row in rows], len(self), most)  # type: ignore[call-overload]

    def lines(self, numbers: Sequence[int]) -> dict[int, Line]:
        """Lines by their numbers: verses by their ids, and from `len(corpus)` on the sentences that are no verse."""
        found: dict[int, Line] = {}
        for table, verse in (("verse", True), ("unoffered", False)):
            wanted = [number for number in numbers if (number < len(self)) is verse]
            marks = ",".join("?" * len(wanted))
            for row in self._rows(f"SELECT id, text, poem_id FROM {table} WHERE id IN ({marks})", wanted):
                number, text, poem = row
                found[number] = Line(text, poem, number if verse else None)  # type: ignore[index, arg-type]
        return found

    def places(self, lines: Mapping[int, Line]) -> list[tuple[int, int]]:
        """(number, poem) of every place of some lines, a verse being in several poems at times."""
        verses = [number for number in lines if number < len(self)]
        query = f"SELECT verse_id, poem_id FROM occurrence WHERE verse_id IN ({','.join('?' * len(verses))})"
        rows: list[tuple[int, int]] = self._rows(query, verses)  # type: ignore[assignment]
        return rows + [(number, line.poem_id) for number, line in lines.items() if line.verse_id is None]

    def names(self, kind: str) -> tuple[str, ...]:
        """All names of a kind: dynasty, author, genre, form or tag."""
        if kind not in KINDS:
            raise ValueError(f"no kind '{kind}'; there are {', '.join(KINDS)}")
        return self.facets(0).names[kind]


def _connect(path: Path) -> sqlite3.Connection:
    # immutable: the file is never written to, only replaced, so no locks are needed
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    database.execute("PRAGMA mmap_size=1073741824")
    return database


def open_corpus(path: Path) -> Corpus:
    """Open the corpus at `path` and check that it is whole.

    Raises:
        CorpusError: there is none, it is damaged, or it was made by another version.
    """
    if not path.is_file():
        raise CorpusError(f"there is no corpus at {path}; {_REBUILD}")
    try:
        database = _connect(path)
        try:
            meta = dict(database.execute("SELECT key, value FROM meta"))
            (pages,), (size,) = (
                database.execute("PRAGMA page_count").fetchone(),
                database.execute("PRAGMA page_size").fetchone(),
            )
            (last,) = database.execute("SELECT max(id) FROM verse").fetchone()
        finally:
            database.close()
    except (sqlite3.Error, OSError) as error:
        raise CorpusError(f"{path} is damaged or no corpus ({error}); {_REBUILD} again") from error
    if meta.get("schema") != str(schema.VERSION):
        raise CorpusError(f"{path} was made by another version of image2poem; {_REBUILD} again")
    if path.stat().st_size != pages * size or str((last if last is not None else -1) + 1) != meta.get("verses"):
        raise CorpusError(f"{path} isn't whole; {_REBUILD} again")
    return Corpus(path, meta)
