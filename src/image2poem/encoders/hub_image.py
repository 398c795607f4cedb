"""Image encoders of the hub: models with a tower for photos and one for text (Chinese-CLIP, SigLIP 2, CLIP).

Their space is their own, so their text tower stands in it for verses and for the imagery lexicon.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders.hub import HubModel, find_model, opening, pick_device, space_id

if TYPE_CHECKING:
    from PIL.Image import Image

_BATCH = 128


class HubImageEncoder:
    """Photos and sentences to vectors of one space: an image encoder, and its own text encoder (`text_tower`)."""

    def __init__(self, name: str, threads: int = 0, device: str = "auto") -> None:
        """Open both towers, in float32, after fetching them where `name` is the hub's.

        Raises:
            ModelError: the model can't be found, fetched or opened, lacks a tower, or the extra `hub` isn't installed.
        """
        model = find_model(name, "image_encoder", ("torch", "transformers"))
        self._lock = Lock()  # fast tokenizers don't bear two threads
        with opening(model, "a CLIP-like model"):
            import torch
            from transformers import AutoModel

            self._device = pick_device(device, threads)
            folder = str(model.folder)
            self._model = AutoModel.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, trust_remote_code=False
            )
            if not all(hasattr(self._model, f"get_{tower}_features") for tower in ("text", "image")):
                kind = type(self._model).__name__
                raise model.error(f"it is a {kind}, without a tower for text beside one for photos")
            self._model.eval().to(self._device)
            self._processor = _processor(model)
            self._text_options = _text_options(self._model.config, self._processor.tokenizer)
            # the two towers' space, not that of a sentence-transformers model from the same files
            self.model_id: str = space_id(model) + "-image"
            self.dimension: int = self.encode_query(["月"]).shape[1]

    @property
    def space(self) -> str:
        """Its own: the id of its text tower."""
        return self.model_id

    @property
    def text_tower(self) -> HubImageEncoder:
        """The same model: it encodes verses as well."""
        return self

    def encode_image(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Upright RGB pictures -> float32[n, d], rows of unit length."""
        return self._features("image", images=list(images))

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """What a photo may show -> float32[n, d], rows of unit length."""
        return self._encode(texts)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Verses -> float32[n, d], rows of unit length."""
        return self._encode(texts)

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        parts = [
            self._features("text", text=texts[i : i + _BATCH], **self._text_options)
            for i in range(0, len(texts), _BATCH)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.dimension), np.float32)

    def _features(self, tower: str, **given: Any) -> NDArray[np.float32]:
        import torch

        with self._lock, torch.inference_mode():
            inputs = self._processor(return_tensors="pt", **given).to(self._device)
            features = getattr(self._model, f"get_{tower}_features")(**inputs).pooler_output
            vectors: NDArray[np.float32] = torch.nn.functional.normalize(features, dim=-1).cpu().numpy()
        return vectors


def _processor(model: HubModel) -> Any:
    """What turns photos into pixels and sentences into tokens, as the model was trained with."""
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(str(model.folder), local_files_only=True, trust_remote_code=False)
    for part in ("image_processor", "tokenizer"):
        if not hasattr(processor, part):
            raise model.error(f"it comes without {part.replace('_', ' ')}")
    return processor


def _text_options(config: Any, tokenizer: Any) -> dict[str, Any]:
    """How the text tower wants its tokens: no longer than it has positions; SigLIP always padded to the full length."""
    positions = getattr(getattr(config, "text_config", config), "max_position_embeddings", tokenizer.model_max_length)
    padding = "max_length" if config.model_type.startswith("siglip") else True
    return {"padding": padding, "truncation": True, "max_length": min(positions, tokenizer.model_max_length)}
