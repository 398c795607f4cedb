"""Export a trained reranker as the model folder that the package opens: ONNX int8 and a tokenizer.

usage: python -m training.reranker_export --model DIR --out FOLDER --id NAME --rows ROWS.jsonl

--model  what training.reranker wrote
--rows   rows with negatives, to measure activations on, and to tell how well the file agrees with what was trained
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from image2poem.rerank import load_reranker
from training.export import CALIBRATION, ready, write_card, write_onnx
from training.reranker import LENGTH, PADDING, CrossEncoder, after, attend, opened, padded
from training.rows import read_rows, run

DATA = (
    "CCPM training set (academic use), verse-vernacular pairs from public poem sites (rights unclear), "
    "NiuTrans/Classical-Modern prose pairs (MIT), captions of tagged photos written for this project, verses of the chinese-poetry "
    "package (MIT)"
)


class OneQuery(nn.Module):
    """Token ids of a query, int64[1, q], those of verses and their mask, int64[n, t] each -> float32[n].

    The same network, with the tokens of both sides in one matrix: so each weight stands in the file once.
    """

    def __init__(self, model: CrossEncoder) -> None:
        super().__init__()
        self.model, self.bert = model, model.bert

    def forward(self, query_ids: torch.Tensor, verse_ids: torch.Tensor, verse_mask: torch.Tensor) -> torch.Tensor:
        query = self.bert.embeddings(input_ids=query_ids)
        verses = self.bert.embeddings(input_ids=verse_ids) + self.model.side
        asked, shape = torch.ones_like(query_ids), verses.shape
        seen = torch.cat([asked.expand(shape[0], -1), verse_mask], 1)
        hidden = torch.cat([query[0], verses.reshape(-1, shape[2])])
        length = query.shape[1]
        for layer in self.bert.encoder.layer:
            attention = layer.attention.self
            sides = []
            for part in (attention.query, attention.key, attention.value):
                mixed = part(hidden)
                split = self.model.split
                sides.append((split(mixed[None, :length]), split(mixed[length:].reshape(shape))))
            (q, verse_q), (k, verse_k), (v, verse_v) = sides
            every = (shape[0], -1, -1, -1)
            heard = attend(q, k, v, asked)
            read = attend(
                verse_q, torch.cat([k.expand(every), verse_k], 2), torch.cat([v.expand(every), verse_v], 2), seen
            )
            hidden = after(layer, torch.cat([heard[0], read.reshape(-1, shape[2])]), hidden)
        return self.model.judged(hidden[length:].reshape(shape), verse_mask)


def load(folder: Path) -> tuple[CrossEncoder, Tokenizer]:
    """The model that training.reranker left in a folder, and its tokenizer."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LENGTH)
    return opened(folder).eval(), tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--id", required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--base", default="", help="what the model was made of, and its licence")
    args = parser.parse_args()
    model, tokenizer = load(args.model)
    rows = [row for row in read_rows(args.rows) if row["neg"]]
    rows = random.Random(0).sample(rows, min(CALIBRATION, len(rows)))
    fed = []
    for row in rows:
        ids, _ = padded([tokenizer.encode(row["query"]).ids])
        fed.append((ids, *padded([tokenizer.encode(verse).ids for verse in (*row["pos"], *row["neg"])])))
    pair = OneQuery(model).eval()
    with torch.no_grad():
        trained = [pair(*inputs).numpy() for inputs in fed]
    args.out.mkdir(parents=True, exist_ok=True)
    example = dict(zip(("query_ids", "verse_ids", "verse_mask"), fed[0], strict=True))
    verses = {0: "n", 1: "tokens"}
    axes = {"query_ids": {1: "asked"}, "verse_ids": verses, "verse_mask": verses, "scores": {0: "n"}}
    write_onnx(ready(pair, fed), args.out / "reranker.onnx", example, axes)
    tokenizer.no_truncation()
    tokenizer.save(str(args.out / "tokenizer.json"), pretty=False)
    about = {"id": args.id, "max_tokens": LENGTH, "padding": PADDING, "base": args.base, "data": DATA}
    write_card(args.out, about | {"recipe": "docs/reranker.md", "card": "docs/models.md"})
    exported = load_reranker(str(args.out))
    shipped = [exported.score(row["query"], [*row["pos"], *row["neg"]]) for row in rows]
    agree = np.mean([one.argmax() == other.argmax() for one, other in zip(trained, shipped, strict=True)])
    size = sum(path.stat().st_size for path in args.out.iterdir()) / 1e6
    print(f"{size:.1f} MB; the first verse is the trained model's in {agree:.3f} of the rows")


if __name__ == "__main__":
    run(main)
