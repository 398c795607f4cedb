"""Find out what kind of source a name or a path is, and open it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from image2poem.corpus import chinese_poetry, own, poetry_source, works
from image2poem.corpus.archive import read_archive
from image2poem.corpus.fetch import fetch_chinese_poetry, fetch_poetry_source
from image2poem.corpus.progress import Progress, silent
from image2poem.corpus.work import Work
from image2poem.errors import CorpusError


@dataclass(frozen=True, slots=True)
class Source:
    """A source opened: its works are read as they are asked for."""

    name: str
    works: Iterator[Work]
    described: dict[str, str] = field(default_factory=dict)  # characters that the source describes in words


def _chinese_poetry(path: Path) -> Source:
    files = chinese_poetry.load(path)
    return Source("chinese-poetry", chinese_poetry.read(files), chinese_poetry.described_characters(files))


def _from_path(path: Path) -> Source:
    if path.is_file() and path.suffix.lower() in (".jsonl", ".ndjson"):
        return Source(path.name, own.read(path))
    kinds = {
        "works": works.is_wanted,
        "poetry-source": poetry_source.is_wanted,
        "chinese-poetry": chinese_poetry.collection_of,
    }
    seen: str | None = None

    def look(name: str) -> bool:
        nonlocal seen
        seen = seen or next((kind for kind, wanted in kinds.items() if wanted(name)), None)
        return seen is not None

    for _ in read_archive(path, look):
        break
    if seen == "works":
        return Source("works", works.read(path))
    if seen == "poetry-source":
        return Source("poetry-source", poetry_source.read(path))
    if seen == "chinese-poetry":
        return _chinese_poetry(path)
    raise CorpusError(
        f"{path} holds no poems in a known layout; expected chinese-poetry, poetry-source, works*.json or a .jsonl file"
    )


def find_source(source: str, downloads: Path, progress: Progress = silent) -> Path:
    """Where a source is, by its name ('chinese-poetry', 'poetry-source') or path; fetched if it has to be.

    Raises:
        CorpusError: it can't be fetched.
    """
    if source == "chinese-poetry":
        return fetch_chinese_poetry(downloads, progress)
    if source == "poetry-source":
        return fetch_poetry_source(downloads, progress)
    return Path(source).expanduser()


def open_source(source: str, path: Path) -> Source:
    """Open a source that `find_source` found at `path`.

    Raises:
        CorpusError: it can't be found there, or recognised.
    """
    if source == "chinese-poetry":
        return _chinese_poetry(path)
    if source == "poetry-source":
        return Source("poetry-source", poetry_source.read(path))
    return _from_path(path)
