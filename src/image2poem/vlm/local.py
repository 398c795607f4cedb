"""A Hugging Face VLM in this process, through the image-text-to-text pipeline of transformers. Needs an extra."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from PIL import Image

from image2poem.encoders.hub import find_model, opening, pick_device, said
from image2poem.errors import VlmError
from image2poem.settings import Settings

_MOST_TOKENS = 512
_SIDE = 768  # more makes an answer slow without a large graphics card


class LocalVlm:
    """Asks a model in this process, one question at a time. It is loaded when first asked."""

    def __init__(self, settings: Settings) -> None:
        """Use the model of the hub, or the folder, that the setting `vlm` names; one of the hub is fetched.

        Raises:
            ModelError: there is no such model, or transformers or torch isn't installed.
        """
        self._model = find_model(settings.vlm, "vlm", ("torch", "transformers"), install="local-vlm")
        self._settings = settings
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The model's name or folder."""
        return self._model.name

    @property
    def side(self) -> int:
        """Pixels on a picture's longer side that it gets."""
        return _SIDE

    @cached_property
    def _pipeline(self) -> Any:
        with opening(self._model, "a vision-language model"):
            from transformers import pipeline

            device = pick_device(self._settings.device, self._settings.threads)
            return pipeline("image-text-to-text", model=str(self._model.folder), dtype="auto", device=device)

    def ask(self, jpeg: bytes, text: str, schema: Mapping[str, Any]) -> str:
        """Its answer to a picture and a text; the schema is only what the text itself asks for.

        Raises:
            ModelError: the model can't be opened.
            VlmError: it fails on this picture.
        """
        content = [{"type": "image", "image": Image.open(io.BytesIO(jpeg))}, {"type": "text", "text": text}]
        with self._lock:
            pipeline = self._pipeline
            try:
                answers = pipeline(
                    text=[{"role": "user", "content": content}],
                    return_full_text=False,
                    generate_kwargs={"max_new_tokens": _MOST_TOKENS, "max_time": self._settings.vlm_timeout},
                )
            except Exception as error:  # memory, mostly
                raise VlmError(f"the VLM {self.name} failed ({said(error)}); try a smaller model") from None
        return str(answers[0]["generated_text"])
