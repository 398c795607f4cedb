"""The first verses of a pool for each query, as the encoder and the glosses find them: what a reranker reads again.

usage: python -m training.candidates ROWS.jsonl --pool FILE ... --out CANDIDATES.jsonl [--encoder NAME] [--glosses 0.7]
       python -m training.candidates ROWS.jsonl --pool FILE ... --out CANDIDATES.jsonl --halves

The pool is that of training.evaluate: the verses and negatives of all rows and the texts of --pool, equal texts counted
once. A row for each query: {"query", "pos": [...], "neg": [...], "candidates": [...], "scores": [...]}, best first; the
scores are the encoder's cosine and `--glosses` times the likelihood by glosses, both standardised over the pool. With --halves the
rows are those whose verse is but a clause of verses of the pool, and the answers are these: so people ask, too.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from image2poem.corpus.convert import fold
from image2poem.index.glosses import load_glosses
from training.evaluate import Task, blocks, dense, glossed, mixed
from training.rows import Row, read_rows, run, write_rows
from training.split import clauses


def asking_for_halves(rows: list[Row], pool: list[str]) -> list[Row]:
    """The rows whose verse is a clause of verses of the pool, and none of them itself: these are their answers."""
    whole = {fold(verse) for verse in pool}
    holding: dict[str, list[str]] = defaultdict(list)
    for verse in pool:
        for clause in clauses(verse):
            holding[clause].append(verse)
    return [
        {"query": row["query"], "pos": holding[form], "neg": []}
        for row in rows
        if (form := fold(row["pos"][0])) in holding and form not in whole
    ]


def candidates(task: Task, encoder: str, weight: float, depth: int) -> list[Row]:
    """A row for each query of the task."""
    negatives = {row["query"]: row["neg"] for row in task.rows}
    out = []
    for at, block in blocks(mixed(dense(encoder, task), glossed(task, load_glosses()), weight), len(task.queries)):
        first = np.argpartition(-block, depth, axis=1)[:, :depth]
        for i, ids in enumerate(first):
            query = task.queries[at + i]
            ids = ids[np.argsort(-block[i, ids], kind="stable")]
            out.append(
                {
                    "query": query,
                    "pos": [task.texts[d] for d in sorted(task.answers[query])],
                    "neg": negatives[query],
                    "candidates": [task.texts[d] for d in ids],
                    "scores": [round(float(score), 4) for score in block[i, ids]],
                }
            )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--pool", type=Path, nargs="*", default=[])
    parser.add_argument("--encoder", default="builtin")
    parser.add_argument("--glosses", type=float, default=0.7)
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--halves", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    pool = [line for path in args.pool for line in path.read_text("utf-8").splitlines() if line.strip()]
    rows = read_rows(args.rows)
    task = Task(asking_for_halves(rows, pool) if args.halves else rows, pool)
    found = candidates(task, args.encoder, args.glosses, min(args.depth, len(task.texts) - 1))
    write_rows(args.out, found)
    inside = np.mean([bool(set(row["pos"]) & set(row["candidates"])) for row in found])
    print(
        f"{len(found)} queries, {len(task.texts)} verses; the answer is among {args.depth} in {inside:.3f}: {args.out}"
    )


if __name__ == "__main__":
    run(main)
