"""Rows that teach the reranker what asks for a picture: captions of tagged photos, verses that say them, and some that don't.

usage: python -m training.captions --photos DIR [DIR ...] --tags FILE ... --verses FILE --corpus corpus.sqlite
       --out ROWS.jsonl [--text builtin] [--number 9000]

--verses  what training.image_verses wrote for these photos
--number  photos at most, drawn by lot; none that training.image_encoder holds back

Two rows a photo: its caption, one of its verses, and as wrong ones verses that lie near the caption and name far less of what
people would tell of, with two that name it and lie far from what is said.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np

from image2poem.corpus import open_corpus
from image2poem.encoders import load_text_encoder
from image2poem.retrieval.naming import name_verses
from image2poem.sight.builtin import worth_telling
from image2poem.sight.lexicon import load_lexicon
from training.image_encoder import held_back, load_photos, name_of, shown, told
from training.mine import encode
from training.rows import Row, run, write_rows

NEAR = 120  # verses nearest to a caption, out of which wrong ones are drawn
LESS = 0.6  # of what the right verses name, what a wrong one may name at most
WRONG, ASKED = 14, 2  # wrong verses that lie near; those that name what is there
NAMING, FAR = 200, 0.2  # how many name it best, and the share of all verses that lies near


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--tags", type=Path, nargs="+", required=True)
    parser.add_argument("--verses", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--text", default="builtin")
    parser.add_argument("--number", type=int, default=9000)
    args = parser.parse_args()
    draw = random.Random(0)
    lexicon, text, corpus = load_lexicon(), load_text_encoder(args.text), open_corpus(args.corpus)
    texts = corpus.texts(0, corpus.select_count)
    naming = name_verses(lexicon, texts)
    verses = encode(text.encode_document, texts, "verses")
    photos = load_photos(args.photos, args.tags, args.verses)
    tagged = [p for p in photos if p["tags"] is not None and p["split"] == "train"]
    worth, held = worth_telling(told(lexicon, tagged)), held_back(photos)
    some = [p for p in tagged if p["verses"] and p["set"] != "drawn" and name_of(p) not in held]
    some = draw.sample(some, min(args.number, len(some)))
    rows: list[Row] = []
    for photo, caption in zip(some, encode(text.encode_query, [p["own"] for p in some], "captions"), strict=True):
        named, near = naming.agreement(shown(lexicon, photo["tags"]) * worth), verses @ caption
        order = np.argsort(-near, kind="stable")
        first, far = order[:NEAR], set(order[int(FAR * len(order)) :].tolist())
        right = set(photo["verses"])
        bound = LESS * max((named[i] for i in first if texts[i] in right), default=0.7 * named.max())
        wrong = [texts[i] for i in first if texts[i] not in right and named[i] < bound]
        best = np.argsort(-named, kind="stable")[:NAMING].tolist()
        besides = [texts[i] for i in best if i in far and texts[i] not in right]
        negatives = draw.sample(wrong, min(WRONG, len(wrong))) + besides[:ASKED]
        rows += [
            {"query": photo["own"], "pos": [verse], "neg": negatives, "source": "caption"}
            for verse in draw.sample(photo["verses"], min(2, len(photo["verses"])))
        ]
    write_rows(args.out, rows)
    print(f"{len(rows)} rows of {len(some)} photos: {args.out}")


if __name__ == "__main__":
    run(main)
