"""The built-in reranker: a cross-encoder whose query is read once for all of its verses (ONNX).

Verses look at the query in every layer, the query at itself only (asymmetric attention, arXiv 2312.17649), so that it goes
through the network once for many verses. A folder holds `card.json`, `reranker.onnx` and `tokenizer.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders.onnx import Session, batches, read_card

_BATCH = 8  # verses that a thread reads at once


class BuiltinReranker:
    """Scores verses for a description. May be shared between threads."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        """Open the model.

        Raises:
            ModelError: the folder holds no whole model.
        """
        from tokenizers import Tokenizer

        card = read_card(folder)
        self.model_id: str = card["id"]
        self._padding: int = card["padding"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(card["max_tokens"])
        self._session = Session(folder / "reranker.onnx", threads)

    def score(self, query: str, verses: Sequence[str]) -> NDArray[np.float32]:
        """How well each verse says the query -> float32[n]; higher is better, comparable for one query only."""
        scores = np.zeros(len(verses), np.float32)
        asked = np.array([self._tokenizer.encode(query).ids], np.int64)
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(verses))]
        parts = list(batches(ids, self._padding, _BATCH))
        made = self._session.run(
            [{"query_ids": asked, "verse_ids": batch, "verse_mask": mask} for _, batch, mask in parts]
        )
        for (rows, _, _), some in zip(parts, made, strict=True):
            scores[rows] = some
        return scores
