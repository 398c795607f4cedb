"""The SQLite file that is the corpus: its tables and the number that changes with them."""

from __future__ import annotations

VERSION = 2

TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE poem(
    id INTEGER PRIMARY KEY, title TEXT NOT NULL, author TEXT NOT NULL, dynasty TEXT NOT NULL, genre TEXT NOT NULL,
    text TEXT NOT NULL, original_title TEXT, original_author TEXT, original_text TEXT,
    source TEXT NOT NULL, tags TEXT NOT NULL, fame REAL NOT NULL, translation TEXT);
CREATE TABLE verse(
    id INTEGER PRIMARY KEY, text TEXT NOT NULL, halves TEXT NOT NULL, poem_id INTEGER NOT NULL, form TEXT NOT NULL,
    lengths TEXT NOT NULL, fame REAL NOT NULL, fingerprint INTEGER NOT NULL);
CREATE TABLE occurrence(
    verse_id INTEGER NOT NULL, poem_id INTEGER NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY(verse_id, poem_id, position)) WITHOUT ROWID;
CREATE TABLE pair(verse_id INTEGER NOT NULL, translation TEXT NOT NULL, source TEXT NOT NULL);
CREATE TABLE unoffered(id INTEGER PRIMARY KEY, text TEXT NOT NULL, poem_id INTEGER NOT NULL);
CREATE TABLE gram(bucket INTEGER PRIMARY KEY, lines BLOB NOT NULL);
CREATE TABLE facet(name TEXT PRIMARY KEY, data BLOB NOT NULL);
"""
# unoffered holds the sentences that are no verse (they have a □, are too long, ...), numbered on from the verses; gram says
# which of both have which two characters side by side.
# original_* is NULL where the source's spelling is the text itself.

INDEXES = """
CREATE INDEX verse_fingerprint ON verse(fingerprint);
CREATE INDEX occurrence_poem ON occurrence(poem_id, position, verse_id);
CREATE INDEX pair_verse ON pair(verse_id);
"""
