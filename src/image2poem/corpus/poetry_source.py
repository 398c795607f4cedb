"""Read the layout of `snowtraces/poetry-source`: all dynasties, already simplified.

Files are `source/诗/唐/poetry.唐.0000.json` and so on; those ending in `.base.json` and `.pinyin.json` repeat them.
**Translations are dropped here**: they are kept aside to judge with and never enter a corpus, a pair or training.
Only whether a work is annotated at all is used, as a sign that people read it.
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
from image2poem.corpus.works import lines
from image2poem.errors import CorpusError

_FILE = re.compile(r"(?:^|/)([诗词曲])/([^/]+)/(?:poetry|ci|qu)\.[^/.]+\.\d+\.json$")
_SHIJING = re.compile(r"(?:^|/)其他/诗经\.json$")
_NUMBERED = re.compile(r"^【?[（(]?其[一二三四五六七八九十百]+[）)]?】?$")


def is_wanted(name: str) -> bool:
    """Whether a file holds verse and isn't a repetition."""
    return bool(_FILE.search(name) or _SHIJING.search(name))


def _one(record: dict[str, Any], genre: str, dynasty: str) -> Work:
    tags = tuple(str(record[key]) for key in ("chapter", "section") if genre == "诗经" and record.get(key))
    return Work(
        title=str(record.get("title") or ""),
        author=str(record.get("authorName") or "佚名"),
        dynasty=dynasty_name(str(record.get("dynasty") or dynasty)),
        genre=genre,
        lines=tuple(line for line in lines(record.get("content")) if not _NUMBERED.match(line)),
        source="poetry-source",
        script=Script.SIMPLIFIED,
        tags=tags,
        noted=bool(record.get("annotation")),
    )


def read(path: Path) -> Iterator[Work]:
    """The works of a folder or an archive of that layout, without their translations.

    Raises:
        CorpusError: a file is damaged; names it.
    """
    for name, data in read_archive(path, is_wanted):
        records = parse(name, data)
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise CorpusError(f"{name} isn't a list of works; fetch the source again")
        kind = _FILE.search(name)
        genre, dynasty = (kind.group(1), kind.group(2)) if kind else ("诗经", "先秦")
        for record in records:
            yield _one(record, genre, dynasty)
