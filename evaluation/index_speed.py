"""How long the index takes: opening, searching by vector, searching by character.

    python -m evaluation.index_speed [--verses 200000] [--dimension 384]

Vectors are random unit vectors. Verses are couplets of characters drawn by Zipf's law, those of the query the
commonest, so that the search by character has more to add up than it will have in earnest. Prints the table of
docs/index.md: the median and the fastest of 20 runs, after one that warms the page cache.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.index import build_index, open_index, tokens, verify

QUERY = "月亮照在江面上，小船上的渔火伴着我难以入眠，山高水长，春风吹来"


class RandomVerses:
    """Couplets of fourteen characters."""

    corpus_id = "random"

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        others = [c for c in map(chr, range(0x4E00, 0x4E00 + 4000)) if c not in QUERY]
        alphabet = np.array([*sorted(tokens(QUERY)), *others])
        chances = 1 / np.arange(10, 10 + len(alphabet))
        lines = ["".join(row) for row in rng.choice(alphabet, (count, 14), p=chances / chances.sum()).tolist()]
        self.lines = [f"{line[:7]}，{line[7:]}。" for line in lines]

    def __len__(self) -> int:
        return len(self.lines)

    def texts(self, start: int, stop: int) -> list[str]:
        return self.lines[start:stop]


class RandomEncoder:
    """Unit vectors out of nothing."""

    model_id = "random"

    def __init__(self, dimension: int, rng: np.random.Generator) -> None:
        self.dimension, self.rng = dimension, rng

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = self.rng.standard_normal((len(texts), self.dimension), np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    encode_query = encode_document


def milliseconds(task: Callable[[], object], times: int = 20) -> list[float]:
    task()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        task()
        spent.append(1000 * (time.perf_counter() - start))
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verses", type=int, default=200_000)
    parser.add_argument("--dimension", type=int, default=384)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    verses, encoder = RandomVerses(arguments.verses, rng), RandomEncoder(arguments.dimension, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        start = time.perf_counter()
        build_index(verses, len(verses), encoder, path)
        built = [1000 * (time.perf_counter() - start)]
        index = open_index(path, "random", "random", len(verses))
        queries = encoder.encode_query([""] * 64)
        few = rng.random(len(verses)) < 0.05
        words = tokens(QUERY) | {"夕阳": 2.0}
        started = "import time; t = time.perf_counter(); import image2poem.index; print(time.perf_counter() - t)"
        imported = [1000 * float(subprocess.check_output([sys.executable, "-c", started])) for _ in range(5)]
        megabytes = sum(file.size for file in index.manifest.files.values()) / 1e6
        rows = [
            (f"build, the encoder apart ({megabytes:.0f} MB)", built),
            ("import the package, numpy included", imported),
            ("open", milliseconds(lambda: open_index(path, "random", "random", len(verses)))),
            ("verify every byte", milliseconds(lambda: verify(path), 3)),
            ("100 nearest of one vector", milliseconds(lambda: index.dense.search(queries[:1], 100))),
            ("the same among 5 % of the verses", milliseconds(lambda: index.dense.search(queries[:1], 100, few))),
            ("100 nearest of each of 64 vectors", milliseconds(lambda: index.dense.search(queries, 100), 5)),
            (f"100 best for {len(words)} characters and words", milliseconds(lambda: index.lexical.search(words, 100))),
        ]
    print(f"| {len(verses):,} verses, {encoder.dimension} dimensions | ms, median | fastest |\n| --- | ---: | ---: |")
    for name, spent in rows:
        print(f"| {name} | {statistics.median(spent):,.1f} | {min(spent):,.1f} |")


if __name__ == "__main__":
    main()
