"""Reading the first verses again: how well does each say the description?

`load_reranker()` opens the built-in model, which is ONNX and needs no torch. Given a name of the Hugging Face hub or a
folder, it opens that cross-encoder, with the extra `hub`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from image2poem.encoders import DATA

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Reranker(Protocol):
    """Judges verses one by one for a description: slower than an encoder, and surer."""

    @property
    def model_id(self) -> str:
        """Names the model."""

    def score(self, query: str, verses: Sequence[str]) -> NDArray[np.float32]:
        """How well each verse says the query -> float32[n]; higher is better, comparable for one query only."""


def load_reranker(name: str = "builtin", threads: int = 0, device: str = "auto") -> Reranker:
    """Open a reranker.

    Args:
        name: `builtin`; a folder of the same shape; or, with the extra `hub`, a cross-encoder: a folder or a name of the
            hub (BAAI/bge-reranker-v2-m3).
        threads: threads that it may use; 0: one for each core.
        device: where a model of the hub runs: auto, cpu, cuda or mps.

    Raises:
        ModelError: there is no whole model, or the extra isn't installed.
    """
    folder = DATA / "rerank" if name == "builtin" else Path(name).expanduser()
    if name == "builtin" or (folder / "card.json").is_file():
        from image2poem.rerank.builtin import BuiltinReranker

        return BuiltinReranker(folder, threads)
    from image2poem.rerank.hub import CrossEncoder

    return CrossEncoder(name, threads, device)
