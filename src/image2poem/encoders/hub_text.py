"""Text encoders of the hub: any sentence-transformers model, by its name there or from a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders.hub import find_model, opening, pick_device, space_id

_BATCH = 128
# (query, document) of models that want them and don't say so in their own settings
_PROMPTS = {
    r"bge-(small|base|large)-zh(-v1\.5)?": ("为这个句子生成表示以用于检索相关文章：", ""),
    r"bge-(small|base|large)-en(-v1\.5)?": ("Represent this sentence for searching relevant passages: ", ""),
    r"(multilingual-)?e5-(small|base|large)(-v2)?": ("query: ", "passage: "),
    r"piccolo-(base|large)-zh": ("查询: ", "结果: "),
}


class HubTextEncoder:
    """A sentence-transformers model, in float32, with the prompts that it was trained with."""

    def __init__(self, name: str, threads: int = 0, device: str = "auto") -> None:
        """Open the model, after fetching it where `name` is the hub's.

        Raises:
            ModelError: it can't be found, fetched or opened, or the extra `hub` isn't installed.
        """
        model = find_model(name, "text_encoder", ("sentence_transformers", "torch"))
        self._lock = Lock()  # fast tokenizers don't bear two threads
        with opening(model, "a sentence-transformers model"):
            from sentence_transformers import SentenceTransformer

            chosen = pick_device(device, threads)
            self._model = SentenceTransformer(
                str(model.folder), device=chosen, local_files_only=True, trust_remote_code=False
            ).float()
            self._query, self._document = _prompts(self._model.prompts, model.short)
            self.model_id: str = space_id(model, self._document)
            self.dimension: int = self.encode_query(["月"]).shape[1]

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """What a person asks or a photo shows -> float32[n, d], rows of unit length."""
        return self._encode(self._model.encode_query, texts, self._query)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Verses -> float32[n, d], rows of unit length."""
        return self._encode(self._model.encode_document, texts, self._document)

    def _encode(self, encode: Callable[..., Any], texts: list[str], prompt: str) -> NDArray[np.float32]:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        options = {"batch_size": _BATCH, "show_progress_bar": False, "normalize_embeddings": True}
        with self._lock:
            return np.asarray(encode(texts, prompt=prompt, **options), np.float32)


def _prompts(own: Mapping[str, str], short: str) -> tuple[str, str]:
    """What goes before a query and before a verse: as the model's settings say, else as its authors do."""
    if any(own.values()):
        documents = (own.get(name, "") for name in ("document", "passage", "corpus"))
        return own.get("query", ""), next(filter(None, documents), "")
    return next((prompts for name, prompts in _PROMPTS.items() if re.fullmatch(name, short)), ("", ""))
