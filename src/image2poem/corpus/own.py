"""Read a person's own poems: JSON Lines with title, author, dynasty, genre (or kind), content (or lines), translation.

Only the content is required. `tags` may be a list. A line may be in traditional characters if `"script": "traditional"`
says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from image2poem.corpus.dynasty import dynasty_name
from image2poem.corpus.work import Script, Work
from image2poem.corpus.works import lines
from image2poem.errors import CorpusError

_FORMAT = '{"title": ..., "author": ..., "content": "床前明月光，疑是地上霜。"}'


def _tags(given: Any) -> tuple[str, ...]:
    """A list of tags, or one tag alone."""
    tags = given if isinstance(given, list) else [given]
    return tuple(dict.fromkeys(str(tag).strip() for tag in tags if tag and str(tag).strip()))


def _work(record: dict[str, Any], source: str) -> Work:
    return Work(
        title=str(record.get("title") or ""),
        author=str(record.get("author") or "佚名"),
        dynasty=dynasty_name(str(record.get("dynasty") or "")),
        genre=str(record.get("genre") or record.get("kind") or "诗"),
        lines=lines(record.get("content") or record.get("lines")),
        source=source,
        script=Script.TRADITIONAL if record.get("script") == "traditional" else Script.SIMPLIFIED,
        tags=_tags(record.get("tags")),
        translation=lines(record.get("translation")),
    )


def read(path: Path) -> Iterator[Work]:
    """The poems of a .jsonl file, one a line; empty lines are skipped.

    Raises:
        CorpusError: a line isn't a JSON object with a content; names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} can't be read as UTF-8 text ({error}); save it as UTF-8 JSON Lines") from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{path}, line {number}, isn't JSON ({error}); a line looks like {_FORMAT}") from None
        if not isinstance(record, dict) or not lines(record.get("content") or record.get("lines")):
            raise CorpusError(f"{path}, line {number}, has no content; a line looks like {_FORMAT}")
        yield _work(record, path.name)
