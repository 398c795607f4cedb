"""A Hugging Face VLM in this process, through the image-text-to-text pipeline of transformers. Needs an extra."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from image2poem.errors import ModelError, VlmError

_MOST_TOKENS = 512
_SIDE = 768  # more makes an answer slow without a large graphics card


class LocalVlm:
    """Asks a model in this process, one question at a time. It is loaded, and fetched if need be, when first asked."""

    def __init__(self, name: str, timeout: float) -> None:
        """Use the model of that name on the Hugging Face hub, or in that folder.

        Args:
            name: `Qwen/Qwen2.5-VL-3B-Instruct`, or a folder that `save_pretrained` wrote.
            timeout: seconds after which an answer is cut short.

        Raises:
            ModelError: transformers or torch isn't installed.
        """
        folder = Path(name).expanduser()
        self._name = str(folder.resolve()) if folder.is_dir() else name
        self._timeout = timeout
        self._lock = threading.Lock()
        try:
            import torch  # noqa: F401
            import transformers  # noqa: F401
        except ImportError:
            raise ModelError('a VLM in this process needs: pip install "image2poem[local-vlm]"') from None

    @property
    def name(self) -> str:
        """The model's name or folder."""
        return self._name

    @property
    def side(self) -> int:
        """Pixels on a picture's longer side that it gets."""
        return _SIDE

    @cached_property
    def _pipeline(self) -> Any:
        from transformers import pipeline

        try:
            return pipeline("image-text-to-text", model=self._name, dtype="auto")
        except Exception as error:  # not there, no such model, an image processor that wants another package, ...
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                f"the VLM {self._name} can't be loaded ({reason}); check the name or folder in IMAGE2POEM_VLM"
            ) from None

    def ask(self, jpeg: bytes, text: str, schema: Mapping[str, Any]) -> str:
        """Its answer to a picture and a text; the schema is only what the text itself asks for.

        Raises:
            ModelError: the model can't be loaded.
            VlmError: it fails on this picture.
        """
        picture = Image.open(io.BytesIO(jpeg))
        content = [{"type": "image", "image": picture}, {"type": "text", "text": text}]
        with self._lock:
            pipeline = self._pipeline
            try:
                answers = pipeline(
                    text=[{"role": "user", "content": content}],
                    return_full_text=False,
                    generate_kwargs={"max_new_tokens": _MOST_TOKENS, "max_time": self._timeout},
                )
            except Exception as error:  # memory, mostly
                reason = " ".join(str(error).split())[:200] or type(error).__name__
                raise VlmError(f"the VLM {self._name} failed ({reason}); try a smaller model") from None
        return str(answers[0]["generated_text"])
