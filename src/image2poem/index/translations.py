"""The index of translations: each row is a translation and points to its verse (the reference's Hypothetical Questions).

It is built, kept and opened like the index of verses. What is searched for is as vernacular as what is found, so both are
encoded as queries; the vectors are of a space of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from image2poem.encoders import TextEncoder
from image2poem.errors import IndexFileError
from image2poem.index.build import Verses, build_index, build_name
from image2poem.index.dense import DenseIndex
from image2poem.index.lexical import LexicalIndex
from image2poem.index.manifest import NAME, Manifest, index_folder, read_manifest
from image2poem.index.rank import best
from image2poem.index.store import load, open_checked, open_parts

_OWNERS = "owners.npy"


class Translations(Verses, Protocol):
    """What a build needs: translations by row, ordered by their verses."""

    @property
    def owners(self) -> NDArray[np.int64]:
        """int64[n], rising: the verse that each row is a translation of."""


@dataclass(frozen=True, slots=True)
class _QuerySide:
    """A text encoder that takes all it is given for queries, and says so in the name of its space."""

    encoder: TextEncoder

    @property
    def model_id(self) -> str:
        return f"{self.encoder.model_id}-queries"

    @property
    def dimension(self) -> int:
        return self.encoder.dimension

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        return self.encoder.encode_query(texts)

    encode_document = encode_query


class TranslationIndex:
    """Verses that can be searched by what their translations say. A verse is worth what the best of its translations is."""

    def __init__(self, vectors: DenseIndex, characters: LexicalIndex, owners: NDArray[np.int64]) -> None:
        """Search translations.

        Args:
            vectors, characters: of n translations.
            owners: int64[n], rising: the verse of each.
        """
        self._vectors, self._characters = vectors, characters
        self._verses, self._starts = np.unique(owners, return_index=True)
        self.translated: NDArray[np.bool_] = np.zeros(int(owners[-1]) + 1, np.bool_)  # [m]: verses from m on have none
        self.translated[self._verses] = True

    def __len__(self) -> int:
        return len(self._vectors)

    def search(
        self, query: NDArray[np.float32], k: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k verses with the nearest translations.

        Args:
            query: float32[d] of unit length, from `encode_query`.
            k: how many verses.
            mask: bool[m], True where a verse may be found, for as many verses at least as have translations.

        Returns:
            (ids int64[k'], scores float32[k']), best first, equal scores by id; k' = min(k, translated verses allowed).
        """
        return self._best(self._vectors.scores(query), k, mask, least=-np.inf)

    def search_characters(
        self, weights: Mapping[str, float], k: int, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `search`, by BM25; token -> weight as for `LexicalIndex.search`. Only verses with a token that is asked for."""
        return self._best(self._characters.scores(weights), k, mask, least=0)

    def _best(
        self, scores: NDArray[np.float32], k: int, mask: NDArray[np.bool_] | None, least: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        of_verse = np.maximum.reduceat(scores, self._starts)
        kept = of_verse > least
        if mask is not None:
            kept &= mask[self._verses]
        return best(of_verse[kept], k, self._verses[kept])


def translations_folder(index_dir: Path, encoder: TextEncoder, size: str) -> Path:
    """Where the translations of the verses of a size (`select`, `full`) lie, beside the index of these verses."""
    return index_folder(index_dir, _QuerySide(encoder).model_id, size)


def build_translations(
    translations: Translations,
    encoder: TextEncoder,
    folder: Path,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Manifest | None:
    """Make `folder` hold the index of these translations, doing only what is left to do; without any there is none.

    Args:
        translations: all of them; an earlier build's vectors are used again.
        encoder: gives the vectors, with `encode_query`.
        folder: `translations_folder(...)`.
        progress: as for `build_index`.

    Raises:
        IndexFileError, ModelError: as for `build_index`.
    """
    count = len(translations)
    if not count:
        (folder / NAME).unlink(missing_ok=True)  # from here on there is no index, however much of it is left
        shutil.rmtree(folder, ignore_errors=True)
        return None
    beside = {_OWNERS: translations.owners}
    return build_index(translations, count, _QuerySide(encoder), folder, progress, beside=beside)


def is_current(translations: Translations, encoder: TextEncoder, folder: Path) -> bool:
    """Whether the index in `folder` is the one of these translations, and opens."""
    if not len(translations):
        return not (folder / NAME).exists()
    try:
        open_translations(folder, encoder, translations.corpus_id)
        build = read_manifest(folder).build
    except IndexFileError:
        return False
    return build == build_name(translations, len(translations), _QuerySide(encoder), {_OWNERS: translations.owners})


def open_translations(folder: Path, encoder: TextEncoder, corpus_id: str) -> TranslationIndex | None:
    """Open the translations in `folder`; None if none was built.

    Raises:
        IndexFileError: they are damaged, or belong to another model or corpus.
    """
    if not (folder / NAME).exists():
        return None
    return open_checked(folder, _QuerySide(encoder).model_id, corpus_id, None, _open)


def _open(build: Path, manifest: Manifest) -> TranslationIndex:
    vectors, characters = open_parts(build, manifest)
    owners = load(build / _OWNERS)
    if owners.dtype != np.int64 or owners.shape != (manifest.count,):
        raise ValueError(f"{_OWNERS} holds {owners.dtype}{list(owners.shape)}")
    return TranslationIndex(vectors, characters, np.asarray(owners))
