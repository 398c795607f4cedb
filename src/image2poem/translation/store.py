"""Translations that models made, in one SQLite file beside the corpus: a corpus that is built anew keeps them.

A row belongs to the characters of a verse (`corpus.convert.fold`) and to a model. Rows come batch by batch, each batch whole or
not at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from image2poem.corpus.convert import fold
from image2poem.errors import TranslationError
from image2poem.translation import Translation

FORMAT = 1
_AT_ONCE = 500  # SQLite allows 999 parameters in old builds
_TABLE = """CREATE TABLE translation(
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, model TEXT NOT NULL, verse TEXT NOT NULL, text TEXT NOT NULL,
    prompt TEXT NOT NULL, UNIQUE(key, model))"""
_ADD = """INSERT INTO translation(key, model, verse, text, prompt) VALUES (?,?,?,?,?)
    ON CONFLICT(key, model) DO UPDATE SET verse = excluded.verse, text = excluded.text, prompt = excluded.prompt"""


class TranslationStore:
    """What models translated. There is no file until there is a translation; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Keep it in `path`."""
        self.path = path

    def add(self, translations: Mapping[str, str], model: str, prompt: str) -> None:
        """Keep a batch: all of it, on disk, or nothing.

        Args:
            translations: verse -> translation.
            model: that made them.
            prompt: the name of the prompt that it was asked with.

        Raises:
            TranslationError: the file is damaged, or can't be written.
        """
        if not translations:
            return
        rows = [(fold(verse), model, verse, text, prompt) for verse, text in translations.items()]
        with self._sentences(), closing(self._connect(create=True)) as database, database:
            database.execute("BEGIN IMMEDIATE")
            if self._is_empty(database):
                database.execute(_TABLE)
                database.execute(f"PRAGMA user_version = {FORMAT}")
            database.executemany(_ADD, rows)

    def latest(self, verses: Sequence[str]) -> dict[str, Translation]:
        """Verse -> the translation that was made last, for those of some verses that have one.

        Raises:
            TranslationError: the file is damaged.
        """
        verses_of: dict[str, list[str]] = {}
        for verse in verses:
            verses_of.setdefault(fold(verse), []).append(verse)
        keys, found = list(verses_of), {}
        for at in range(0, len(keys), _AT_ONCE):
            part = keys[at : at + _AT_ONCE]
            marks = ",".join("?" * len(part))
            for key, text, model in self._rows(
                f"SELECT key, text, model FROM translation WHERE key IN ({marks})", part
            ):
                found.update(dict.fromkeys(verses_of[key], Translation(text, model, made=True)))
        return found

    def all(self) -> list[tuple[str, str]]:
        """(characters of a verse, translation), in the order in which they were made.

        Raises:
            TranslationError: the file is damaged.
        """
        return [(key, text) for key, text in self._rows("SELECT key, text FROM translation")]

    def keys(self, model: str | None = None) -> set[str]:
        """The characters of all verses that a model, or any, translated.

        Raises:
            TranslationError: the file is damaged.
        """
        if model is None:
            return {key for (key,) in self._rows("SELECT key FROM translation")}
        return {key for (key,) in self._rows("SELECT key FROM translation WHERE model = ?", [model])}

    def _rows(self, query: str, values: Sequence[str] = ()) -> list[tuple[str, ...]]:
        """The rows of a query, oldest first; none where nothing was made yet."""
        if not self.path.exists():
            return []
        with self._sentences(), closing(self._connect()) as database:
            return [] if self._is_empty(database) else database.execute(f"{query} ORDER BY id", values).fetchall()

    def _connect(self, create: bool = False) -> sqlite3.Connection:
        if create:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        # to read is to open for writing too: what a killed process left half-done is taken back then
        mode = "rwc" if create else "rw"
        return sqlite3.connect(f"{self.path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None)

    def _is_empty(self, database: sqlite3.Connection) -> bool:
        """Whether nothing was ever written: SQLite makes a file before it has anything to put into it."""
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == FORMAT:
            return False
        if version or database.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            raise TranslationError(
                f"{self.path} was made by another version of image2poem, or is no file of translations; update "
                "image2poem, or move the file away and run `image2poem translate`"
            )
        return True

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn what SQLite says into what the person can do about it."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if "locked" in str(error):
                reason, remedy = "is being written by another process", "wait until it has finished, then try again"
            elif isinstance(error, sqlite3.OperationalError | OSError):
                reason = f"can't be read or written ({error})"
                remedy = "free some space, or make the file and its folder writable"
            else:
                reason, remedy = f"is damaged ({error})", "move it away and run `image2poem translate` to make it again"
            raise TranslationError(f"the translations in {self.path}: the file {reason}; {remedy}") from None
