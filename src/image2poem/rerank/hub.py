"""Rerankers of the hub: any cross-encoder that sentence-transformers opens, by its name there or from a folder."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders.hub import find_model, opening, pick_device, space_id

_BATCH = 32


class CrossEncoder:
    """A cross-encoder with one score for a pair, in float32."""

    def __init__(self, name: str, threads: int = 0, device: str = "auto") -> None:
        """Open the model, after fetching it where `name` is the hub's.

        Raises:
            ModelError: it can't be found, fetched or opened, gives a pair more than one score, or the extra `hub`
                isn't installed.
        """
        model = find_model(name, "reranker", ("sentence_transformers", "torch"))
        self._lock = Lock()  # fast tokenizers don't bear two threads
        with opening(model, "a cross-encoder"):
            from sentence_transformers import CrossEncoder as Model

            chosen = pick_device(device, threads)
            self._model = Model(str(model.folder), device=chosen, local_files_only=True, trust_remote_code=False)
            if self._model.num_labels != 1:
                raise model.error(f"it gives a pair {self._model.num_labels} scores, where a reranker gives one")
            self._model.model.float()
        self.model_id: str = space_id(model) + "-rerank"

    def score(self, query: str, verses: Sequence[str]) -> NDArray[np.float32]:
        """How well each verse says the query -> float32[n]; higher is better, comparable for one query only."""
        if not verses:
            return np.zeros(0, np.float32)
        with self._lock:
            scores = self._model.predict(
                [(query, verse) for verse in verses], batch_size=_BATCH, show_progress_bar=False
            )
        return np.asarray(scores, np.float32).reshape(len(verses))
