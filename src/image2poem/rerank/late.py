"""The built-in reranker: late interaction between the characters of a description and those of a verse.

Each side is encoded by itself (ONNX), then every character of the verse looks for the nearest one of the description, and
the other way round; what that finds is averaged with the weights that the model gives each character (ColBERT, arXiv
2004.12832, in both directions). To it come the cosine of the two means and that of the characters themselves, weighted
by how rare they are in verse. A folder holds `card.json`, `encoder.onnx`, `tokenizer.json` and `rarity.npy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders.onnx import open_session, read_card


class LateInteraction:
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
        mix = card["mix"]
        self._explained, self._explaining, self._means = mix["explained"], mix["explaining"], mix["means"]
        self._characters: float = mix["characters"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(card["max_tokens"])
        self._rarity = np.load(folder / "rarity.npy").astype(np.float32)  # [pieces], 0 where a piece says nothing
        self._session = open_session(folder / "encoder.onnx", threads)

    def score(self, query: str, verses: Sequence[str]) -> NDArray[np.float32]:
        """How well each verse says the query -> float32[n]; higher is better, comparable for one query only."""
        if not verses:
            return np.zeros(0, np.float32)
        asked, said = self._ids([query]), self._ids(list(verses))
        (asked_tokens,), (asked_weight,), (asked_mean,) = (part for part in self._encode(asked, 0))
        tokens, weight, means = self._encode(said, 1)
        alike = tokens @ asked_tokens.T  # [n, t, q]
        alike[said == self._padding] = -1
        explained = (alike.max(2) * weight).sum(1)
        explaining = alike.max(1) @ asked_weight
        total = self._explained * explained + self._explaining * explaining + self._means * (means @ asked_mean)
        scores: NDArray[np.float32] = (total + self._characters * self._shared(asked[0], said)).astype(np.float32)
        return scores

    def _ids(self, texts: list[str]) -> NDArray[np.int64]:
        """Token ids, int64[n, t], padded."""
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        ids = np.full((len(texts), max(map(len, encoded))), self._padding, np.int64)
        for row, text in zip(ids, encoded, strict=True):
            row[: len(text)] = text
        return ids

    def _encode(self, ids: NDArray[np.int64], side: int) -> tuple[NDArray[np.float32], ...]:
        """(tokens [n, t, d], their weights [n, t], means [n, d]) of queries (side 0) or verses (1)."""
        mask = (ids != self._padding).astype(np.int64)
        tokens, weights, means = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return tokens, weights[..., side], means

    def _shared(self, asked: NDArray[np.int64], said: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosine of the characters of each verse with those of the query, each by its rarity: float32[n]."""
        pieces = np.unique(np.concatenate([asked, said.ravel()]))
        counts = np.stack([np.bincount(np.searchsorted(pieces, row), minlength=len(pieces)) for row in [asked, *said]])
        rows = counts * self._rarity[pieces]
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
        shared: NDArray[np.float32] = rows[1:] @ rows[0]
        return shared
