"""Measure rerankers on candidates: what they make of the first verses that the encoder found, and of four choices.

usage: python -m training.reranker_evaluate CANDIDATES.jsonl --rerankers NAME ... [--depths 10 30 100] [--shares 0.5 ...]

CANDIDATES  of training.candidates
--shares    of the reranker in a score, the rest is the encoder's; both stretched to one range over the candidates

Tables: recall at 1 and 10, and by the characters that query and verse share, for each depth and share; the choice between a
row's verse and its three negatives; milliseconds for each query.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.corpus.convert import fold
from image2poem.rerank import Reranker, load_reranker
from image2poem.retrieval.fusion import stretched
from training.evaluate import SLICES
from training.rows import Row, overlap, read_rows, run


def found(row: Row, order: NDArray[np.int64]) -> int:
    """Place of the first answer among the candidates in an order, from 0; a large number if it isn't there."""
    answers = {fold(verse) for verse in row["pos"]}
    return next((at for at, i in enumerate(order) if fold(row["candidates"][i]) in answers), 10**6)


def reordered(row: Row, judged: NDArray[np.float32], depth: int, share: float) -> NDArray[np.int64]:
    """Numbers of the candidates, best first, when the first `depth` are read again."""
    before = np.array(row["scores"], np.float32)
    scores = share * stretched(judged[:depth]) + (1 - share) * stretched(before)[:depth]
    return np.concatenate([np.argsort(-scores, kind="stable"), np.arange(depth, len(before))])


def cells(places: list[int], shared: NDArray[np.float64]) -> str:
    """R@1 and R@10, of all and of each slice, as cells of a table."""
    at = np.array(places)
    slices = [np.ones(len(at), np.bool_), *((shared >= low) & (shared < high) for _, low, high in SLICES)]
    return " | ".join(f"{(at[part] < k).mean():.3f}" if part.any() else "" for part in slices for k in (1, 10))


def choice(reranker: Reranker, rows: list[Row]) -> float:
    """Share of the rows with three negatives whose verse is judged best of the four."""
    some = [row for row in rows if len(row["neg"]) >= 3]
    if not some:
        return float("nan")
    return float(np.mean([reranker.score(r["query"], [r["pos"][0], *r["neg"][:3]]).argmax() == 0 for r in some]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("candidates", type=Path)
    parser.add_argument("--rerankers", nargs="+", default=["builtin"])
    parser.add_argument("--depths", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.3, 0.5, 0.7, 0.85, 1.0])
    parser.add_argument("--most", type=int, default=10**6, help="queries")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    rows = read_rows(args.candidates)
    rows = random.Random(0).sample(rows, min(args.most, len(rows)))
    shared = np.array([max(overlap(row["query"], verse) for verse in row["pos"]) for row in rows])
    heads = " | ".join(f"{label}: R@1 | R@10" for label, _, _ in SLICES)
    print(f"| reranker | depth | share | R@1 | R@10 | {heads} |\n" + "| --- " * 11 + "|")
    before = [found(row, np.arange(len(row["candidates"]))) for row in rows]
    print(f"| none | | | {cells(before, shared)} |")
    lines = []
    for name in args.rerankers:
        reranker = load_reranker(name, args.threads)
        deepest, began = max(args.depths), time.perf_counter()
        judged = [reranker.score(row["query"], row["candidates"][:deepest]) for row in rows]
        spent = 1000 * (time.perf_counter() - began) / len(rows)
        for depth in args.depths:
            for share in args.shares:
                places = [found(row, reordered(row, one, depth, share)) for row, one in zip(rows, judged, strict=True)]
                print(f"| {name} | {depth} | {share} | {cells(places, shared)} |", flush=True)
        lines.append(f"{name}: 1 of 4 {choice(reranker, rows):.3f}; {spent:.0f} ms for {deepest} verses")
    print("\n" + "\n".join(lines))


if __name__ == "__main__":
    run(main)
