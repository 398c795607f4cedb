"""The built-in seer: image vector, the imagery that it points at, and a sentence made of that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders import DATA, ImageEncoder
from image2poem.encoders.onnx import read_card
from image2poem.errors import ModelError
from image2poem.model import Imagery, Photo, Sight
from image2poem.sight.lexicon import Lexicon

SEEN = 0.12  # a chance under this isn't worth a word
MOST = 12  # terms told at most


class BuiltinSeer:
    """Sees with an image encoder and knows what each term of the lexicon looks like in its space."""

    def __init__(self, encoder: ImageEncoder, lexicon: Lexicon, folder: Path = DATA / "sight") -> None:
        """Open the imagery table: a vector and a calibration for each term.

        Raises:
            ModelError: the table is missing or damaged, or was made for another model or lexicon.
        """
        card = read_card(folder)
        if card["space"] != encoder.space or card["terms"] != [term.term for term in lexicon.terms]:
            raise ModelError(
                f"the imagery table in {folder} belongs to another model or lexicon; install image2poem again"
            )
        with np.load(folder / "imagery.npz") as table:
            self._vectors: NDArray[np.float32] = table["vectors"].astype(np.float32)
            self._scale, self._bias = float(table["scale"]), table["bias"].astype(np.float32)
        self._encoder, self._lexicon = encoder, lexicon

    def see(self, photo: Photo) -> Sight:
        """What the photo shows."""
        vector = self._encoder.encode_image([photo.image])[0]
        chances = 1 / (1 + np.exp(-(self._scale * self._vectors @ vector + self._bias)))
        order = [i for i in np.argsort(-chances, kind="stable")[:MOST] if chances[i] >= SEEN]
        imagery = tuple(Imagery(self._lexicon.terms[i].term, float(chances[i])) for i in order)
        return Sight(vector, imagery, describe(self._lexicon, imagery))


def describe(lexicon: Lexicon, imagery: tuple[Imagery, ...], most: int = 5) -> str:
    """A vernacular sentence that names the surest terms by how people say them."""
    said: list[str] = []
    implied: set[str] = set()
    for item in imagery:
        term = lexicon.terms[lexicon.number[item.term]]
        if item.term in implied:
            continue
        implied.update(term.implies)
        said.append(term.phrases[0])
    return "，".join(said[:most]) + "。" if said else ""
