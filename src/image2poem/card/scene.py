"""What a layout has to work with, and how a block of type is fitted into a space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal, NamedTuple

from PIL import Image

from image2poem.card.block import Style, in_columns
from image2poem.card.box import Box
from image2poem.card.calm import SIDE, Ground, focus, survey
from image2poem.card.colour import Tones, tones
from image2poem.card.fonts import Fonts
from image2poem.card.typeset import Block, Punctuation, groupings
from image2poem.card.wording import Words

_GLANCE = 3 * SIDE  # pixels; a part of it must still be as large as what `survey` looks at


class Part(NamedTuple):
    """A part of the photo, in its pixels."""

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


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo and the words for it."""

    photo: Image.Image
    words: Words
    fonts: Fonts
    punctuation: Punctuation

    @property
    def width(self) -> int:
        """Of the photo, in pixels: the unit of everything that a layout says."""
        return self.photo.width

    @property
    def height(self) -> int:
        """Likewise."""
        return self.photo.height

    @property
    def side(self) -> float:
        """The side of a square as large as the photo: what sizes of type are measured by."""
        return math.sqrt(self.width * self.height)

    @property
    def whole(self) -> Part:
        """All of the photo."""
        return Part(0, 0, self.width, self.height)

    @cached_property
    def _glance(self) -> tuple[Image.Image, float, float]:
        """The photo made small, and its pixels to one of the photo's, across and down."""
        scale = min(1.0, _GLANCE / max(self.width, self.height))
        size = max(1, round(self.width * scale)), max(1, round(self.height * scale))
        small = self.photo.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
        return small, size[0] / self.width, size[1] / self.height

    @cache  # noqa: B019 - a scene lives as long as the making of one card
    def survey(self, part: Part) -> Ground:
        """Where a part of the photo is calm."""
        small, across, down = self._glance
        box = part.left * across, part.top * down, part.right * across, part.bottom * down
        return survey(small, box)

    @cached_property
    def tones(self) -> Tones:
        """Its colours."""
        return tones(self._glance[0])

    def columns(self, style: Style | None = None) -> list[Block]:
        """The words in columns, in each way that a reader would accept, the plainest first."""
        style = style or Style(punctuation=self.punctuation)
        return [in_columns(self.words, self.fonts, grouping, style) for grouping in groupings(self.words.clauses)]

    def part(self, shape: float, core: float = 1.0) -> Part:
        """The largest part of this shape (width : height) whose middle, `core` of it, shows what draws the eye."""
        wide, high = self._largest(shape)
        x, y = focus(self.survey(self.whole), shape, core)
        left = min(max(0, round(x * self.width - wide / 2)), self.width - wide)
        top = min(max(0, round(y * self.height - high / 2)), self.height - high)
        return Part(left, top, left + wide, top + high)

    def parts(self, shape: float) -> list[Part]:
        """The largest parts of this shape: the one that shows most, then others, for whoever needs a calm one."""
        wide, high = self._largest(shape)
        out = [self.part(shape)]
        for share in (0.5, 0.25, 0.75, 0.0, 1.0):
            left, top = round(share * (self.width - wide)), round(share * (self.height - high))
            part = Part(left, top, left + wide, top + high)
            if part not in out:
                out.append(part)
        return out

    def _largest(self, shape: float) -> tuple[int, int]:
        return max(1, min(self.width, round(self.height * shape))), max(1, min(self.height, round(self.width / shape)))


Along = Literal["start", "middle", "end"]
_SHARE = {"start": 0.0, "middle": 0.5, "end": 1.0}


def fitted(blocks: Sequence[Block], area: Box, largest: float, across: Along = "start", down: Along = "start") -> Block:
    """The block that can be set largest in an area (the plainest, if it is nearly as large), put in its place there.

    Args:
        largest: no character of the verse becomes larger than this.
    """

    def size(block: Block) -> float:
        return min(largest, area.width / block.width, area.height / block.height)

    chosen = max(enumerate(blocks), key=lambda pair: size(pair[1]) * 0.93 ** pair[0])[1]
    scale = size(chosen)
    x = area.left + (area.width - chosen.width * scale) * _SHARE[across]
    y = area.top + (area.height - chosen.height * scale) * _SHARE[down]
    return chosen.placed(scale, x, y)
