"""The built-in encoders: ONNX files with a card beside each, opened by ONNX Runtime on the CPU.

A model is a folder: `card.json` (id, dimension, files with their sha256, and what the model needs to be fed),
`encoder.onnx`, and for text `tokenizer.json`. Every file is checked against its card when it is opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from image2poem.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_BATCH = 64  # sentences encoded at once; more gains nothing on a CPU


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a model folder, after checking every file it names.

    Raises:
        ModelError: the folder or a file is missing, or a file is not the one the card describes.
    """
    try:
        card: dict[str, Any] = json.loads((folder / "card.json").read_text("utf-8"))
        sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in card["files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the model in {folder} can't be read ({error}); install image2poem again") from None
    for name, expected in card["files"].items():
        if sums[name] != expected:
            raise ModelError(f"{folder / name} is damaged (its sha256 is not its card's); install image2poem again")
    return card


def open_session(path: Path, threads: int) -> InferenceSession:
    """An ONNX Runtime session with `threads` threads (0: one for each core).

    Raises:
        ModelError: ONNX Runtime refuses the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads  # 0: ONNX Runtime takes the cores there are
    # threads that spin while they wait lose two thirds of their speed where other work shares the cores
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no base but this
        raise ModelError(f"{path} can't be opened by ONNX Runtime ({error}); install image2poem again") from None


def batches(
    ids: Sequence[Sequence[int]], padding: int, most: int
) -> Iterator[tuple[list[int], NDArray[np.int64], NDArray[np.int64]]]:
    """Token ids of texts -> (rows, their ids, 1 where there is a token), both int64[m, longest], at most `most` rows at once.

    Texts of like lengths go together, so that there is little padding.
    """
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    for start in range(0, len(order), most):
        rows = order[start : start + most]
        batch = np.full((len(rows), len(ids[rows[-1]])), padding, np.int64)
        mask = np.zeros_like(batch)
        for at, row in enumerate(rows):
            batch[at, : len(ids[row])] = ids[row]
            mask[at, : len(ids[row])] = 1
        yield rows, batch, mask


class OnnxTextEncoder:
    """A text encoder from a model folder. Queries and verses need no prefix."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        """Open the model.

        Raises:
            ModelError: the folder holds no whole model.
        """
        from tokenizers import Tokenizer

        card = read_card(folder)
        self.model_id: str = card["id"]
        self.dimension: int = card["dimension"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(card["max_tokens"])
        self._padding: int = card["padding"]
        self._session = open_session(folder / "encoder.onnx", threads)

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """What a person asks or a photo shows -> float32[n, d], rows of unit length."""
        return self._encode(texts)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Verses -> float32[n, d], rows of unit length."""
        return self._encode(texts)

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        for rows, batch, mask in batches(ids, self._padding, _BATCH):
            (vectors[rows],) = self._session.run(None, {"input_ids": batch, "attention_mask": mask})
        return vectors


class OnnxImageEncoder:
    """An image encoder from a model folder; its vectors lie in the space of one text encoder."""

    text_tower = None

    def __init__(self, folder: Path, threads: int = 0) -> None:
        """Open the model.

        Raises:
            ModelError: the folder holds no whole model.
        """
        card = read_card(folder)
        self.model_id: str = card["id"]
        self.space: str = card["space"]
        self._side: int = card["side"]
        self._session = open_session(folder / "encoder.onnx", threads)

    def encode_image(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Upright RGB pictures -> float32[n, d], rows of unit length."""
        square = (self._side, self._side)
        pixels = [np.asarray(image.resize(square, Image.Resampling.BILINEAR), np.float32) for image in images]
        batch = np.stack(pixels).transpose(0, 3, 1, 2)
        (vectors,) = self._session.run(None, {"pixels": np.ascontiguousarray(batch)})
        return np.asarray(vectors, np.float32)
