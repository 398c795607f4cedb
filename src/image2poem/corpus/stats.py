"""What is in the corpus, in numbers: what `image2poem corpus stats` prints."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from image2poem.corpus.dynasty import when

if TYPE_CHECKING:
    from rich.console import RenderableType

    from image2poem.corpus.poems import Gathered


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of a corpus; `repairs` says how often each rule for damaged text was applied."""

    poems: int
    verses: int
    select: int
    authors: int
    characters: int  # distinct ones
    pairs: int
    by_dynasty: dict[str, int]  # verses
    by_genre: dict[str, int]
    by_form: dict[str, int]
    by_source: dict[str, int]  # works read
    repairs: dict[str, int]

    def to_json(self) -> str:
        """As JSON, for the corpus's own record."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Stats:
        """Back from JSON."""
        return cls(**json.loads(text))


def stats_of(gathered: Gathered, keys: Sequence[str], columns: dict[str, bytes], select: int, pairs: int) -> Stats:
    """Count what was gathered."""
    names = json.loads(columns["names"])

    def count(kind: str) -> dict[str, int]:
        found = np.bincount(np.frombuffer(columns[kind], np.int32), minlength=len(names[kind]))
        return dict(zip(names[kind], found.tolist(), strict=True))

    dynasties = count("dynasty")
    return Stats(
        poems=len(gathered.drafts),
        verses=len(keys),
        select=select,
        authors=len(names["author"]),
        characters=len(set("".join(keys))),
        pairs=pairs,
        by_dynasty={name: dynasties[name] for name in sorted(dynasties, key=lambda n: (when(n), n))},
        by_genre=dict(Counter(count("genre")).most_common()),
        by_form=dict(Counter(count("form")).most_common()),
        by_source=dict(gathered.works),
        repairs=dict(gathered.counts.most_common()),
    )


def render(stats: Stats) -> RenderableType:
    """The counts as tables for a terminal."""
    from rich.columns import Columns
    from rich.console import Group
    from rich.table import Table

    def table(title: str, rows: dict[str, int], of: str) -> Table:
        made = Table("", of, title=title, title_justify="left", box=None, pad_edge=False)
        made.columns[1].justify = "right"
        for name, number in rows.items():
            made.add_row(name or "?", f"{number:,}")
        return made

    whole = {
        "poems": stats.poems,
        "verses": stats.verses,
        "with vectors (select)": stats.select,
        "poets": stats.authors,
        "characters": stats.characters,
        "translated verses": stats.pairs,
    }
    return Group(
        Columns(
            [
                table("corpus", whole, "count"),
                table("dynasty", stats.by_dynasty, "verses"),
                table("genre", stats.by_genre, "verses"),
                table("form", stats.by_form, "verses"),
            ],
            padding=(1, 4),
        ),
        Columns([table("source", stats.by_source, "works"), table("repairs", stats.repairs, "times")], padding=(1, 4)),
    )
