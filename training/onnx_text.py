"""A text encoder as one ONNX file with int8 weights."""

from __future__ import annotations

from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn


def export(encoder: nn.Module, path: Path) -> Path:
    """Write `encoder(input_ids, attention_mask) -> vectors` as ONNX, weights and embeddings int8 (dynamic)."""
    whole = path.with_suffix(".fp32.onnx")
    ids = torch.randint(5, 100, (2, 9))
    torch.onnx.export(
        encoder.eval(),
        (ids, torch.ones_like(ids)),
        str(whole),
        input_names=["input_ids", "attention_mask"],
        output_names=["vectors"],
        dynamic_axes={
            "input_ids": {0: "n", 1: "tokens"},
            "attention_mask": {0: "n", 1: "tokens"},
            "vectors": {0: "n"},
        },
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(str(whole), str(path), weight_type=QuantType.QInt8, per_channel=True)
    whole.unlink()
    return path
