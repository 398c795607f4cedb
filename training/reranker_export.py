"""Export a trained reranker as the model folder that the package opens: ONNX int8, a tokenizer, the rarity of its pieces.

usage: python -m training.reranker_export --model DIR --out FOLDER --id NAME --verses FILE --rows ROWS.jsonl

--model   what training.reranker wrote
--verses  verses, one a line: how rare each character is in verse is counted in them
--rows    rows to measure activations on, and to tell how well the file agrees with what was trained

Its features weigh what they weighed in training, those that it had not nothing; training.reranker_mix learns them anew.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import BertConfig, BertModel

from image2poem.rerank import load_reranker
from image2poem.rerank.late import FEATURES
from training.export import CALIBRATION, ready, write_card, write_onnx
from training.reranker import LENGTH, PADDING, LateInteraction, padded
from training.rows import read_rows, run
from training.vocabulary import is_han

TRAINED = ("explained", "explaining", "means")  # what `mix` of training.reranker weighs
NO_CLAUSES = 1000.0  # what a clause is worth less than its verse: in training there were only whole ones
DATA = (
    "CCPM training set (academic use), verse-vernacular pairs from public poem sites (rights unclear), "
    "NiuTrans/Classical-Modern prose pairs (MIT), verses of the chinese-poetry package (MIT)"
)


class Sides(nn.Module):
    """Token ids and mask, int64[n, t] each -> tokens [n, t, d] of unit length, weights [n, t, 2] of queries and verses."""

    def __init__(self, model: LateInteraction) -> None:
        super().__init__()
        self.bert, self.gate = model.bert, model.gate
        self.bert.set_attn_implementation("eager")

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        kept = attention_mask[..., None].to(hidden.dtype)
        weights = (self.gate(hidden) - 1e4 * (1 - kept)).softmax(1)
        return nn.functional.normalize(hidden, dim=-1), weights


def load(folder: Path) -> tuple[LateInteraction, Tokenizer]:
    """The model that training.reranker left in a folder, and its tokenizer."""
    model = LateInteraction(BertModel(BertConfig.from_pretrained(folder), add_pooling_layer=False))
    model.load_state_dict(torch.load(folder / "reranker.pt"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    return model.eval(), tokenizer


def rarity(tokenizer: Tokenizer, verses: list[str]) -> np.ndarray:
    """Inverse document frequency of each Chinese piece among verses, float16[pieces]; 0 for all others."""
    counts = Counter(piece for encoding in tokenizer.encode_batch(verses) for piece in set(encoding.ids))
    out = np.zeros(tokenizer.get_vocab_size(), np.float16)
    for text, piece in tokenizer.get_vocab().items():
        if len(text) == 1 and is_han(text):
            out[piece] = math.log((1 + len(verses)) / (1 + counts[piece])) + 1
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--id", required=True)
    parser.add_argument("--verses", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--base", default="", help="what the model was made of, and its licence")
    args = parser.parse_args()
    model, tokenizer = load(args.model)
    rows = read_rows(args.rows)
    rows = random.Random(0).sample(rows, min(CALIBRATION, len(rows)))
    with torch.no_grad():
        texts = [padded([tokenizer.encode(t).ids[:LENGTH] for t in (r["query"], *r["pos"], *r["neg"])]) for r in rows]
        trained = [model((i[:1], m[:1]), (i[1:], m[1:]))[0].numpy() for i, m in texts]
    args.out.mkdir(parents=True, exist_ok=True)
    verses = args.verses.read_text("utf-8").splitlines()
    np.save(args.out / "rarity.npy", rarity(tokenizer, verses))
    sentences = [text for row in rows for text in (row["query"], row["pos"][0])]
    outputs = {"tokens": {0: "n", 1: "tokens"}, "weights": {0: "n", 1: "tokens"}}
    write_onnx(ready(Sides(model), tokenizer, sentences), args.out / "encoder.onnx", outputs)
    tokenizer.save(str(args.out / "tokenizer.json"), pretty=False)
    trained_mix = (float(model.scale.exp() * part) for part in model.mix)
    mix = dict.fromkeys(FEATURES, 0.0) | dict(zip(TRAINED, trained_mix, strict=True)) | {"clause": NO_CLAUSES}
    about = {"id": args.id, "max_tokens": LENGTH, "padding": PADDING, "mix": mix, "base": args.base, "data": DATA}
    write_card(args.out, about | {"recipe": "docs/reranker.md", "card": "docs/models.md"})
    exported = load_reranker(str(args.out))
    shipped = [exported.score(row["query"], [*row["pos"], *row["neg"]]) for row in rows]
    agree = np.mean([one.argmax() == other.argmax() for one, other in zip(trained, shipped, strict=True)])
    size = sum(path.stat().st_size for path in args.out.iterdir()) / 1e6
    print(f"{size:.1f} MB; the first verse is the trained model's in {agree:.3f} of the rows")


if __name__ == "__main__":
    run(main)
