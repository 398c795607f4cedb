"""Export a sentence-transformers text encoder as the model folder that the package opens: ONNX int8 and a tokenizer.

usage: python -m training.export --model DIR --out FOLDER --id NAME --texts FILE [--base WORDS] [--data WORDS]

--id     names the vector space: vectors of two ids must never be compared
--texts  sentences, one a line: what activations are measured on, and where the two must agree

Weights are int8, a scale for each output channel; embeddings a scale for each row. Activations are quantised as they
come, which loses most after the feed-forward layers' GELU, where few channels are fifty times the others: their inputs
are scaled down and their weights up beforehand (SmoothQuant, arXiv 2211.10438).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch import nn

from image2poem.encoders.onnx import OnnxTextEncoder
from training.rows import run

SMOOTHING = 0.75  # 0 leaves activations alone, 1 takes all of the range from them
CALIBRATION = 256  # sentences


class RowEmbedding(nn.Module):
    """An embedding table in int8, a scale for each row."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        scale = table.abs().amax(1, keepdim=True).clamp_min(1e-8) / 127
        self.register_buffer("rows", torch.round(table / scale).to(torch.int8))
        self.register_buffer("scale", scale)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.rows[ids].float() * self.scale[ids]


class Smoothed(nn.Module):
    """A linear layer whose inputs are evened out first; computes the same."""

    def __init__(self, layer: nn.Linear, largest: torch.Tensor) -> None:
        super().__init__()
        weight = layer.weight.data
        scale = largest.clamp_min(1e-3) ** SMOOTHING / weight.abs().amax(0).clamp_min(1e-4) ** (1 - SMOOTHING)
        self.layer = nn.Linear(layer.in_features, layer.out_features)
        self.layer.weight.data, self.layer.bias.data = weight * scale, layer.bias.data
        self.register_buffer("inverse", 1 / scale)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.layer(hidden * self.inverse)


class Encoder(nn.Module):
    """Token ids and mask, int64[n, t] each -> float32[n, d], rows of unit length; of a BERT, pooled as it was trained."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.bert, self.pooling = model[0].auto_model.eval(), model[1].pooling_mode
        self.bert.pooler = None
        self.bert.set_attn_implementation("eager")

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.pooling == "cls":
            return nn.functional.normalize(hidden[:, 0], dim=-1)
        mask = attention_mask[..., None].to(hidden.dtype)
        return nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)


@torch.no_grad()
def ready(encoder: nn.Module, fed: Iterable[tuple[torch.Tensor, ...]]) -> nn.Module:
    """The same encoder, the feed-forward layers of its `bert` smoothed by what flows through them, embeddings packed.

    `fed` are inputs such as it will be given.
    """
    largest: dict[int, torch.Tensor] = {}

    def watch(layer: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        highest = given[0].abs().flatten(0, -2).amax(0)
        largest[id(layer)] = torch.maximum(highest, largest.get(id(layer), highest))

    layers = encoder.bert.encoder.layer
    hooks = [layer.output.dense.register_forward_pre_hook(watch) for layer in layers]
    for inputs in fed:
        encoder(*inputs)
    for hook, layer in zip(hooks, layers, strict=True):
        hook.remove()
        layer.output.dense = Smoothed(layer.output.dense, largest[id(layer.output.dense)])
    encoder.bert.embeddings.word_embeddings = RowEmbedding(encoder.bert.embeddings.word_embeddings.weight.data)
    return encoder


def write_onnx(
    encoder: nn.Module, path: Path, inputs: dict[str, torch.Tensor], axes: dict[str, dict[int, str]]
) -> None:
    """Write a model as ONNX with int8 matrices (dynamic).

    Args:
        encoder: the model; its inputs are given by place.
        path: the file.
        inputs: one example of each, by name.
        axes: which axes of the inputs and of each output may have any length, by name.
    """
    whole = path.with_suffix(".fp32.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            encoder, tuple(inputs.values()), str(whole),
            input_names=list(inputs), output_names=[name for name in axes if name not in inputs], dynamic_axes=axes,
            opset_version=17, dynamo=False,
        )  # fmt: skip
    quantize_dynamic(  # seven bits: with eight, processors without VNNI overflow where they add two products in 16
        str(whole), str(path), weight_type=QuantType.QInt8, per_channel=True, reduce_range=True,
        op_types_to_quantize=["MatMul"],
    )  # fmt: skip
    whole.unlink()


def write_card(folder: Path, card: dict) -> None:
    """Write card.json with the sha256 of every other file of the folder."""
    files = sorted(p for p in folder.iterdir() if p.name != "card.json")
    card["files"] = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    (folder / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--id", required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--base", default="", help="what the model was made of, and its licence")
    parser.add_argument("--data", default="", help="what it was trained on, and the terms")
    args = parser.parse_args()
    texts = [line for line in args.texts.read_text("utf-8").splitlines() if line.strip()]
    texts = random.Random(0).sample(texts, min(2 * CALIBRATION, len(texts)))
    model = SentenceTransformer(args.model, device="cpu")
    trained = model.encode(texts, normalize_embeddings=True)
    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.enable_truncation(model.max_seq_length)
    args.out.mkdir(parents=True, exist_ok=True)
    ids = [torch.tensor([tokenizer.encode(text).ids]) for text in texts[:CALIBRATION]]
    encoder = ready(Encoder(model), ((one, torch.ones_like(one)) for one in ids))
    texts_of = {0: "n", 1: "tokens"}
    example = torch.randint(5, 100, (2, 9))
    write_onnx(
        encoder, args.out / "encoder.onnx", {"input_ids": example, "attention_mask": torch.ones_like(example)},
        {"input_ids": texts_of, "attention_mask": texts_of, "vectors": {0: "n"}},
    )  # fmt: skip
    tokenizer.no_truncation()
    tokenizer.save(str(args.out / "tokenizer.json"), pretty=False)
    about = {"id": args.id, "dimension": model.get_embedding_dimension(), "max_tokens": model.max_seq_length}
    about |= {"padding": model.tokenizer.pad_token_id, "base": args.base, "data": args.data}
    write_card(args.out, about | {"recipe": "docs/training.md", "card": "docs/models.md"})
    agreement = (OnnxTextEncoder(args.out).encode_document(texts) * trained).sum(1)
    size = (args.out / "encoder.onnx").stat().st_size / 1e6
    print(f"{size:.1f} MB; cosine with what was trained: mean {agreement.mean():.4f}, least {np.min(agreement):.4f}")


if __name__ == "__main__":
    run(main)
