"""Read a folder of `works*.json` in the format of `chinese-poetry-and-prose`, translations included.

Each file is a list of works with Title, Author, Dynasty, Kind, Content, Translation, PostsCount; lines are separated
by `\\r\\n`. Only Kind 诗, 词 and 曲 are verse; 文 and 赋 are prose and rhapsody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from image2poem.corpus.archive import read_archive
from image2poem.corpus.chinese_poetry import parse
from image2poem.corpus.dynasty import dynasty_name
from image2poem.corpus.work import Script, Work
from image2poem.errors import CorpusError

_FILE = re.compile(r"(?:^|/)works[^/]*\.json$")
KINDS = {"诗": "诗", "词": "词", "曲": "曲", "诗经": "诗经", "楚辞": "楚辞"}


def is_wanted(name: str) -> bool:
    """Whether a file is one of works."""
    return bool(_FILE.search(name))


def lines(text: Any) -> tuple[str, ...]:
    """The lines of a text that are not empty; a list of lines is one already."""
    if isinstance(text, list):
        return tuple(line.strip() for line in text if isinstance(line, str) and line.strip())
    return (
        tuple(line.strip() for line in re.split(r"\r\n|\r|\n", text) if line.strip()) if isinstance(text, str) else ()
    )


def _work(record: dict[str, Any]) -> Work | None:
    genre = KINDS.get(str(record.get("Kind", "")).strip())
    if genre is None:
        return None
    posts = record.get("PostsCount")
    return Work(
        title=str(record.get("Title") or ""),
        author=str(record.get("Author") or "佚名"),
        dynasty=dynasty_name(str(record.get("Dynasty") or "")),
        genre=genre,
        lines=lines(record.get("Content")),
        source="works",
        script=Script.SIMPLIFIED,
        translation=lines(record.get("Translation")),
        hits=float(posts) if isinstance(posts, int | float) else 0.0,
        noted=bool(record.get("Annotation")),
    )


def read(path: Path) -> Iterator[Work]:
    """The verse in a folder or an archive of works*.json.

    Raises:
        CorpusError: a file isn't JSON, or isn't a list of works; names it.
    """
    for name, data in read_archive(path, is_wanted):
        records = parse(name, data)
        if not isinstance(records, list):
            raise CorpusError(
                f"{name} isn't a list of works; each work is an object with Title, Author, Kind and Content"
            )
        for i, record in enumerate(records, 1):
            if not isinstance(record, dict) or "Content" not in record:
                raise CorpusError(f"{name}, work {i}, has no Content; remove it or give it one")
            if work := _work(record):
                yield work
