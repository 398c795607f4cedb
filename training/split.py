"""Split rows into train and dev (or test) by poem: no poem and no verse stands on both sides.

usage: python -m training.split ROWS.jsonl ... --out DIR [--share 0.05] [--seed 7] [--corpus corpus.sqlite]

Rows belong together when they have the same author and title, or share a clause. With a corpus, rows that don't name
their poem are looked up in it. What belongs together, directly or through others, goes to one side. Writes
DIR/train.jsonl and DIR/dev.jsonl.
"""

from __future__ import annotations

import argparse
import random
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

from image2poem.corpus.convert import fold
from training.rows import Row, read_rows, run, write_rows

_BREAKS = re.compile(r"[，。！？；、：,.!?;:\s]+")
SHORTEST = 4  # characters of a clause that can tell a poem
SAME_WORDS = 3  # a verse that more poems than this have tells none


def clauses(verse: str) -> list[str]:
    """The clauses of a verse, folded, that are long enough to tell a poem; the whole verse if none is."""
    found = [f for part in _BREAKS.split(verse) if len(f := fold(part)) >= SHORTEST]
    return found or [fold(verse)]


def poems_by_clause(corpus: Path, wanted: set[str]) -> dict[str, set[int]]:
    """Numbers of the corpus's poems that have each of the clauses."""
    database = sqlite3.connect(f"file:{corpus}?mode=ro", uri=True)
    found: dict[str, set[int]] = defaultdict(set)
    query = "SELECT verse.text, occurrence.poem_id FROM verse JOIN occurrence ON occurrence.verse_id = verse.id"
    for text, poem in database.execute(query):
        for clause in clauses(text):
            if clause in wanted:
                found[clause].add(poem)
    return found


def keys(row: Row, poems: dict[str, set[int]]) -> set[Hashable]:
    """What a row has that another row of the same poem or verse would have too."""
    out: set[Hashable] = set()
    if row.get("title"):
        out.add((row.get("author", ""), row["title"]))
    for verse in row["pos"]:
        parts = clauses(verse)
        out.update(parts)
        if known := [poems[part] for part in parts if part in poems]:
            holding = set.intersection(*known)
            out.update(holding if len(holding) <= SAME_WORDS else ())
    return out


def groups(keyed: Sequence[Iterable[Hashable]]) -> list[list[int]]:
    """Indexes of rows that share a key, directly or through others (union-find)."""
    parent = list(range(len(keyed)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[Hashable, int] = {}
    for i, of_row in enumerate(keyed):
        for key in of_row:
            parent[root(i)] = root(first.setdefault(key, i))
    members: dict[int, list[int]] = defaultdict(list)
    for i in range(len(keyed)):
        members[root(i)].append(i)
    return list(members.values())


def split(rows: list[Row], share: float, seed: int, poems: dict[str, set[int]]) -> tuple[list[Row], list[Row]]:
    """(train, dev); dev has about `share` of the rows, in groups that are small beside it."""
    together = groups([keys(row, poems) for row in rows])
    random.Random(seed).shuffle(together)
    held: list[int] = []
    for group in together:
        if len(held) + len(group) <= share * len(rows) and len(group) <= max(1, share * len(rows) / 10):
            held += group
    inside = set(held)
    return [row for i, row in enumerate(rows) if i not in inside], [rows[i] for i in sorted(inside)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.05, help="of the rows that go to dev")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--corpus", type=Path, help="looks up the poems of rows that don't name theirs")
    args = parser.parse_args()
    rows = [row for path in args.rows for row in read_rows(path)]
    wanted = {clause for row in rows for verse in row["pos"] for clause in clauses(verse)}
    poems = poems_by_clause(args.corpus, wanted) if args.corpus else {}
    train, dev = split(rows, args.share, args.seed, poems)
    write_rows(args.out / "train.jsonl", train)
    write_rows(args.out / "dev.jsonl", dev)
    sizes = Counter(map(len, groups([keys(row, poems) for row in rows])))
    print(f"{len(train)} train, {len(dev)} dev; {sum(sizes.values())} groups, the largest of {max(sizes)} rows")


if __name__ == "__main__":
    run(main)
