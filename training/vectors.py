"""Pack the vectors of the select verses, four bits a number, for the package to ship.

usage: python -m training.vectors --corpus corpus.sqlite --text FOLDER --out src/image2poem/data/vectors

--corpus  its first verses, as many as `select` has, are packed
--text    model folder of the text encoder
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.corpus import open_corpus
from image2poem.encoders import load_text_encoder
from image2poem.index.build import verse_hash
from image2poem.index.shipped import Shipped, shortened
from training.export import write_card
from training.mine import encode
from training.rows import run

LEVELS = 16
SAMPLE = 500_000  # numbers that the levels are fitted on
ROUNDS = 50


def lloyd(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """The levels, float32[LEVELS], rising, that the numbers are nearest to in the mean square."""
    levels = np.quantile(numbers, (np.arange(LEVELS) + 0.5) / LEVELS)
    for _ in range(ROUNDS):
        nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, numbers)
        sums = np.bincount(nearest, numbers, LEVELS)
        levels = sums / np.maximum(np.bincount(nearest, minlength=LEVELS), 1)
    return levels.astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    corpus, encoder = open_corpus(args.corpus), load_text_encoder(args.text)
    texts = corpus.texts(0, corpus.select_count)
    vectors = encode(encoder.encode_document, texts, "verses")
    hashes = np.array([verse_hash(text) for text in texts], np.uint64)
    order = np.argsort(hashes)
    mean, deviation = vectors.mean(0), vectors.std(0)
    plain = (vectors - mean) / deviation
    levels = lloyd(np.random.default_rng(0).choice(plain.ravel(), SAMPLE))
    codes = np.searchsorted((levels[1:] + levels[:-1]) / 2, plain).astype(np.uint8)
    args.out.mkdir(parents=True, exist_ok=True)
    np.save(args.out / "hashes.npy", shortened(hashes[order]))
    np.save(args.out / "codes.npy", codes[order, 0::2] << 4 | codes[order, 1::2])
    np.save(args.out / "scale.npy", np.stack([mean, deviation]))
    about = {"space": encoder.model_id, "dimension": encoder.dimension, "levels": levels.tolist()}
    about |= {"id": f"{encoder.model_id}-vectors", "data": "verses of the corpus; the terms of the encoder's data"}
    write_card(args.out, about | {"recipe": "training/vectors.py", "card": "docs/models.md"})
    unpacked = np.empty_like(vectors)
    Shipped(args.out).fill(hashes, unpacked, np.arange(len(texts)))
    size = sum(path.stat().st_size for path in args.out.iterdir()) / 1e6
    print(
        f"{len(texts)} vectors, {size:.1f} MB, mean cosine with the whole ones {(vectors * unpacked).sum(1).mean():.4f}"
    )


if __name__ == "__main__":
    run(main)
