"""Pairs of a verse and what it says in everyday Chinese, from works that have translations or from aligned files.

usage: python -m training.pairs SOURCE ... --out ROWS.jsonl [--align monotone] [--exact]

SOURCE  a folder or an archive of `works*.json` (chinese-poetry-and-prose), or a .jsonl of aligned pairs
        ({"verse", "vernacular"} and, where they are known, "neg", "title", "author", "dynasty")
--align place     the reference project's rule: a line and its translation have as many sentences, paired by place
        monotone  sentences keep their order, some may be merged or left out; the pairing that shares most characters
                  and whose lengths fit best wins

Writes rows {"query": translation, "pos": [verse], "neg": []} with title, author, dynasty; each pair once, whatever its
punctuation and spelling, or with --exact only where both sides are the very same (so was version 1's dev split made).
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from image2poem.corpus import works
from image2poem.corpus.convert import bare, fold
from training.rows import Row, RowsError, overlap, run, write_rows

_SENTENCE = re.compile(r"[^。！？!?；;…]*[。！？!?；;…]+[”’」』]*|[^。！？!?；;…]+$")
GROWTH = 1.9  # characters of a translation for each of its verse
# (verses, sentences of the translation) that may stand for each other, and what it costs
_MOVES = {(1, 1): 0.0, (1, 2): 0.1, (1, 3): 0.3, (2, 1): 0.15, (2, 2): 0.3, (1, 0): 0.4, (0, 1): 0.1}
LEAST = 0.25  # of a pair's worth, under which it is thrown away unless both sides agree sentence by sentence

Pair = tuple[str, str]


def sentences(text: str) -> list[str]:
    """A text at its full stops."""
    return [part.strip() for part in _SENTENCE.findall(text) if bare(part)]


def by_place(content: tuple[str, ...], translation: tuple[str, ...]) -> list[Pair]:
    """The reference's rule, line by line: as many sentences on both sides, or none is taken."""
    if len(content) != len(translation):
        content, translation = ("".join(content),), ("".join(translation),)
    out = []
    for line, said in zip(content, translation, strict=True):
        verses, parts = sentences(line), sentences(said)
        if len(verses) == len(parts):
            out += list(zip(verses, parts, strict=True))
    return out


def worth(verse: str, said: str) -> float:
    """How much a sentence looks like a verse's translation: shared characters, and a length that fits; at most 1."""
    grown = len(bare(said)) / (GROWTH * max(1, len(bare(verse))))
    return overlap(said, verse) - 0.25 * abs(math.log(max(grown, 0.05)))


def monotone(content: tuple[str, ...], translation: tuple[str, ...]) -> list[Pair]:
    """Verses and sentences of the translation in order, by dynamic programming over the moves above."""
    verses = [s for line in content for s in sentences(line)]
    parts = [s for line in translation for s in sentences(line)]
    best = {(0, 0): (0.0, (0, 0))}
    for i in range(len(verses) + 1):
        for j in range(len(parts) + 1):
            for (di, dj), cost in _MOVES.items():
                before = best.get((i - di, j - dj))
                if before is None:
                    continue
                gain = worth("".join(verses[i - di : i]), "".join(parts[j - dj : j])) if di and dj else 0.0
                total = before[0] + gain * di - cost
                if (i, j) not in best or total > best[i, j][0]:
                    best[i, j] = (total, (di, dj))
    out, at, even = [], (len(verses), len(parts)), True
    while at != (0, 0):
        di, dj = best[at][1]
        even &= di == dj == 1
        if di and dj:
            out.append(("".join(verses[at[0] - di : at[0]]), "".join(parts[at[1] - dj : at[1]])))
        at = (at[0] - di, at[1] - dj)
    return [pair for pair in out[::-1] if even or worth(*pair) >= LEAST]


ALIGN: dict[str, Callable[[tuple[str, ...], tuple[str, ...]], list[Pair]]] = {"place": by_place, "monotone": monotone}


def from_works(path: Path, align: str) -> Iterator[Row]:
    """Rows of the works that have a translation."""
    for work in works.read(path):
        if work.translation:
            source = {"title": work.title, "author": work.author, "dynasty": work.dynasty}
            for verse, said in ALIGN[align](work.lines, work.translation):
                yield {"query": said, "pos": [verse], "neg": [], **source}


def from_aligned(path: Path) -> Iterator[Row]:
    """Rows of a file of pairs that somebody aligned."""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            record = json.loads(line)
            row = {"query": record["vernacular"], "pos": [record["verse"]], "neg": list(record.get("neg", []))}
        except (ValueError, TypeError, KeyError):
            raise RowsError(
                f'{path}, line {number}, is no pair; it should be {{"verse": text, "vernacular": text}}'
            ) from None
        yield row | {name: record[name] for name in ("title", "author", "dynasty") if name in record}


def unique(rows: Iterator[Row], exact: bool = False) -> Iterator[Row]:
    """Each pair once, whatever its punctuation unless `exact`; what can't be a pair (an empty side, the verse itself) left out."""
    seen = set()
    for row in rows:
        query, verse = row["query"], row["pos"][0]
        pair = (query, verse) if exact else (fold(query), fold(verse))
        if pair not in seen and all(pair) and pair[0] != pair[1]:
            seen.add(pair)
            yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--align", choices=tuple(ALIGN), default="monotone")
    parser.add_argument("--exact", action="store_true", help="keep pairs that differ in punctuation or spelling alone")
    args = parser.parse_args()
    found = (
        row
        for path in args.sources
        for row in (from_aligned(path) if path.suffix == ".jsonl" else from_works(path, args.align))
    )
    rows = list(unique(found, args.exact))
    write_rows(args.out, rows)
    print(f"{len(rows)} pairs: {args.out}")


if __name__ == "__main__":
    run(main)
