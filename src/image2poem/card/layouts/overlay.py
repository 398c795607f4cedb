"""Verse written on the photo itself, where it is calm (题画): on the whole photo, or on a square of it for feeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from image2poem.card.box import Box, around
from image2poem.card.calm import Ground, Place, find_place
from image2poem.card.colour import oklch
from image2poem.card.scene import Part, Scene
from image2poem.card.shapes import Rectangle
from image2poem.card.sheet import Fill, Hush, Layer, Line, Picture, Shadow, Sheet
from image2poem.card.typeset import Block

_SIZES = (0.078, 0.069, 0.061, 0.054, 0.048)  # of the photo's side: the larger the better, where it is calm
_SMALLER = 0.06  # what a step down in size must gain in calm
_BUSY = 0.5  # texture above which the words are put on a slip of paper
_COSTLY = 1.28  # or all that speaks against the best place
_ON_SLIP = (0.058, 0.05)
_AIR = 0.5  # em around words on the photo
_RIM = 0.85  # em of paper around words on a slip
_MARGIN = 0.07  # of the photo's shorter side
_SEAL_GROUND = (250, 246, 240)


def overlay(scene: Scene) -> Sheet:
    """The whole photo, verse upon it."""
    return _written(scene, [scene.shown])


def square(scene: Scene) -> Sheet:
    """A square of the photo, verse upon it, a hairline around."""
    parts = scene.parts(1.0)
    side = parts[0].side
    frame = Line(Rectangle(Box(0, 0, side, side)), (255, 255, 255), 0.0022 * side, inset=0.034 * side, alpha=0.75)
    return _written(scene, parts, (frame,))


@dataclass(frozen=True, slots=True)
class _Try:
    """Words at one size in one place of one part of the photo."""

    part: Part
    block: Block
    place: Place
    cost: float


def _written(scene: Scene, parts: Sequence[Part], above: tuple[Layer, ...] = ()) -> Sheet:
    tries = [found for i, part in enumerate(parts) for found in _tries(scene, part, _SIZES, 0.05 * i)]
    best = min(tries, key=lambda found: found.cost, default=None)
    if best and best.place.busy <= _BUSY and best.cost <= _COSTLY:
        return _on_photo(scene, best, above)
    for size in _ON_SLIP:
        if tries := _tries(scene, parts[0], (size,), covering=True):
            return _on_slip(scene, parts[0], min(tries, key=lambda found: found.cost).block, above)
    return _on_slip(scene, parts[0], _squeezed(scene, parts[0]), above)


def _tries(scene: Scene, part: Part, sizes: Sequence[float], cost: float = 0.0, covering: bool = False) -> list[_Try]:
    """The calmest place for each size and each way to break the verse; none where the words don't fit."""
    ground = scene.survey(part)
    width, height = part.size
    air = _RIM if covering else _AIR
    margin = _MARGIN * min(width, height)
    found = []
    for (step, share), (plain, block) in product(enumerate(sizes), enumerate(scene.columns())):
        size = share * part.side
        wide, high = (block.width + 2 * air) * size, (block.height + 2 * air) * size
        place = find_place(ground, wide / width, high / height, (margin / width, margin / height), covering)
        if place:
            at = place.box.left * width + air * size, place.box.top * height + air * size
            against = cost + place.cost + _SMALLER * step + 0.04 * plain
            found.append(_Try(part, block.placed(size, *at), place, against))
    return found


def _squeezed(scene: Scene, part: Part) -> Block:
    """The words on a slip as large as they can be, in the middle of a part in which no size fits."""
    room = Box(0, 0, part.width, part.height).grown(-0.03 * min(part.width, part.height))

    def size(block: Block) -> float:
        return min(room.width / (block.width + 2 * _RIM), room.height / (block.height + 2 * _RIM))

    block = max(scene.columns(), key=size)
    scale = size(block)
    return block.placed(scale, (part.width - block.width * scale) / 2, (part.height - block.height * scale) / 2)


def _on_photo(scene: Scene, best: _Try, above: tuple[Layer, ...]) -> Sheet:
    """The photo made a little quieter where the words stand."""
    part, block, place = best.part, best.block, best.place
    size, hue = block.size, scene.tones.hue
    ink = oklch(0.985, 0.012, hue) if place.light_ink else oklch(0.19, 0.03, hue)
    area = block.ink.grown(0.35 * size)
    # shade hardly shows, least of all where it comes in from an edge; haze is seen at once
    hushed = _out_to_edges(area, scene.survey(part), part) if place.light_ink else area
    hush = Hush(
        hushed,
        ink,
        close=2.0 * size,
        reach=(5.5 if place.light_ink else 2.0) * size,
        soften=min(0.85, max(0.0, (place.busy - 0.22) / 0.4)),
        blur=0.22 * size,
    )
    stamp = scene.stamp(block.seal, _SEAL_GROUND)
    return Sheet(part.width, part.height, (_picture(part), hush, *above), block.glyphs, (ink, ink), stamp, area)


def _on_slip(scene: Scene, part: Part, block: Block, above: tuple[Layer, ...]) -> Sheet:
    """A slip of paper (签) laid on the photo, where nothing is calm enough."""
    tones, size = scene.tones, block.size
    slip = Rectangle(block.ink.grown(_RIM * size))
    layers = (
        _picture(part),
        *above,
        Shadow(slip, 0.8 * size, 0.42, 0.12 * size),
        Fill(slip.box, tones.paper),
        Line(slip, tones.line, 0.03 * size, inset=0.28 * size),
    )
    return Sheet(
        part.width, part.height, layers, block.glyphs, (tones.ink, tones.faint), scene.stamp(block.seal), slip.box
    )


def _picture(part: Part) -> Picture:
    box = Box(0, 0, part.width, part.height)
    return Picture(Rectangle(box), part, box)


def _out_to_edges(box: Box, ground: Ground, part: Part) -> Box:
    """As far as the sides that are near, unless there is something light on the way that would have to be darkened."""
    most = ground.lighter_by(_share(box, part)) + 0.015
    for beside in (
        Box(0, box.top, box.left, box.bottom)
        if box.left < part.width - box.right
        else Box(box.right, box.top, part.width, box.bottom),
        Box(box.left, 0, box.right, box.top)
        if box.top < part.height - box.bottom
        else Box(box.left, box.bottom, box.right, part.height),
    ):
        if ground.lighter_by(_share(beside, part)) <= most:
            box = around([box, beside])
    return box


def _share(box: Box, part: Part) -> Box:
    return Box(box.left / part.width, box.top / part.height, box.right / part.width, box.bottom / part.height)
