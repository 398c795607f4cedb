"""Rows that teach the text encoder besides verses: sentences of classical prose, and two captions of one photo.

usage: python -m training.extra --out ROWS.jsonl [--prose FOLDER] [--captions FILE.jsonl ...] [--number 60000]

--prose     a checkout of the parallel corpus NiuTrans/Classical-Modern: `bitext.txt` files in which a line 古文：...
            is followed by its 现代文：...
--captions  photos ({"captions_zh", "captions_zh_mt", "captions_en", "split"} a line); only those to train on are read
--number    sentences of prose at most, three quarters of them such as name three images or more

Of prose, sentences as long as verses are taken whose translation says them in other words.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

from image2poem.corpus.convert import fold
from image2poem.sight.lexicon import Lexicon, load_lexicon
from training.rows import Row, RowsError, overlap, run, write_rows

SHORTEST, LONGEST = 5, 32  # characters of a sentence of prose
SAID = 50  # characters of its translation at most
GROWTH = 3.5  # characters of a translation for each of its sentence, at most
SHARED = 0.75  # of its characters in the translation, at most
SCENIC, SHARE = 3, 0.75  # images that make a sentence scenic, and the share of such


def bitext(folder: Path) -> Iterator[tuple[str, str]]:
    """(classical sentence, modern sentence) of all `bitext.txt` under a folder.

    Raises:
        RowsError: there is none.
    """
    files = sorted(folder.rglob("bitext.txt"))
    if not files:
        raise RowsError(f"{folder} has no bitext.txt; give a checkout of NiuTrans/Classical-Modern")
    for file in files:
        classical = ""
        for line in file.read_text("utf-8", errors="replace").splitlines():
            kind, _, text = line.partition("：")
            if kind == "古文":
                classical = text.strip()
            elif kind == "现代文" and classical:
                yield classical, text.strip()
                classical = ""


def prose(pairs: Iterator[tuple[str, str]], lexicon: Lexicon, number: int, draw: random.Random) -> list[Row]:
    """Rows of prose, the scenic ones first to be taken."""
    scenic, plain, seen = [], [], set()
    for classical, modern in pairs:
        short, long = len(fold(classical)), len(fold(modern))
        if not SHORTEST <= short <= LONGEST or not short < long <= min(SAID, GROWTH * short):
            continue
        if fold(classical) in seen or overlap(modern, classical) > SHARED:
            continue
        seen.add(fold(classical))
        row = {"query": modern, "pos": [classical], "neg": [], "source": "prose"}
        (scenic if len(lexicon.find(classical)) >= SCENIC else plain).append(row)
    draw.shuffle(scenic)
    draw.shuffle(plain)
    rows = scenic[: round(SHARE * number)]
    return [*rows, *plain[: number - len(rows)]]


def captions(file: Path, draw: random.Random) -> list[Row]:
    """Rows of two captions of one photo, the second one in Chinese.

    Raises:
        RowsError: the file is none of photos.
    """
    rows = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        try:
            photo = json.loads(line)
            told, train = list(dict.fromkeys(photo["captions_zh"])), photo["split"] == "train"
        except (ValueError, TypeError, KeyError):
            raise RowsError(f"{file}, line {number}, is no photo with captions_zh and split") from None
        if not train or not told:
            continue
        translated, english = photo.get("captions_zh_mt"), photo.get("captions_en")
        pairs = [tuple(draw.sample(told, 2))] if len(told) > 1 else []
        if translated:
            pairs.append((draw.choice(told), draw.choice(translated)))
        if english:
            pairs.append((draw.choice(english), draw.choice(told)))
        rows += [{"query": one, "pos": [other], "neg": [], "source": "caption"} for one, other in pairs]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prose", type=Path)
    parser.add_argument("--captions", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--number", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    rows = [row for file in args.captions for row in captions(file, draw)]
    if args.prose:
        rows += prose(bitext(args.prose), load_lexicon(), args.number, draw)
    draw.shuffle(rows)
    write_rows(args.out, rows)
    print(f"{len(rows)} rows: {args.out}")


if __name__ == "__main__":
    run(main)
