"""A card before it is drawn: what lies on it from the bottom up, in the photo's own pixels, and how each is painted.

A layout makes a Sheet, which says everything but the number of pixels: it can be drawn at any size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageFilter

from image2poem.card.box import Box
from image2poem.card.calm import limit
from image2poem.card.colour import Colour, Floats, encoded, linear, luminance
from image2poem.card.shapes import Rectangle, Shape
from image2poem.card.typeset import Glyph

_STRIP = 400  # rows painted at once, so that a large card needs no more memory than itself


class Layer(Protocol):
    """Something that covers part of the card."""

    def paint(self, card: Image.Image, photo: Image.Image, scale: float) -> None:
        """Paint it on the card at `scale` pixels to the unit."""


def _strips(card: Image.Image, box: Box, scale: float) -> Iterator[tuple[tuple[int, int, int, int], Floats, Floats]]:
    """The part of a card that a box (in units) touches, some rows at a time, with its pixels' middles in units."""
    left, right = max(0, int(box.left * scale) - 1), min(card.width, int(box.right * scale) + 2)
    top, bottom = max(0, int(box.top * scale) - 1), min(card.height, int(box.bottom * scale) + 2)
    x = ((np.arange(left, right, dtype=np.float32) + 0.5) / scale)[None, :]
    for start in range(top, bottom if right > left else top, _STRIP):
        end = min(start + _STRIP, bottom)
        y = ((np.arange(start, end, dtype=np.float32) + 0.5) / scale)[:, None]
        yield (left, start, right, end), x, y


def _mask(alpha: Floats) -> Image.Image:
    return Image.fromarray((alpha.clip(0, 1) * 255).round().astype(np.uint8))


@dataclass(frozen=True, slots=True)
class Fill:
    """A box in one colour."""

    box: Box
    colour: Colour

    def paint(self, card: Image.Image, photo: Image.Image, scale: float) -> None:
        """Paint it."""
        box = self.box.scaled(scale)
        card.paste(self.colour, (round(box.left), round(box.top), round(box.right), round(box.bottom)))


@dataclass(frozen=True, slots=True)
class Line:
    """A line along the edge of a shape, `inset` within it; no thinner than one pixel."""

    shape: Shape
    colour: Colour
    width: float
    inset: float = 0.0
    alpha: float = 1.0

    def paint(self, card: Image.Image, photo: Image.Image, scale: float) -> None:
        """Paint it."""
        half = max(0.5, self.width * scale / 2)
        reach = self.shape.box.grown(2 * (max(0.0, -self.inset) + half / scale))  # corners reach further
        for region, x, y in _strips(card, reach, scale):
            away = np.abs(self.shape.outside(x, y) + self.inset) * scale
            card.paste(self.colour, region, _mask((half + 0.5 - away).clip(0, 1) * self.alpha))


@dataclass(frozen=True, slots=True)
class Shadow:
    """What a shape throws on what lies under it."""

    shape: Shape
    reach: float
    strength: float
    down: float = 0.0

    def paint(self, card: Image.Image, photo: Image.Image, scale: float) -> None:
        """Paint it."""
        for region, x, y in _strips(card, self.shape.box.grown(self.reach + abs(self.down)), scale):
            near = (1 - self.shape.outside(x, y - self.down) / self.reach).clip(0, 1)
            card.paste((0, 0, 0), region, _mask(near**2.2 * self.strength))


@dataclass(frozen=True, slots=True)
class Picture:
    """The photo, or a part of it, in a shape."""

    shape: Shape
    part: tuple[int, int, int, int]  # of the photo, in its pixels: left, top, right, bottom
    box: Box  # where that part lies on the card; the shape is within it

    def paint(self, card: Image.Image, photo: Image.Image, scale: float) -> None:
        """Paint it; where a pixel of the photo is a pixel of the card, it stays as it is."""
        left, top = round(self.box.left * scale), round(self.box.top * scale)
        size = max(1, round(self.box.width * scale)), max(1, round(self.box.height * scale))
        part = self.part
        if size == (part[2] - part[0], part[3] - part[1]):
            shown = photo.crop(part)
        else:
            shown = photo.resize(size, Image.Resampling.LANCZOS, box=part, reducing_gap=3.0)
        if isinstance(self.shape, Rectangle):
            card.paste(shown, (left, top))
            return
        for region, x, y in _strips(card, self.shape.box, scale):
            within = (region[0] - left, region[1] - top, region[2] - left, region[3] - top)
            alpha = _mask(0.5 - self.shape.outside(x, y) * scale)
            card.paste(shown.crop(within), region, alpha)


_KNEE = 0.6  # change begins at that share of what may be, so that it comes on smoothly


def _fade(away: Floats) -> Floats:
    """1 inside, 0 from a distance of 1 on, and smooth in between."""
    near = (1 - away).clip(0, 1)
    out: Floats = (near * near * (3 - 2 * near)).astype(np.float32)
    return out


@dataclass(frozen=True, slots=True)
class Hush:
    """Makes what lies under a block quiet enough for writing: no pixel there is too near to the ink.

    Only what is too light for light ink is darkened, what is too dark for dark ink lightened, colours kept. Outside
    the box this fades away: soon where much would have to change, else a patch of shade would lie on a bright sky,
    and slowly where little does.
    """

    box: Box
    ink: Colour
    close: float  # where it has faded for what would change much
    reach: float  # and for what changes little
    soften: float  # 0 leaves texture as it is, 1 blurs it wholly
    blur: float

    def paint(self, card: Image.Image, photo: Image.Image, scale: float) -> None:
        """Paint it."""
        shape, grown = Rectangle(self.box), self.box.grown(self.reach)
        written = float(luminance(linear(np.array(self.ink, np.uint8))))
        bound = limit(written)
        soft = self._softened(card, grown, scale) if self.soften > 0 else None
        tint = self._tint(card, bound, written > 0.18, scale)
        for region, x, y in _strips(card, grown, scale):
            pixels = np.asarray(card.crop(region))
            away = shape.outside(x, y)
            light = linear(pixels)
            if soft:
                (left, top), image = soft
                part = image.crop((region[0] - left, region[1] - top, region[2] - left, region[3] - top))
                near = _fade(away / self.reach)[..., None] * self.soften
                light += (linear(np.asarray(part)) - light) * near
            bright = luminance(light)
            changed = (bright > _KNEE * bound) if written > 0.18 else (bright < bound / _KNEE)
            if changed.any():
                old, bright, away = light[changed], bright[changed], away[changed]
                quiet = _darkened(old, bright, bound) if written > 0.18 else _lightened(old, bright, bound)
                over = np.maximum((bright / bound if written > 0.18 else bound / np.maximum(bright, 1e-3)) - 1, 0)
                if tint is not None:  # white in it takes the colour around: a cloud becomes sky, not smoke
                    grey = old.min(axis=1) / np.maximum(old.max(axis=1), 1e-3)
                    much = np.maximum(over - 1, 0)
                    share = 0.85 * grey * much / (0.5 + much) * _fade(away / self.close)
                    quiet += (tint * luminance(quiet)[..., None] - quiet) * share[..., None]
                near = np.maximum(_fade(away / self.close), _fade(away / self.reach) / (1 + (over / 2) ** 4))
                light[changed] = old + (quiet - old) * near[..., None]
            card.paste(Image.fromarray(encoded(light)), region[:2])

    def _tint(self, card: Image.Image, bound: float, light_ink: bool, scale: float) -> Floats | None:
        """The colour, of luminance 1, of what is quiet already under the block; None where that is little."""
        box = self.box.scaled(scale)
        region = max(0.0, box.left), max(0.0, box.top), min(card.width, box.right), min(card.height, box.bottom)
        small = linear(np.asarray(card.resize((32, 32), Image.Resampling.BOX, box=region))).reshape(-1, 3)
        bright = luminance(small)
        quiet = small[(bright < bound) if light_ink else (bright > bound)]
        if len(quiet) < 0.15 * len(small):
            return None
        mean = quiet.mean(axis=0)
        out: Floats = mean / max(float(luminance(mean)), 1e-4)
        return out

    def _softened(self, card: Image.Image, box: Box, scale: float) -> tuple[tuple[int, int], Image.Image]:
        left, top = max(0, int(box.left * scale) - 1), max(0, int(box.top * scale) - 1)
        right, bottom = min(card.width, int(box.right * scale) + 2), min(card.height, int(box.bottom * scale) + 2)
        part = card.crop((left, top, right, bottom))
        return (left, top), part.filter(ImageFilter.GaussianBlur(self.blur * scale))


def _darkened(light: Floats, bright: Floats, bound: float) -> Floats:
    """Pixels brighter than _KNEE bound drawn in below `bound`, smoothly, their hue kept. light[n, 3], bright[n]."""
    room = (1 - _KNEE) * bound
    held = bound - room * np.exp((_KNEE * bound - bright) / room)
    out: Floats = light * (held / bright)[..., None]
    return out


def _lightened(light: Floats, bright: Floats, bound: float) -> Floats:
    """Pixels darker than bound / _KNEE raised above `bound`: first by more light of the same hue, then by haze."""
    room = bound / _KNEE - bound
    held = bound + room * np.exp((bright - bound - room) / room)
    lit = np.minimum(light * np.minimum(held / np.maximum(bright, 1e-6), 2.2)[..., None], 1)
    now = luminance(lit)
    out: Floats = lit + (1 - lit) * (np.maximum(held - now, 0) / np.maximum(1 - now, 1e-6))[..., None]
    return out


@dataclass(frozen=True, slots=True)
class Stamp:
    """A seal: what it says, where, in which red, on which ground."""

    text: str
    box: Box
    colour: Colour
    ground: Colour  # what shows where the red doesn't
    raised: bool  # 朱文, red characters in a red frame; else 白文, characters cut out of red


@dataclass(frozen=True, slots=True)
class Sheet:
    """A card in units: the photo's own pixels, so that at scale 1 the photo is shown in full resolution."""

    width: float
    height: float
    layers: tuple[Layer, ...]
    glyphs: tuple[Glyph, ...]
    inks: tuple[Colour, Colour]  # of the verse, of the small type
    stamp: Stamp
    text_area: Box  # what the layout gave the writing
