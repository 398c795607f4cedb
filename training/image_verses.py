"""Find verses that say what tagged photos show, for the image encoder to learn from.

usage: python -m training.image_verses --photos DIR [DIR ...] --tags FILE ... --corpus corpus.sqlite --text FOLDER
       --out FILE.jsonl [--number 4]

The photo's one-line caption finds verses in the text space, its tags find verses that name them; of all these the best
have their say: half by how well they name what people would tell of and nothing else, half by the text encoder. Writes
{"set", "file", "verses"} a line, only for photos to train on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from image2poem.corpus import open_corpus
from image2poem.encoders import load_text_encoder
from image2poem.retrieval.naming import name_verses
from image2poem.sight.builtin import worth_telling
from image2poem.sight.lexicon import load_lexicon
from training.image_encoder import load_photos, shown, told
from training.mine import encode
from training.rows import run, write_rows

DEPTH = 300  # verses that each of the two ways proposes
SPREAD = 0.05  # a difference in cosine that weighs as much as one of .25 in naming


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--tags", type=Path, nargs="+", required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--number", type=int, default=4)
    args = parser.parse_args()
    lexicon, text, corpus = load_lexicon(), load_text_encoder(args.text), open_corpus(args.corpus)
    texts = corpus.texts(0, corpus.select_count)
    naming = name_verses(lexicon, texts)
    verses = encode(text.encode_document, texts, "verses")
    photos = [p for p in load_photos(args.photos, args.tags) if p["tags"] is not None and p["split"] == "train"]
    worth = worth_telling(told(lexicon, photos))
    captions = encode(text.encode_query, [p["own"] for p in photos], "captions")
    rows, depth = [], min(DEPTH, len(texts) - 1)
    for photo, caption in zip(photos, captions, strict=True):
        named, near = naming.agreement(shown(lexicon, photo["tags"]) * worth), verses @ caption
        some = np.union1d(np.argpartition(-named, depth)[:depth], np.argpartition(-near, depth)[:depth])
        merit = named[some] + 0.25 / SPREAD * near[some]
        best = some[np.argsort(-merit, kind="stable")[: args.number]]
        rows.append({"set": photo["set"], "file": photo["file"], "verses": [texts[i] for i in best]})
    write_rows(args.out, rows)
    print(f"{len(rows)} photos with {args.number} verses each: {args.out}")


if __name__ == "__main__":
    run(main)
