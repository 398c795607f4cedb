"""What BM25's two parameters, the stop list and pairs of characters do for finding a verse by its vernacular.

    python -m evaluation.lexical_recall PAIRS.jsonl... --others VERSES.txt [--pool 100000] [--queries 1000]

PAIRS hold {"verse", "vernacular"} a line; the pool is their verses and random ones of VERSES (one a line). Prints the
table of docs/index.md.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np

from image2poem.index import LexicalIndex, lexical, tokens


def with_pairs(text: str, weight: float) -> dict[str, float]:
    """The tokens of a text and each two of its characters side by side, with that weight."""
    pairs = (text[i : i + 2] for i in range(len(text) - 1))
    return tokens(text) | {pair: weight for pair in pairs if len(tokens(pair)) == 2 or pair[0] == pair[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, nargs="+")
    parser.add_argument("--others", type=Path, required=True)
    parser.add_argument("--pool", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=1000)
    arguments = parser.parse_args()
    chance = random.Random(0)
    sets = {path.stem: [json.loads(line) for line in path.open(encoding="utf-8")] for path in arguments.pairs}
    pool = list(dict.fromkeys(pair["verse"] for pairs in sets.values() for pair in pairs))
    others = sorted(set(arguments.others.read_text("utf-8").splitlines()) - set(pool))
    pool += chance.sample(others, max(0, arguments.pool - len(pool)))
    place = {verse: i for i, verse in enumerate(pool)}
    queries = {name: chance.sample(pairs, min(arguments.queries, len(pairs))) for name, pairs in sets.items()}

    print("| k1 | b | stop list | weight of a pair | " + " | ".join(f"{name}: R@1, R@10, MRR" for name in sets) + " |")
    print("| ---: | ---: | --- | ---: |" + " --- |" * len(sets))
    stop_list = lexical.STOP
    tried: list[tuple[float, float, list[tuple[bool, float]]]] = [
        (lexical.K1, lexical.B, [(True, 0.0), (True, 0.05), (True, 0.2), (True, 1.0), (False, 0.0)]),
        *((k1, b, [(True, 0.0)]) for k1, b in ((2.0, 0.75), (1.2, 0.5), (0.5, 0.3))),
    ]
    for k1, b, variants in tried:
        lexical.K1, lexical.B = k1, b
        index = LexicalIndex(*lexical.lexical_arrays([pool]).values(), count=len(pool))
        for stop, weight in variants:
            lexical.STOP = stop_list if stop else frozenset()
            cells = []
            for pairs in queries.values():
                ranks = []
                for pair in pairs:
                    scores = index.scores(with_pairs(pair["vernacular"], weight))
                    own = scores[place[pair["verse"]]]
                    ranks.append(1 + (scores > own).sum() + ((scores == own).sum() - 1) / 2)
                rank = np.array(ranks)
                cells.append(f"{(rank < 2).mean():.3f}, {(rank < 11).mean():.3f}, {(1 / rank).mean():.3f}")
            print(f"| {k1} | {b} | {'yes' if stop else 'no'} | {weight} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
