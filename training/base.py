"""The beginning of the built-in text encoder: some of multilingual-E5-small's layers, a vocabulary for verse.

usage: python -m training.base --verses FILE --rows ROWS.jsonl ... --out DIR [--layers 0,2,4,7,9,11]

--verses  one verse a line, simplified: every character of them gets a row of the embedding table
--rows    training rows and captions: the other texts whose characters are kept

Writes a sentence-transformers folder (BERT, mean pooling, unit length) that `training.train` takes as its model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from training import e5, vocabulary
from training.rows import read_rows, run

LAYERS = (0, 2, 4, 7, 9, 11)  # of E5's twelve
MAX_TOKENS = 64


def bert(model: e5.E5, layers: tuple[int, ...], embeddings: np.ndarray) -> BertModel:
    """E5 with the layers and the word embeddings named."""
    config = BertConfig(
        vocab_size=len(embeddings), hidden_size=model.hidden, num_hidden_layers=len(layers),
        num_attention_heads=model.heads, intermediate_size=model.feed_forward,
        max_position_embeddings=model.positions, type_vocab_size=1, layer_norm_eps=model.epsilon,
        pad_token_id=model.pad, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    state = {"embeddings.word_embeddings.weight": torch.from_numpy(embeddings)}
    for name, value in model.weights.items():
        if name == "embeddings.word_embeddings.weight":
            continue
        if name.startswith("encoder.layer."):
            number, rest = name.removeprefix("encoder.layer.").split(".", 1)
            if int(number) not in layers:
                continue
            name = f"encoder.layer.{layers.index(int(number))}.{rest}"
        state[name] = torch.from_numpy(np.ascontiguousarray(value))
    out = BertModel(config, add_pooling_layer=False)
    out.load_state_dict(state)
    return out


def as_sentence_transformer(encoder: BertModel, tokenizer: Tokenizer, folder: Path) -> SentenceTransformer:
    """The encoder and its tokenizer with mean pooling and unit length; what is loaded again is under `folder`."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
        model_max_length=MAX_TOKENS,
    )  # fmt: skip
    fast.save_pretrained(folder)
    encoder.save_pretrained(folder)
    transformer = Transformer(str(folder), max_seq_length=MAX_TOKENS)
    pooling = Pooling(encoder.config.hidden_size, pooling_mode="mean")
    return SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verses", type=Path, required=True)
    parser.add_argument("--rows", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layers", default=",".join(map(str, LAYERS)), help="of E5's twelve, counted from 0")
    args = parser.parse_args()
    layers = tuple(map(int, args.layers.split(",")))
    verses = args.verses.read_text("utf-8").splitlines()
    texts = [t for path in args.rows for row in read_rows(path) for t in (row["query"], *row["pos"], *row["neg"])]
    model = e5.load()
    kept, added = vocabulary.choose_pieces(model, [*verses, *texts])
    table = model.weights["embeddings.word_embeddings.weight"]
    embeddings = vocabulary.initial_embeddings(model.pieces, table, kept, added, verses)
    tokenizer = vocabulary.build_tokenizer(model, kept, added)
    encoder = as_sentence_transformer(bert(model, layers, embeddings), tokenizer, args.out / "base")
    encoder.save(str(args.out))
    print(f"{len(layers)} layers, {len(kept)} pieces kept, {len(added)} added: {args.out}")


if __name__ == "__main__":
    run(main)
