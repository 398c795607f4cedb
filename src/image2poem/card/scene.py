"""What a layout has to work with, and how a block of type is fitted into a space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from PIL import Image

from image2poem.card.block import Style, in_columns
from image2poem.card.box import Box
from image2poem.card.calm import SIDE, Ground, focus, survey
from image2poem.card.colour import Colour, Tones, tones
from image2poem.card.fonts import Fonts
from image2poem.card.sheet import Stamp
from image2poem.card.typeset import Block, Punctuation, groupings
from image2poem.card.wording import Words

_LONGEST = 5.0  # width to height, or height to width
_GLANCE = 3 * SIDE  # pixels; a part of it must still be as large as what `survey` looks at


class Part(NamedTuple):
    """A part of the photo, in its pixels: the unit of everything that a layout says."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """From top to bottom."""
        return self.bottom - self.top

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, for reckoning."""
        return float(self.width), float(self.height)

    @property
    def side(self) -> float:
        """The side of a square as large: what sizes of type are measured by."""
        return math.sqrt(self.width * self.height)


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo and the words for it."""

    photo: Image.Image
    words: Words
    fonts: Fonts
    punctuation: Punctuation
    _surveyed: dict[Part, Ground] = field(default_factory=dict)

    @property
    def whole(self) -> Part:
        """All of the photo."""
        return Part(0, 0, *self.photo.size)

    @cached_property
    def shown(self) -> Part:
        """All of the photo, but of a strip too long for a card its best part."""
        shape = self.whole.width / self.whole.height
        return self.whole if 1 / _LONGEST <= shape <= _LONGEST else self.part(min(max(shape, 1 / _LONGEST), _LONGEST))

    @cached_property
    def _glance(self) -> tuple[Image.Image, float, float]:
        """The photo made small, and its pixels to one of the photo's, across and down."""
        width, height = self.photo.size
        scale = min(1.0, _GLANCE / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = self.photo.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
        return small, size[0] / width, size[1] / height

    def survey(self, part: Part) -> Ground:
        """Where a part of the photo is calm."""
        if part not in self._surveyed:
            small, across, down = self._glance
            box = part.left * across, part.top * down, part.right * across, part.bottom * down
            self._surveyed[part] = survey(small, box)
        return self._surveyed[part]

    @cached_property
    def tones(self) -> Tones:
        """Its colours."""
        return tones(self._glance[0])

    def columns(self) -> list[Block]:
        """The words in columns, in each way that a reader would accept, the plainest first."""
        style = Style(punctuation=self.punctuation)
        return [in_columns(self.words, self.fonts, grouping, style) for grouping in groupings(self.words.clauses)]

    def stamp(self, box: Box, ground: Colour | None = None) -> Stamp:
        """The seal: a poet's name is cut into the stone (白文), ours stands out of it (朱文), as is the custom."""
        ground = ground or self.tones.seal_ground
        return Stamp(self.words.seal, box, self.tones.red, ground, raised=not self.words.named)

    def part(self, shape: float, core: float = 1.0) -> Part:
        """The largest part of this shape (width : height) whose middle, `core` of it, shows what draws the eye."""
        wide, high = self._largest(shape)
        x, y = focus(self.survey(self.whole), shape, core)
        width, height = self.photo.size
        left = min(max(0, round(x * width - wide / 2)), width - wide)
        top = min(max(0, round(y * height - high / 2)), height - high)
        return Part(left, top, left + wide, top + high)

    def parts(self, shape: float) -> list[Part]:
        """The largest parts of this shape: the one that shows most, then others, for whoever needs a calm one."""
        wide, high = self._largest(shape)
        out = [self.part(shape)]
        for share in (0.5, 0.25, 0.75, 0.0, 1.0):
            left, top = round(share * (self.photo.width - wide)), round(share * (self.photo.height - high))
            part = Part(left, top, left + wide, top + high)
            if part not in out:
                out.append(part)
        return out

    def _largest(self, shape: float) -> tuple[int, int]:
        width, height = self.photo.size
        return max(1, min(width, round(height * shape))), max(1, min(height, round(width / shape)))


def fitted(blocks: Sequence[Block], area: Box, largest: float) -> Block:
    """The block that can be set largest in an area (the plainest, if it is nearly as large), at the area's corner.

    Args:
        largest: no character of the verse becomes larger than this.
    """

    def size(block: Block) -> float:
        return min(largest, area.width / block.width, area.height / block.height)

    chosen = max(enumerate(blocks), key=lambda pair: size(pair[1]) * 0.93 ** pair[0])[1]
    return chosen.placed(size(chosen), area.left, area.top)
