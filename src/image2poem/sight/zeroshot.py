"""Imagery for an image encoder with a text tower of its own: the lexicon's phrases, encoded by that tower.

Nothing was learnt for such a model, so its scores are read as zero-shot classification does (Radford et al. 2021, with a
term's phrases as its prompts), and made chances by what is known of photos in general.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders import TextEncoder
from image2poem.errors import IndexFileError
from image2poem.index.manifest import REBUILD, write_whole
from image2poem.sight.lexicon import Lexicon

# log-odds of a term, by logistic regression on tagged photos with the built-in towers used this way (docs/hub.md)
SLOPE, OFFSET = 1.5, -2.0


@dataclass(frozen=True)
class ZeroShot:
    """What each term looks like in the space of the model, by its phrases."""

    vectors: NDArray[np.float32]  # [t, d], rows of unit length
    usual_vector: NDArray[np.float32]  # [d], the mean phrase: what photos are described as in general
    usual_chances: NDArray[np.float32]  # [t], how often each term is seen in photos

    def chances(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """A photo's vector -> the chance of each term to be in it, float32[t].

        Cosines of different models lie in different narrow bands, so a term's is taken by how far it stands above the
        mean of all terms, in their standard deviations; to that the term's usual log-odds are added.
        """
        scores = self.vectors @ vector
        above = (scores - scores.mean()) / max(float(scores.std()), 1e-6)
        usual = np.clip(self.usual_chances, 1e-4, 1 - 1e-4)
        logits = SLOPE * above + np.log(usual / (1 - usual)) + OFFSET
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def phrase_vectors(tower: TextEncoder, lexicon: Lexicon) -> NDArray[np.float32]:
    """float32[t + 1, d]: for each term the mean of its phrases, of unit length; last the mean of all phrases as it is."""
    owner = [i for i, term in enumerate(lexicon.terms) for _ in term.phrases]
    vectors = tower.encode_query([phrase for term in lexicon.terms for phrase in term.phrases])
    sums = np.zeros((len(lexicon.terms), vectors.shape[1]), np.float32)
    np.add.at(sums, owner, vectors)
    terms = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    return np.concatenate([terms, vectors.mean(0, keepdims=True)]).astype(np.float32)


def phrases_file(folder: Path, tower: TextEncoder, lexicon: Lexicon) -> Path:
    """Where the phrase vectors of a model and a lexicon lie, in the folder of the model's index."""
    key = hashlib.sha256(f"{tower.model_id}\n{lexicon.terms}".encode()).hexdigest()[:16]
    return folder / f"phrases-{key}.npy"


def write_phrases(path: Path, vectors: NDArray[np.float32]) -> None:
    """Write whole or not at all; what other lexicons left is removed."""
    buffer = io.BytesIO()
    np.save(buffer, vectors)
    write_whole(path, buffer.getvalue())
    for old in path.parent.glob("phrases-*.npy"):
        if old != path:
            old.unlink()


def read_zero_shot(path: Path, tower: TextEncoder, usual_chances: NDArray[np.float32]) -> ZeroShot:
    """The phrase vectors that were written, with what is usual.

    Raises:
        IndexFileError: they are missing or damaged.
    """
    try:
        vectors = np.load(path)
        if vectors.shape != (len(usual_chances) + 1, tower.dimension) or not np.isfinite(vectors).all():
            raise ValueError("its shape is wrong")
    except (OSError, EOFError, ValueError) as error:
        raise IndexFileError(f"{path} is missing or damaged ({error}); {REBUILD}") from None
    return ZeroShot(vectors[:-1], vectors[-1], usual_chances)
