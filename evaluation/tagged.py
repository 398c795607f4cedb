"""A second, larger bench: tagged landscape photos that the image encoder has not been trained on.

Whoever has the photos that `training.image_encoder` learns from has these too. A verse is judged by the terms that it names:
it should name what the photo's caption tells of, and nothing that the photo isn't tagged with.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from image2poem.sight.lexicon import Lexicon
from training.image_encoder import held_back, load_photos, name_of, shown

LANDSCAPES = ("bing", "walls", "wild", "more", "far")  # sets of photos as travellers take them


@dataclass(frozen=True)
class TaggedPhoto:
    """A photo and the numbers of the terms that are in it, and of those that its caption tells of."""

    name: str
    archive: Path
    file: str
    there: frozenset[int]
    told: frozenset[int]

    def image(self) -> Image.Image:
        """The photo itself."""
        with zipfile.ZipFile(self.archive) as archive:
            return Image.open(io.BytesIO(archive.read(self.file))).convert("RGB")

    def f1(self, named: Sequence[int]) -> float:
        """How well a verse says it that names these terms: 0..1."""
        hits, right = len(self.told.intersection(named)), len(self.there.intersection(named))
        if not hits:
            return 0.0
        coverage, precision = hits / len(self.told), right / len(named)
        return 2 * coverage * precision / (coverage + precision)


def load(folders: list[Path], tag_files: list[Path], lexicon: Lexicon) -> list[TaggedPhoto]:
    """The landscape photos that were held back and whose captions tell of something."""
    photos = load_photos(folders, tag_files)
    held = held_back(photos)
    found = []
    for photo in photos:
        if photo["set"] in LANDSCAPES and name_of(photo) in held:
            there = frozenset(shown(lexicon, photo["tags"]).nonzero()[0].tolist())
            told = there & set(shown(lexicon, list(lexicon.mentioned(photo["own"]))).nonzero()[0].tolist())
            if told:
                archive = photo["path"].with_suffix(".zip")
                found.append(TaggedPhoto(name_of(photo), archive, photo["file"], there, frozenset(told)))
    return found
