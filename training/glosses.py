"""Learn glosses: which everyday characters stand in a translation for a character of verse, and how often.

usage: python -m training.glosses ROWS.jsonl --prose FOLDER --out DIR [--times 10] [--rounds 5]

ROWS     rows {"query": vernacular, "pos": [verse]} to learn from, each counted --times times
--prose  a checkout of the parallel corpus NiuTrans/Classical-Modern
--least, --likelier  chances below it are left out, and those that make a character less than so many times likelier

IBM's Model 1 (Brown et al. 1993): every everyday character of a translation comes from one character of its sentence, or from
none; expectation maximisation finds the chances that make the translations likeliest. Sets of characters, not sequences:
what stands twice counts once. Then a verse's chances of an everyday character are the mean of those of its characters
(Berger and Lafferty 1999), which is what the search goes by (`image2poem.index.glosses`).
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from image2poem.corpus.convert import bare
from image2poem.index.glosses import FILE, Glosses
from training.export import write_card
from training.extra import bitext
from training.rows import read_rows, run

LONGEST, SAID = 40, 80  # characters of a sentence and of its translation, at most
OFTEN, SAID_OFTEN = 3, 5  # times that a character must stand in sentences and in translations
NONE = ""  # the character that explains what no character of the sentence does
ITSELF = 1.0  # times that every character was seen to be translated by itself, before any pair is
CELLS = 4_000_000  # of a batch: pairs × characters × characters
NEAR = 2000  # pairs of a batch, at most

DATA = (
    "CCPM training set (academic use), verse and vernacular pairs (rights unclear; chances of characters only, no sentence), "
    "NiuTrans/Classical-Modern (MIT)"
)

Pair = tuple[str, str]  # a sentence and its translation
Batch = tuple[NDArray[np.int32], NDArray[np.int32]]  # numbers of the characters of sentences and translations, -1: none


def prose(folder: Path) -> Iterator[Pair]:
    """Sentences of prose and their translations, each sentence once."""
    seen: set[str] = set()
    for sentence, said in bitext(folder):
        pair = bare(sentence), bare(said)
        if 3 <= len(pair[0]) <= LONGEST and 0 < len(pair[1]) <= SAID and pair[0] not in seen:
            seen.add(pair[0])
            yield pair


def vocabulary(texts: Iterable[str], often: int) -> dict[str, int]:
    """character -> number, of those that stand in `texts` often enough."""
    counted = Counter(character for text in texts for character in text)
    return {character: i for i, character in enumerate(c for c, times in counted.items() if times >= often)}


def batches(pairs: list[Pair], sources: dict[str, int], targets: dict[str, int]) -> list[Batch]:
    """Pairs as numbers, those of like lengths together; the first character of each sentence is NONE."""
    rows = []
    for sentence, said in pairs:
        source = [sources[NONE], *(sources[c] for c in dict.fromkeys(sentence) if c in sources)]
        target = [targets[c] for c in dict.fromkeys(said) if c in targets]
        if len(source) > 1 and target:
            rows.append((source, target))
    rows.sort(key=lambda row: (len(row[0]), len(row[1])))
    out, at = [], 0
    while at < len(rows):
        source, target = rows[min(at + NEAR, len(rows)) - 1]
        some = rows[at : at + max(1, min(NEAR, CELLS // (len(source) * max(len(target), 8))))]
        at += len(some)
        out.append((table([source for source, _ in some]), table([target for _, target in some])))
    return out


def table(lines: list[list[int]]) -> NDArray[np.int32]:
    """Lines of numbers as int32[lines, longest], -1 where a line has ended."""
    out = np.full((len(lines), max(map(len, lines))), -1, np.int32)
    for row, line in zip(out, lines, strict=True):
        row[: len(line)] = line
    return out


def expected(chances: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, float]:
    """(cells of `chances`, how often each is expected to have been used, log-likelihood) of a batch."""
    source, target = (torch.from_numpy(part.astype(np.int64)) for part in batch)
    cells = source.clamp(min=0)[:, :, None] * chances.shape[1] + target.clamp(min=0)[:, None, :]
    used = chances.flatten()[cells] * (source >= 0)[:, :, None]
    total = used.sum(1, keepdim=True)
    there = (target >= 0)[:, None, :]
    told = float((torch.log(total + 1e-30) * there).sum())
    return cells.flatten(), (used / (total + 1e-30) * there).flatten(), told


def learnt(pairs: list[Pair], sources: dict[str, int], targets: dict[str, int], rounds: int) -> torch.Tensor:
    """The chances of each everyday character for each character of verse, float32[w, t]; rows add up to 1."""
    parts = batches(pairs, sources, targets)
    chances = torch.full((len(sources), len(targets)), 1 / len(targets))
    characters = sum(int((target >= 0).sum()) for _, target in parts)
    for number in range(1, rounds + 1):
        began, likelihood = time.monotonic(), 0.0
        counts = torch.zeros_like(chances)
        for character, source in sources.items():
            if character in targets:
                counts[source, targets[character]] = ITSELF
        for part in parts:
            cells, used, told = expected(chances, part)
            counts.flatten().index_add_(0, cells, used)
            likelihood += told
        chances = counts / counts.sum(1, keepdim=True).clamp(min=1e-9)
        spent = time.monotonic() - began
        print(f"round {number}: {likelihood / characters:.3f} a character, {spent:.0f} s", flush=True)
    return chances


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--prose", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    parser.add_argument("--id", default="image2poem-glosses-v1")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--least", type=float, default=0.003)
    parser.add_argument("--likelier", type=float, default=3)
    parser.add_argument("--most", type=int, default=10**6, help="pairs of prose")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: as many as there are")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    verses = [(bare(row["pos"][0])[:LONGEST], bare(row["query"])[:SAID]) for row in read_rows(args.rows)]
    others = list(prose(args.prose)) if args.prose else []
    others = random.Random(0).sample(others, min(args.most, len(others)))
    pairs = others + verses * args.times
    sources = {NONE: 0} | {c: i + 1 for c, i in vocabulary((sentence for sentence, _ in pairs), OFTEN).items()}
    targets = vocabulary((said for _, said in pairs), SAID_OFTEN)
    print(
        f"{len(others)} pairs of prose, {len(verses)} of verse; {len(sources)} characters, {len(targets)} everyday ones"
    )
    chances = learnt(pairs, sources, targets, args.rounds)[1:].numpy()
    counted = Counter(character for _, said in pairs for character in said)
    usual = np.array([counted[character] for character in targets], np.float64)
    usual /= usual.sum()
    chances[(chances < args.least) | (chances < args.likelier * usual)] = 0
    glosses = Glosses.made(list(sources)[1:], list(targets), chances, usual)
    args.out.mkdir(parents=True, exist_ok=True)
    glosses.save(args.out / FILE)
    write_card(args.out, {"id": args.id, "data": DATA, "recipe": "training/glosses.py", "card": "docs/models.md"})
    print(f"{len(glosses)} glosses: {args.out}")


if __name__ == "__main__":
    run(main)
