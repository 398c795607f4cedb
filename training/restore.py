"""A model folder of the built-in text encoder back as a sentence-transformers folder, to train further from.

usage: python -m training.restore [--text FOLDER] --out DIR

--text  a folder that training.export wrote; the package's own if not given

The numbers are those of the int8 file, in float32: what was rounded away stays away (their mean cosine with the file's own
vectors is told). The reranker and the translator begin from what this writes.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from image2poem.encoders import DATA, load_text_encoder
from training.base import as_sentence_transformer
from training.rows import run

HEADS = 12
_NODE = re.compile(r"/bert/(encoder/layer\.\d+/.+?)(?:/layer)?/MatMul")
PROBES = ["孤舟蓑笠翁，独钓寒江雪。", "月光照在江面上，一条小船停在岸边。", "春天的花开满了山坡", "长河落日圆。"]


def weights(path: Path) -> dict[str, torch.Tensor]:
    """The parameters of BERT, float32, by the names that transformers gives them, out of an int8 ONNX file."""
    graph = onnx.load(str(path)).graph
    array = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    out = {name.removeprefix("bert."): value for name, value in array.items() if name.startswith("bert.")}
    rows, scale = (out.pop(f"embeddings.word_embeddings.{part}") for part in ("rows", "scale"))
    out["embeddings.word_embeddings.weight"] = rows.astype(np.float32) * scale
    for node in graph.node:
        if node.op_type == "MatMulInteger" and (found := _NODE.match(node.name)):
            base = node.input[1].removesuffix("_quantized")
            matrix = array[f"{base}_quantized"].astype(np.float32) - array[f"{base}_zero_point"]
            out[found[1].replace("/", ".") + ".weight"] = (matrix * array[f"{base}_scale"]).T
    for name in [name for name in out if name.endswith(".inverse")]:  # what export smoothed (SmoothQuant)
        layer = name.removesuffix(".inverse")
        out[f"{layer}.weight"] = out[f"{layer}.weight"] * out.pop(name)
        out[f"{layer}.bias"] = out.pop(f"{layer}.layer.bias")
    return {name: torch.from_numpy(np.ascontiguousarray(value, np.float32)) for name, value in out.items()}


def restore(folder: Path) -> BertModel:
    """The BERT in a model folder."""
    state = weights(folder / "encoder.onnx")
    words, width = state["embeddings.word_embeddings.weight"].shape
    layers = 1 + max(int(name.split(".")[2]) for name in state if name.startswith("encoder.layer."))
    config = BertConfig(
        vocab_size=words, hidden_size=width, num_hidden_layers=layers, num_attention_heads=HEADS,
        intermediate_size=state["encoder.layer.0.intermediate.dense.bias"].shape[0],
        max_position_embeddings=state["embeddings.position_embeddings.weight"].shape[0], type_vocab_size=1,
        pad_token_id=1, layer_norm_eps=1e-12, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(state)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, default=DATA / "text")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    shipped = load_text_encoder(str(args.text))
    tokenizer = Tokenizer.from_file(str(args.text / "tokenizer.json"))
    model = as_sentence_transformer(restore(args.text), tokenizer, args.out / "base")
    model.save(str(args.out))
    agreement = (model.encode(PROBES, show_progress_bar=False) * shipped.encode_document(PROBES)).sum(1)
    print(f"mean cosine with {shipped.model_id} {agreement.mean():.4f}, the least {agreement.min():.4f}: {args.out}")


if __name__ == "__main__":
    run(main)
