"""Text and photos to unit vectors in one space, so that a photo can be compared with a verse.

`load_text_encoder()` and `load_image_encoder()` open the built-in models; both are ONNX, neither needs torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

DATA = Path(__file__).parent.parent / "data"


class TextEncoder(Protocol):
    """Sentences to vectors. The names are sentence-transformers' own."""

    @property
    def model_id(self) -> str:
        """Names the vector space: vectors of two ids must never be compared."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """What a person asks or a photo shows -> float32[n, d], rows of unit length."""

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Verses -> float32[n, d], rows of unit length."""


class ImageEncoder(Protocol):
    """Photos to vectors in the space of a text encoder."""

    @property
    def model_id(self) -> str:
        """Names the model; the space is `space`."""

    @property
    def space(self) -> str:
        """`model_id` of the text encoder whose vectors these may be compared with."""

    def encode_image(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Upright RGB pictures -> float32[n, d], rows of unit length."""


def load_text_encoder(name: str = "builtin", threads: int = 0) -> TextEncoder:
    """Open the built-in text encoder, or one from a folder of the same shape.

    Raises:
        ModelError: there is no whole model.
    """
    from image2poem.encoders.onnx import OnnxTextEncoder

    return OnnxTextEncoder(_folder(name, "text"), threads)


def load_image_encoder(name: str = "builtin", threads: int = 0) -> ImageEncoder:
    """Open the built-in image encoder, or one from a folder of the same shape.

    Raises:
        ModelError: there is no whole model.
    """
    from image2poem.encoders.onnx import OnnxImageEncoder

    return OnnxImageEncoder(_folder(name, "image"), threads)


def _folder(name: str, kind: str) -> Path:
    return DATA / kind if name == "builtin" else Path(name).expanduser()
