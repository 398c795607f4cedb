"""Measure rerankers on candidates: what they make of the first verses that the encoder found, and of four choices.

usage: python -m training.reranker_evaluate CANDIDATES.jsonl --rerankers NAME ... [--depths 10 30 100] [--shares 0.5 ...]

CANDIDATES  of training.candidates
--shares    of the reranker in a score, the rest is the encoder's; both stretched to one range over the candidates

Tables: recall at 1 and 10, and by the characters that query and verse share, for each depth and share, and ("editions") where
the couplet that holds the verse, or the verse but for a character in seven, counts as the verse too; the choice between a
row's verse and its three negatives; milliseconds for each query.
"""

from __future__ import annotations

import argparse
import random
import time
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.corpus.convert import fold
from image2poem.rerank import Reranker, load_reranker
from image2poem.retrieval.fusion import stretched
from training.evaluate import SLICES
from training.rows import Row, overlap, read_rows, run

EDITION = 0.85  # share of characters in the same order from which two lines are one line in two editions


def answering(row: Row) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which candidates are an answer, bool[n]; and which are one or hold one, be it in another edition."""
    answers = {fold(verse) for verse in row["pos"]}
    forms = [fold(verse) for verse in row["candidates"]]
    exact = [form in answers for form in forms]
    alike = [
        right or any(same_line(answer, form) for answer in answers) for right, form in zip(exact, forms, strict=True)
    ]
    return np.array(exact), np.array(alike)


def same_line(answer: str, other: str) -> bool:
    """Whether a folded verse holds an answer, or is the answer but for a character in seven."""
    if answer in other:
        return True
    match = SequenceMatcher(None, answer, other, autojunk=False)
    return match.quick_ratio() >= EDITION and match.ratio() >= EDITION


def place(right: NDArray[np.bool_], order: NDArray[np.int64]) -> int:
    """Place of the first right candidate in an order, from 0; a large number if there is none."""
    at = np.flatnonzero(right[order])
    return int(at[0]) if len(at) else 10**6


def reordered(row: Row, judged: NDArray[np.float32], depth: int, share: float) -> NDArray[np.int64]:
    """Numbers of the candidates, best first, when the first `depth` are read again."""
    before = np.array(row["scores"], np.float32)
    scores = share * stretched(judged[:depth]) + (1 - share) * stretched(before)[:depth]
    return np.concatenate([np.argsort(-scores, kind="stable"), np.arange(depth, len(before))])


def cells(
    rights: list[tuple[NDArray[np.bool_], ...]], orders: list[NDArray[np.int64]], shared: NDArray[np.float64]
) -> str:
    """R@1 and R@10, of all, of each slice, and where other editions count too, as cells of a table."""
    exact, alike = (
        np.array([place(right, order) for right, order in zip(kind, orders, strict=True)])
        for kind in zip(*rights, strict=True)
    )
    slices = [np.ones(len(exact), np.bool_), *((shared >= low) & (shared < high) for _, low, high in SLICES)]
    parts = [*(exact[part] for part in slices), alike]
    return " | ".join(f"{(part < k).mean():.3f}" if len(part) else "" for part in parts for k in (1, 10))


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
    print(f"| reranker | depth | share | R@1 | R@10 | {heads} | editions: R@1 | R@10 |\n" + "| --- " * 13 + "|")
    rights = [answering(row) for row in rows]
    print(f"| none | | | {cells(rights, [np.arange(len(row['candidates'])) for row in rows], shared)} |")
    lines = []
    for name in args.rerankers:
        reranker = load_reranker(name, args.threads)
        deepest, began = max(args.depths), time.perf_counter()
        judged = [reranker.score(row["query"], row["candidates"][:deepest]) for row in rows]
        spent = 1000 * (time.perf_counter() - began) / len(rows)
        for depth in args.depths:
            for share in args.shares:
                orders = [reordered(row, one, depth, share) for row, one in zip(rows, judged, strict=True)]
                print(f"| {name} | {depth} | {share} | {cells(rights, orders, shared)} |", flush=True)
        lines.append(f"{name}: 1 of 4 {choice(reranker, rows):.3f}; {spent:.0f} ms for {deepest} verses")
    print("\n" + "\n".join(lines))


if __name__ == "__main__":
    run(main)
