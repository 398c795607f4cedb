"""Measure encoders on rows {"query", "pos", "neg"}: before and after, beside BM25 and the characters alone.

usage: python -m training.evaluate ROWS.jsonl --encoders NAME ... [--pool FILE ...] [--hybrid 0.35] [--json FILE]

Every query is asked of one pool: the verses and negatives of all rows, and the texts of --pool, one a line. Equal texts
(whatever their punctuation) are one document, so a verse found in another poem is no error. NDCG, MAP, recall,
precision and MRR at 1, 5 and 10 are pytrec_eval's. `+ characters` adds the idf-weighted cosine of characters, both
standardised over the pool; `+ glosses` the likelihood of the query as the verse's translation. The second table is by the
share of the verse's characters that the query has; the last column, "1 of 4", is the choice between a row's verse and its
first three negatives, where rows have them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import bm25s
import numpy as np
import pytrec_eval
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from image2poem.corpus.convert import bare, fold
from image2poem.encoders import DATA, load_text_encoder
from image2poem.index.glosses import Glosses, load_glosses
from image2poem.index.lexical import LexicalIndex, lexical_arrays
from training.mine import encode
from training.rows import Row, overlap, read_rows, run

CUTOFFS = (1, 5, 10)
MEASURES = ("ndcg_cut", "map_cut", "recall", "P")
SLICES = (("< 0.4", 0.0, 0.4), ("0.4–0.7", 0.4, 0.7), ("> 0.7", 0.7, 1.01))
DEPTH = 100  # documents of a ranking that the measures look at
CHUNK = 256

Scores = Callable[[int, int], NDArray[np.float32]]  # (from, to) of the queries -> float32[queries, pool]


class Task:
    """Queries, the pool, and which documents of it answer each query."""

    def __init__(self, rows: list[Row], pool: list[str]) -> None:
        self.queries = list(dict.fromkeys(row["query"] for row in rows))
        self.place: dict[str, int] = {}
        self.texts: list[str] = []
        for text in [*(t for row in rows for t in (*row["pos"], *row["neg"])), *pool]:
            if self.document(text) == len(self.texts):
                self.place[self._form(text)] = len(self.texts)
                self.texts.append(text)
        self.answers: dict[str, set[int]] = {query: set() for query in self.queries}
        for row in rows:
            self.answers[row["query"]].update(map(self.document, row["pos"]))
        self.rows = rows

    @staticmethod
    def _form(text: str) -> str:
        return fold(text) or text

    def document(self, text: str) -> int:
        """Number of a text in the pool; the next free one if it isn't there."""
        return self.place.get(self._form(text), len(self.texts))


def dense(name: str, task: Task) -> Scores:
    """Cosine of an encoder's vectors."""
    encoder = load_text_encoder(name)
    verses = encode(encoder.encode_document, task.texts, f"{name}: verses")
    queries = encode(encoder.encode_query, task.queries, f"{name}: queries")
    return lambda start, stop: queries[start:stop] @ verses.T


def characters(task: Task) -> Scores:
    """Idf-weighted cosine of characters."""
    vectorizer = TfidfVectorizer(analyzer="char", preprocessor=bare, dtype=np.float32)
    verses = vectorizer.fit_transform(task.texts).T.tocsc()
    queries = vectorizer.transform(task.queries)
    return lambda start, stop: (queries[start:stop] @ verses).toarray()


def glossed(task: Task, glosses: Glosses) -> Scores:
    """How likely each verse makes the query as its translation."""
    index = LexicalIndex(*lexical_arrays([task.texts]).values(), count=len(task.texts))
    senses = [glosses.senses(query) for query in task.queries]
    return lambda start, stop: np.stack([index.likelihoods(some) for some in senses[start:stop]])


def bm25(task: Task) -> Scores:
    """BM25 over characters."""
    vocabulary = {c: i for i, c in enumerate(sorted({c for text in task.texts for c in bare(text)}))}
    searcher = bm25s.BM25()
    searcher.index(([[vocabulary[c] for c in bare(text)] for text in task.texts], vocabulary), show_progress=False)

    def scores(start: int, stop: int) -> NDArray[np.float32]:
        asked = ([vocabulary[c] for c in dict.fromkeys(bare(q)) if c in vocabulary] for q in task.queries[start:stop])
        return np.stack([searcher.get_scores_from_ids(ids) if ids else np.zeros(len(task.texts)) for ids in asked])

    return scores


def standard(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row with mean 0 and deviation 1."""
    return (scores - scores.mean(1, keepdims=True)) / (scores.std(1, keepdims=True) + 1e-6)


def mixed(one: Scores, other: Scores, weight: float) -> Scores:
    """One system's standardised scores and `weight` times the other's."""
    return lambda start, stop: standard(one(start, stop)) + weight * standard(other(start, stop))


def blocks(scores: Scores, count: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(number of the first query, scores of some queries), some queries at a time."""
    for at in range(0, count, CHUNK):
        yield at, scores(at, min(at + CHUNK, count))


def measure(scores: Scores, task: Task) -> dict[str, dict[str, float]]:
    """query -> what pytrec_eval measures of its ranking, and `choice` where it has three negatives of its own."""
    numbers = {query: i for i, query in enumerate(task.queries)}
    rivals = [
        (numbers[r["query"]], task.document(r["pos"][0]), [task.document(n) for n in r["neg"][:3]])
        for r in task.rows
        if len(r["neg"]) >= 3
    ]
    run: dict[str, dict[str, float]] = {}
    choice: dict[str, float] = {}
    for at, block in blocks(scores, len(task.queries)):
        top = np.argpartition(-block, min(DEPTH, block.shape[1] - 1), axis=1)[:, :DEPTH]
        for i, found in enumerate(top):
            run[task.queries[at + i]] = {str(d): float(block[i, d]) for d in found}
        for query, right, wrong in rivals:
            if at <= query < at + len(block):
                row = block[query - at]
                choice[task.queries[query]] = float(row[right] > row[wrong].max())
    asked = {query: {str(d): 1 for d in answers} for query, answers in task.answers.items()}
    wanted = {f"{name}.{','.join(map(str, CUTOFFS))}" for name in MEASURES} | {"recip_rank"}
    out = pytrec_eval.RelevanceEvaluator(asked, wanted).evaluate(run)
    for query, measured in out.items():
        first = measured.pop("recip_rank")
        for k in CUTOFFS:
            measured[f"MRR_{k}"] = first if first >= 1 / k - 1e-9 else 0.0
        if query in choice:
            measured["choice"] = choice[query]
    return out


def mean(measured: dict[str, dict[str, float]], name: str, queries: set[str] | None = None) -> float:
    """Mean of one measure over the queries that have it."""
    values = [m[name] for query, m in measured.items() if name in m and (queries is None or query in queries)]
    return float(np.mean(values)) if values else float("nan")


def tables(results: dict[str, dict[str, dict[str, float]]], task: Task) -> str:
    """Two Markdown tables: every measure, and recall by the characters that query and verse share."""
    names = [f"{m}_{k}" for m in (*MEASURES, "MRR") for k in CUTOFFS]
    shown = [
        n.replace("_cut", "").replace("ndcg", "NDCG").replace("map", "MAP").replace("recall", "R").replace("_", "@")
        for n in names
    ]
    lines = ["| | " + " | ".join(shown) + " | 1 of 4 |", "| --- " * (len(names) + 2) + "|"]
    for system, measured in results.items():
        cells = [f"{mean(measured, name):.3f}" for name in (*names, "choice")]
        lines.append(f"| {system} | " + " | ".join(cells) + " |")
    shared: dict[str, float] = {}
    for row in task.rows:
        most = max(overlap(row["query"], verse) for verse in row["pos"])
        shared[row["query"]] = max(most, shared.get(row["query"], 0.0))
    slices = [(label, {q for q, s in shared.items() if low <= s < high}) for label, low, high in SLICES]
    heads = [f"{label} ({len(queries)}): R@1 | R@10" for label, queries in slices]
    lines += ["", "| | " + " | ".join(heads) + " |", "| --- " * (2 * len(slices) + 1) + "|"]
    for system, measured in results.items():
        cells = [f"{mean(measured, f'recall_{k}', queries):.3f}" for _, queries in slices for k in (1, 10)]
        lines.append(f"| {system} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--encoders", nargs="+", default=["builtin"], help="as Settings(text_encoder=...) takes them")
    parser.add_argument("--pool", type=Path, nargs="*", default=[])
    parser.add_argument("--hybrid", type=float, default=0.35, help="weight of the characters beside an encoder")
    parser.add_argument("--glosses", type=float, default=0.7, help="weight of the glosses beside an encoder")
    parser.add_argument("--glosses-from", type=Path, default=DATA / "glosses", help="a folder of training.glosses")
    parser.add_argument("--json", type=Path, help="write every system's means there too")
    args = parser.parse_args()
    pool = [line for path in args.pool for line in path.read_text("utf-8").splitlines() if line.strip()]
    task = Task(read_rows(args.rows), pool)
    print(f"{len(task.queries)} queries, {len(task.texts)} documents")
    by_characters, by_glosses = characters(task), glossed(task, load_glosses(args.glosses_from))
    results = {
        "BM25, characters": measure(bm25(task), task),
        "idf, characters": measure(by_characters, task),
        "glosses": measure(by_glosses, task),
    }
    for name in args.encoders:
        alone = dense(name, task)
        results[name] = measure(alone, task)
        results[f"{name} + {args.hybrid} characters"] = measure(mixed(alone, by_characters, args.hybrid), task)
        results[f"{name} + {args.glosses} glosses"] = measure(mixed(alone, by_glosses, args.glosses), task)
    print(tables(results, task))
    if args.json:
        names = sorted({name for m in results.values() for q in m.values() for name in q})
        means = {system: {name: mean(m, name) for name in names} for system, m in results.items()}
        args.json.write_text(json.dumps(means, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    run(main)
