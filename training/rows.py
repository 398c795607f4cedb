"""Training rows as JSONL: {"query": vernacular, "pos": [verses], "neg": [hard negatives]}, and what else is known.

`title`, `author`, `dynasty` may stand beside them; they are kept, and say which rows are of one poem.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from image2poem.corpus.convert import bare
from image2poem.errors import Image2PoemError

Row = dict[str, Any]


class RowsError(Image2PoemError):
    """A file of rows that can't be used."""


def read_rows(path: Path) -> list[Row]:
    """The rows of a file; `pos` and `neg` are lists even where the file has one text.

    Raises:
        RowsError: names the file and the line.
    """
    rows = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RowsError(f"{path} can't be read ({error}); give a JSONL file of rows") from None
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            positives, negatives = row["pos"], row.get("neg", [])
            row["pos"] = [positives] if isinstance(positives, str) else list(positives)
            row["neg"] = [negatives] if isinstance(negatives, str) else list(negatives)
            usable = isinstance(row["query"], str) and row["pos"]
        except (ValueError, TypeError, KeyError):
            usable = False
        if not usable:
            raise RowsError(
                f'{path}, line {number}, is no row; it should be {{"query": text, "pos": [text], "neg": []}}'
            )
        if str(row.get("source", "")).startswith("poetry-source"):
            raise RowsError(f"{path}, line {number}, is from poetry-source, kept for judging; remove such rows")
        rows.append(row)
    return rows


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write a file of rows, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    part.rename(path)


def overlap(query: str, verse: str) -> float:
    """Share of a verse's characters that its query has too, 0..1."""
    characters = bare(verse)
    return sum(c in query for c in characters) / max(1, len(characters))


def run(main: Callable[[], None]) -> None:
    """Run a command; a person's error is one sentence on standard error and exit code 2."""
    try:
        main()
    except Image2PoemError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
