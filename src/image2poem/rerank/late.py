"""The built-in reranker: late interaction between the characters of a description and those of a verse.

Each side is encoded by itself (ONNX), then every character of the verse looks for the nearest one of the description, and
the other way round; what that finds is averaged with the weights that the model gives each character (ColBERT, arXiv
2004.12832, in both directions). To it come the cosine of the two means and that of the characters themselves, weighted
by how rare they are in verse. A folder holds `card.json`, `encoder.onnx`, `tokenizer.json` and `rarity.npy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders.onnx import open_session, read_card

FEATURES = (
    "explained",  # how near the description comes to the verse's tokens, by the weights that the gate gives them
    "rare_explained",  # the same, by how rare they are in verse
    "least_explained",  # the same of the two that it is farthest from
    "explaining",  # how near the verse comes to the description's tokens
    "rare_explaining",
    "means",  # cosine of the mean tokens
    "characters",  # cosine of the characters, by how rare they are
)
BREAKS = "，。！？；、：,.!?;:"
_BATCH = 16  # texts encoded at once
_SHORTEST = 4  # tokens of a clause that may speak for its verse


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
        self._mix = np.array([card["mix"][name] for name in FEATURES], np.float32)
        self._clause: float = card["mix"]["clause"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(card["max_tokens"])
        self._breaks = [self._tokenizer.token_to_id(mark) for mark in BREAKS]
        self._rarity = np.load(folder / "rarity.npy").astype(np.float32)  # [pieces], 0 where a piece says nothing
        self._session = open_session(folder / "encoder.onnx", threads)

    def score(self, query: str, verses: Sequence[str]) -> NDArray[np.float32]:
        """How well each verse says the query -> float32[n]; higher is better, comparable for one query only."""
        if not verses:
            return np.zeros(0, np.float32)
        features, owner, whole = self.features(query, verses)
        worth = features @ self._mix - np.where(whole, 0.0, self._clause)
        scores = np.full(len(verses), -np.inf)
        np.maximum.at(scores, owner, worth)
        return scores.astype(np.float32)

    def features(
        self, query: str, verses: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
        """What speaks for each verse, and for each clause of it by itself.

        Returns:
            (float32[m, 7], a row of FEATURES for each verse and clause; int64[m], the verse that it is of; bool[m], True
            for a whole verse).
        """
        asked, said = self._ids([query]), self._ids(list(verses))
        (asked_tokens,), (asked_weight,) = self._encode(asked, 0)
        tokens, weights = self._encode(said, 1)
        owner, inside, whole = self._parts(said)
        alike = np.where(inside[..., None], (tokens @ asked_tokens.T)[owner], -1)  # [m, t, q]
        nearest, nearest_of_asked = alike.max(2), alike.max(1)
        rare = self._rarity[said][owner] * inside
        columns = (
            _mean(nearest, weights[owner] * inside),
            _mean(nearest, rare),
            np.partition(np.where(rare > 0, nearest, 1.0), 1, axis=1)[:, :2].mean(1),
            nearest_of_asked @ asked_weight,
            _mean(nearest_of_asked, self._rarity[asked]),
            _unit(np.einsum("mt,mtd->md", inside.astype(np.float32), tokens[owner])) @ _unit(asked_tokens.sum(0)),
            self._shared(asked[0], np.where(inside, said[owner], self._padding)),
        )
        return np.stack(columns, 1).astype(np.float32), owner, whole

    def _parts(self, said: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Each verse and each of its clauses, if it has several: (its verse [m], its tokens bool[m, t], whole bool[m])."""
        owner, inside, whole = [], [], []
        for number, ids in enumerate(said):
            length = int((ids != self._padding).sum())
            cuts = [0, *(i + 1 for i in range(length - 1) if ids[i] in self._breaks)]
            spans = [(0, length)]
            if len(cuts) > 2:
                spans += [(a, b) for a, b in pairwise(cuts) if b - a > _SHORTEST]
            for a, b in spans:
                row = np.zeros(len(ids), np.bool_)
                row[a:b] = True
                owner.append(number)
                inside.append(row)
                whole.append(b - a == length)
        return np.array(owner), np.stack(inside), np.array(whole)

    def _ids(self, texts: list[str]) -> NDArray[np.int64]:
        """Token ids, int64[n, t], padded."""
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        ids = np.full((len(texts), max(map(len, encoded))), self._padding, np.int64)
        for row, text in zip(ids, encoded, strict=True):
            row[: len(text)] = text
        return ids

    def _encode(self, ids: NDArray[np.int64], side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(tokens [n, t, d] of unit length, 0 where padded; their weights [n, t]) of queries (side 0) or verses (1)."""
        mask = ids != self._padding
        lengths = mask.sum(1)
        order = np.argsort(lengths, kind="stable")  # like lengths together: little padding
        tokens, weights = None, np.zeros(ids.shape, np.float32)
        for start in range(0, len(ids), _BATCH):
            rows = order[start : start + _BATCH]
            longest = int(lengths[rows[-1]])
            fed = {"input_ids": ids[rows, :longest], "attention_mask": mask[rows, :longest].astype(np.int64)}
            found, weighed = self._session.run(["tokens", "weights"], fed)
            if tokens is None:
                tokens = np.zeros((*ids.shape, found.shape[2]), np.float32)
            tokens[rows, :longest], weights[rows, :longest] = found, weighed[..., side]
        assert tokens is not None
        return tokens * mask[..., None], weights

    def _shared(self, asked: NDArray[np.int64], said: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosine of the characters of each row with those of the query, each by its rarity: float32[m]."""
        pieces = np.unique(np.concatenate([asked, said.ravel()]))
        counts = np.stack([np.bincount(np.searchsorted(pieces, row), minlength=len(pieces)) for row in [asked, *said]])
        rows = _unit(counts * self._rarity[pieces])
        shared: NDArray[np.float32] = rows[1:] @ rows[0]
        return shared


def _mean(values: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weighted mean of each row; 0 where nothing weighs anything."""
    mean: NDArray[np.float32] = (values * weights).sum(1) / np.maximum(weights.sum(1), 1e-6)
    return mean


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of unit length."""
    unit: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-6)
    return unit
