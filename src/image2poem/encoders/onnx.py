"""The built-in encoders: ONNX files with a card beside each, opened by ONNX Runtime on the CPU.

A model is a folder: `card.json` (id, dimension, files with their sha256, and what the model needs to be fed),
`encoder.onnx`, and for text `tokenizer.json`. Every file is checked against its card when it is opened.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from image2poem.errors import ModelError

_BATCH = 16  # sentences that a thread encodes at once; more are slower


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


class Session:
    """An ONNX Runtime session that shares batches out among threads. May be shared between threads itself.

    A batch runs on one thread: two threads with a batch each are half as fast again as both on one batch after the other
    (docs/measured.md), and numbers don't depend on how many threads there are.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        """Open a model for `threads` threads (0: one for each core).

        Raises:
            ModelError: ONNX Runtime refuses the file.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own exceptions share no base but this
            raise ModelError(f"{path} can't be opened by ONNX Runtime ({error}); install image2poem again") from None
        self._threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads)  # it starts a thread when it first has need of it

    def run(self, feeds: Sequence[Mapping[str, NDArray[Any]]]) -> list[NDArray[np.float32]]:
        """What the model makes of each batch of inputs, name -> array."""
        if len(feeds) == 1 or self._threads == 1:
            return [self._run(feed) for feed in feeds]
        return list(self._pool.map(self._run, feeds))

    def _run(self, feed: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        (output,) = self._session.run(None, feed)
        return np.asarray(output, np.float32)


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
        self._session = Session(folder / "encoder.onnx", threads)

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """What a person asks or a photo shows -> float32[n, d], rows of unit length."""
        return self._encode(texts)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Verses -> float32[n, d], rows of unit length."""
        return self._encode(texts)

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        parts = list(batches(ids, self._padding, _BATCH))
        made = self._session.run([{"input_ids": batch, "attention_mask": mask} for _, batch, mask in parts])
        for (rows, _, _), some in zip(parts, made, strict=True):
            vectors[rows] = some
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
        self._session = Session(folder / "encoder.onnx", threads)

    def encode_image(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Upright RGB pictures -> float32[n, d], rows of unit length."""
        square = (self._side, self._side)
        pixels = [np.asarray(image.resize(square, Image.Resampling.BILINEAR), np.float32) for image in images]
        made = self._session.run([{"pixels": np.ascontiguousarray(one.transpose(2, 0, 1)[None])} for one in pixels])
        return np.concatenate(made)
