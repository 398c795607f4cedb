"""The built-in seer: image vector, the imagery that it points at, and a sentence made of that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from image2poem.context import sentence
from image2poem.encoders import DATA, ImageEncoder
from image2poem.encoders.onnx import read_card
from image2poem.errors import ModelError
from image2poem.model import Context, Imagery, Photo, Sight
from image2poem.sight.description import describe
from image2poem.sight.lexicon import Lexicon
from image2poem.sight.light import measure
from image2poem.sight.scene import HINT, less_impossible, read_scene
from image2poem.sight.timely import hinted, timely

if TYPE_CHECKING:
    from PIL.Image import Image

SEEN = 0.12  # a chance under this isn't worth a word
MOST = 12  # terms told at most
SUREST = 0.99  # no eye is certain: a chance of 1 is the word of somebody who looked
TOLD = 0.6  # a term that so many tell of who see it counts fully


class ImageryScale(Protocol):
    """Reads the imagery off a photo's vector."""

    @property
    def usual_vector(self) -> NDArray[np.float32]:
        """What photos look like in general, float32[d]."""

    def chances(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """A photo's vector -> the chance of each term to be in it, float32[t]."""


@dataclass(frozen=True)
class ImageryTable:
    """What each term of the lexicon looks like in the space of the image encoder, and what photos usually show."""

    vectors: NDArray[np.float32]  # [t, d]
    scale: float
    bias: NDArray[np.float32]  # [t]
    usual_vector: NDArray[np.float32]  # [d], the mean of many photos
    usual_chances: NDArray[np.float32]  # [t], how often each term is seen in photos

    def chances(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """A photo's vector -> the chance of each term to be in it, float32[t]."""
        logits = self.scale * np.vecdot(self.vectors, vector) + self.bias
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def load_imagery(space: str, lexicon: Lexicon, folder: Path = DATA / "sight") -> ImageryTable:
    """The imagery table that the package ships, or another.

    Args:
        space: the vector space it must belong to.
        lexicon: the lexicon whose terms it must know.
        folder: where it lies, with its card.

    Raises:
        ModelError: it is missing or damaged, or was made for another model or lexicon.
    """
    card, rows = _read(lexicon, folder)
    if card["space"] != space:
        raise ModelError(f"the imagery in {folder} belongs to another model; install image2poem again")
    return ImageryTable(
        rows["vectors"], float(rows["scale"]), rows["bias"], rows["usual_vector"], rows["usual_chances"]
    )


def load_usual_chances(lexicon: Lexicon, folder: Path = DATA / "sight") -> NDArray[np.float32]:
    """How often photos show each term of the lexicon, float32[t]: true of photos, whatever looks at them.

    Raises:
        ModelError: the table is missing or damaged, or was made for another lexicon.
    """
    return _read(lexicon, folder)[1]["usual_chances"]


def load_worth(lexicon: Lexicon, folder: Path = DATA / "sight") -> NDArray[np.float32]:
    """How much each term of the lexicon is worth telling where it is seen, float32[t], 0..1.

    Raises:
        ModelError: the table is missing or damaged, or was made for another lexicon.
    """
    return worth_telling(_read(lexicon, folder)[1]["told"])


def worth_telling(told: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much a term counts, by how many people tell of it who see it: most photos of a lake have a sky, few are of it."""
    worth: NDArray[np.float32] = np.minimum(told / np.float32(TOLD), 1)
    return worth


def _read(lexicon: Lexicon, folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    card = read_card(folder)
    if card["terms"] != [term.term for term in lexicon.terms]:
        raise ModelError(f"the imagery in {folder} belongs to another lexicon; install image2poem again")
    with np.load(folder / "imagery.npz") as table:
        return card, {name: table[name].astype(np.float32) for name in table.files}


class BuiltinSeer:
    """Sees with an image encoder, and reads the imagery off its vector."""

    def __init__(self, encoder: ImageEncoder, table: ImageryScale, lexicon: Lexicon) -> None:
        """See with `encoder`, whose space is that of `table`."""
        self._encoder, self._table, self._lexicon = encoder, table, lexicon

    def see(self, photo: Photo, context: Context | None = None) -> Sight:
        """What the photo shows, leaning on when and where it was taken if that is known."""
        vector = self._encoder.encode_image(_looks(photo.image)).mean(0)
        vector /= max(float(np.linalg.norm(vector)), 1e-6)
        light = measure(photo.image)
        chances = SUREST * less_impossible(self._lexicon, self._table.chances(vector), light)
        order = [i for i in np.argsort(-chances, kind="stable") if chances[i] >= min(SEEN, HINT)]
        imagery = tuple(Imagery(self._lexicon.terms[i].term, float(chances[i])) for i in order)
        if context is not None:
            imagery = timely(imagery, context, self._lexicon)
        scene = read_scene(self._lexicon, {item.term: item.score for item in imagery}, light, context)
        imagery = tuple(item for item in imagery[:MOST] if item.score >= SEEN)
        description = describe(self._lexicon, imagery, scene, context)
        if context is not None:
            description = sentence(context) + description
            imagery = hinted(imagery, context, self._lexicon)
        return Sight(vector, imagery, description, context, scene=scene)


def _looks(image: Image) -> list[Image]:
    """The whole photo, which the encoder squeezes into its square, and the square in its middle as it is.

    Two looks, their vectors averaged, see more than either (docs/measured.md).
    """
    width, height = image.size
    side = min(width, height)
    if max(width, height) < 1.1 * side:
        return [image]
    left, top = (width - side) // 2, (height - side) // 2
    return [image, image.crop((left, top, left + side, top + side))]
