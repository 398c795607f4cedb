"""Mine hard negatives: verses that an encoder takes for the answer to a query, and that aren't.

usage: python -m training.mine ROWS.jsonl --encoder NAME --out ROWS.jsonl [--pool FILE ...] [--range 2 20] [--number 9]

--encoder  `builtin`, a folder or a hub name, as Settings(text_encoder=...) takes it; `characters`: no model, but what shares
           the query's rare characters (idf-weighted cosine)
--pool     texts, one a line, that negatives are drawn from besides the rows' own verses
--range    ranks among the nearest that negatives are drawn from; the first is mostly the verse itself
--keep     keep the negatives that the rows have already, before the new ones

A verse that is equal or nearly equal to one of the query's own is skipped: the same line stands in several poems, with
a character or two changed, or as one half of a couplet.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from image2poem.corpus.convert import bare, fold
from image2poem.encoders import TextEncoder, load_text_encoder
from training.rows import Row, read_rows, run, write_rows

SAME = 0.7  # share of characters in the same order from which two verses are nearly equal
CHUNK = 4096


def nearly_equal(one: str, other: str) -> bool:
    """Whether two folded verses are the same line in two editions, or one is a part of the other."""
    short, long = sorted((one, other), key=len)
    if short in long:
        return True
    match = SequenceMatcher(None, one, other, autojunk=False)
    limit = SAME * 2 * len(short) / (len(one) + len(other))  # ratio() counts both sides
    return match.real_quick_ratio() >= limit and match.quick_ratio() >= limit and match.ratio() >= limit


def encode(encode_some, texts: list[str], what: str) -> NDArray[np.float32]:
    """float32[n, d], a chunk at a time, telling how far it is."""
    parts = []
    for at in range(0, len(texts), CHUNK):
        parts.append(encode_some(texts[at : at + CHUNK]))
        print(f"{what} {min(at + CHUNK, len(texts))}/{len(texts)}", flush=True)
    return np.concatenate(parts)


Nearest = Callable[[list[str]], NDArray[np.int64]]  # queries -> numbers of the nearest texts, int64[q, k], best first


def by_vectors(encoder: TextEncoder, texts: list[str], k: int) -> Nearest:
    """Nearest by an encoder's vectors."""
    index = faiss.IndexFlatIP(encoder.dimension)
    index.add(encode(encoder.encode_document, texts, "verses"))
    return lambda queries: index.search(encode(encoder.encode_query, queries, "queries"), k)[1]


def by_characters(texts: list[str], k: int) -> Nearest:
    """Nearest by the idf-weighted cosine of characters."""
    vectorizer = TfidfVectorizer(analyzer="char", preprocessor=bare, dtype=np.float32)
    documents = vectorizer.fit_transform(texts).T.tocsc()

    def nearest(queries: list[str]) -> NDArray[np.int64]:
        scores = vectorizer.transform(queries) @ documents
        found = np.full((len(queries), k), -1)
        for i in range(len(queries)):
            row = slice(scores.indptr[i], scores.indptr[i + 1])
            best = np.argsort(-scores.data[row], kind="stable")[:k]
            found[i, : len(best)] = scores.indices[row][best]
        return found

    return nearest


def mine(
    rows: list[Row],
    pool: list[str],
    encoder: TextEncoder | None,
    ranks: tuple[int, int],
    number: int,
    seed: int,
    keep: bool,
) -> list[Row]:
    """The rows with `number` negatives each, or as many as there are between the ranks."""
    folded: dict[str, str] = {}  # equal verses are one
    for text in [*(verse for row in rows for verse in row["pos"]), *pool]:
        folded.setdefault(fold(text) or text, text)
    forms, texts = list(folded), list(folded.values())
    nearest = by_vectors(encoder, texts, ranks[1]) if encoder else by_characters(texts, ranks[1])
    draw, out = random.Random(seed), []
    for at in range(0, len(rows), CHUNK):
        some = rows[at : at + CHUNK]
        for row, ids in zip(some, nearest([row["query"] for row in some]), strict=True):
            own = [fold(verse) for verse in row["pos"]]
            wrong = [i for i in ids[ranks[0] - 1 :] if i >= 0 and not any(nearly_equal(forms[i], v) for v in own)]
            drawn = [texts[i] for i in sorted(draw.sample(wrong, min(number, len(wrong))), key=wrong.index)]
            before = row["neg"] if keep else []
            out.append({**row, "neg": [*before, *(text for text in drawn if text not in before)]})
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--encoder", default="builtin")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pool", type=Path, nargs="*", default=[])
    parser.add_argument("--range", type=int, nargs=2, default=(2, 20), metavar=("FIRST", "LAST"))
    parser.add_argument("--number", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    rows = read_rows(args.rows)
    pool = [line for path in args.pool for line in path.read_text("utf-8").splitlines() if line.strip()]
    encoder = None if args.encoder == "characters" else load_text_encoder(args.encoder)
    out = mine(rows, pool, encoder, tuple(args.range), args.number, args.seed, args.keep)
    write_rows(args.out, out)
    print(f"{len(out)} rows, {np.mean([len(row['neg']) for row in out]):.1f} negatives each: {args.out}")


if __name__ == "__main__":
    run(main)
