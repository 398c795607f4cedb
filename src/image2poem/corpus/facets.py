"""What filters look at: for each verse in the order of its id, numbers for dynasty, author, genre, form, poem and tags.

Kept in the corpus as plain arrays, so that those of the best-known 100,000 verses are read in a few milliseconds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
KINDS = ("dynasty", "author", "genre", "form", "tag")


@dataclass(frozen=True, slots=True)
class Facets:
    """Arrays of one length n, row i for verse i; a code is a place in the table of names beside it."""

    names: dict[str, tuple[str, ...]]  # for dynasty, author, genre, form, tag
    dynasty: Codes
    author: Codes
    genre: Codes
    form: Codes
    poem: Codes
    fame: NDArray[np.float32]
    tag_verse: Codes  # a verse and a tag of it, row by row, by falling fame of the verse
    tag_code: Codes

    def __len__(self) -> int:
        return len(self.poem)


def _coded(values: Sequence[str]) -> tuple[list[str], NDArray[np.int32]]:
    table: dict[str, int] = {}
    codes = np.fromiter((table.setdefault(value, len(table)) for value in values), np.int32, len(values))
    return list(table), codes


def columns(
    poems: Sequence[tuple[str, str, str, Sequence[str]]],
    forms: Sequence[str],
    poem_of: NDArray[np.int64],
    fame: NDArray[np.float32],
    places: Iterable[tuple[int, int]],
) -> dict[str, bytes]:
    """The facets as they are stored.

    Args:
        poems: (dynasty, author, genre, tags) of each poem.
        forms, poem_of, fame: of each verse.
        places: (verse, poem) of the poems that have tags.
    """
    out: dict[str, bytes] = {}
    names: dict[str, list[str]] = {}
    for kind, column in zip(("dynasty", "author", "genre"), range(3), strict=True):
        names[kind], codes = _coded([str(poem[column]) for poem in poems])
        out[kind] = codes[poem_of].tobytes()
    names["form"], codes = _coded(forms)
    out["form"] = codes.tobytes()
    out["poem"] = poem_of.astype(np.int32).tobytes()
    out["fame"] = fame.astype(np.float32).tobytes()
    tags: dict[str, int] = {}
    rows = sorted({(verse, tags.setdefault(tag, len(tags))) for verse, poem in places for tag in poems[poem][3]})
    pairs = np.array(rows, np.int32).reshape(-1, 2)
    names["tag"] = list(tags)
    out["tag_verse"] = pairs[:, 0].tobytes()
    out["tag_code"] = pairs[:, 1].tobytes()
    out["names"] = json.dumps(names, ensure_ascii=False).encode()
    return out


def _read(database: sqlite3.Connection, name: str, count: int | None = None) -> bytes:
    (row,) = database.execute("SELECT rowid FROM facet WHERE name = ?", (name,)).fetchone()
    with database.blobopen("facet", "data", row, readonly=True) as blob:
        return blob.read() if count is None else blob.read(min(4 * count, len(blob)))


def read_facets(database: sqlite3.Connection, count: int) -> Facets:
    """The facets of the verses with ids below `count`."""
    names = {kind: tuple(table) for kind, table in json.loads(_read(database, "names")).items()}
    codes = {
        name: np.frombuffer(_read(database, name, count), np.int32)
        for name in ("dynasty", "author", "genre", "form", "poem")
    }
    verse = np.frombuffer(_read(database, "tag_verse"), np.int32)
    rows = int(np.searchsorted(verse, count))
    return Facets(
        names=names,
        fame=np.frombuffer(_read(database, "fame", count), np.float32),
        tag_verse=verse[:rows],
        tag_code=np.frombuffer(_read(database, "tag_code"), np.int32)[:rows],
        **codes,
    )
