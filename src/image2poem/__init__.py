"""Image2Poem: a photo in, a fitting line of real classical Chinese verse out.

>>> from image2poem import ImageToPoem
>>> ImageToPoem().match("photo.jpg", text="一个人在江上", top=3)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from image2poem.corpus import Filters
    from image2poem.errors import Image2PoemError
    from image2poem.matcher import ImageToPoem
    from image2poem.model import Match, Matches, Verse
    from image2poem.settings import Settings

__all__ = ["Filters", "Image2PoemError", "ImageToPoem", "Match", "Matches", "Settings", "Verse"]

_HOMES = {
    "Filters": "corpus",
    "Image2PoemError": "errors",
    "ImageToPoem": "matcher",
    "Match": "model",
    "Matches": "model",
    "Settings": "settings",
    "Verse": "model",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `import image2poem` costs nothing."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'image2poem' has no attribute '{name}'")
    return getattr(import_module(f"image2poem.{_HOMES[name]}"), name)
