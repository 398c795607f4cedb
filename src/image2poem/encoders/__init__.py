"""Text and photos to unit vectors in one space, so that a photo can be compared with a verse.

`load_text_encoder()` and `load_image_encoder()` open the built-in models; both are ONNX, neither needs torch. Given a name
of the Hugging Face hub or a folder, they open that model, with the extra `hub`.
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

    @property
    def text_tower(self) -> TextEncoder | None:
        """The text encoder of its own that it brings along, if its space is that one's."""

    def encode_image(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Upright RGB pictures -> float32[n, d], rows of unit length."""


def load_text_encoder(name: str = "builtin", threads: int = 0, device: str = "auto") -> TextEncoder:
    """Open a text encoder.

    Args:
        name: `builtin`; a folder of the same shape; or, with the extra `hub`, a sentence-transformers model: a folder
            or a name of the hub.
        threads: threads that it may use; 0: one for each core.
        device: where a model of the hub runs: auto, cpu, cuda or mps.

    Raises:
        ModelError: there is no whole model, or the extra isn't installed.
    """
    if folder := _onnx_folder(name, "text"):
        from image2poem.encoders.onnx import OnnxTextEncoder

        return OnnxTextEncoder(folder, threads)
    from image2poem.encoders.hub_text import HubTextEncoder

    return HubTextEncoder(name, threads, device)


def load_image_encoder(name: str = "builtin", threads: int = 0, device: str = "auto") -> ImageEncoder:
    """Open an image encoder: as `load_text_encoder`, where a model of the hub is one with a tower for text too.

    Raises:
        ModelError: there is no whole model, or the extra isn't installed.
    """
    if folder := _onnx_folder(name, "image"):
        from image2poem.encoders.onnx import OnnxImageEncoder

        return OnnxImageEncoder(folder, threads)
    from image2poem.encoders.hub_image import HubImageEncoder

    return HubImageEncoder(name, threads, device)


def _onnx_folder(name: str, kind: str) -> Path | None:
    """The folder of a model of our own shape, or None: then it is one of the hub's."""
    if name == "builtin":
        return DATA / kind
    folder = Path(name).expanduser()
    return folder if (folder / "card.json").is_file() else None
