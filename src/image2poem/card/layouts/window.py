"""The photo through a window cut in paper: a round one (月窗, 团扇) and a folding fan (折扇)."""

from __future__ import annotations

import math

from image2poem.card.box import Box
from image2poem.card.scene import Part, Scene, fitted
from image2poem.card.shapes import Disc, Fan, Shape
from image2poem.card.sheet import Fill, Line, Picture, Sheet


def moon(scene: Scene) -> Sheet:
    """A disc of the photo on a tall sheet, the verse below it."""
    part = scene.part(1.0, 0.7)
    across = part.size[0]
    total = across / 0.74
    margin = (total - across) / 2
    disc = Disc(total / 2, margin * 0.95 + across / 2, across / 2)
    return _framed(scene, part, disc, total, margin * 0.95 + across)


def fan(scene: Scene) -> Sheet:
    """A folding fan of the photo, the verse below it."""
    half = math.radians(66)
    inner = 0.40
    high = 1 - inner * math.cos(half)
    part = scene.part(2 * math.sin(half) / high, 0.55)
    across = part.size[0]
    outer = across / (2 * math.sin(half))
    total = across / 0.86
    top = 0.11 * total
    shape = Fan(total / 2, top + outer, outer, inner * outer, half)
    return _framed(scene, part, shape, total, top + shape.box.height)


def _framed(scene: Scene, part: Part, shape: Shape, total: float, end: float) -> Sheet:
    """A sheet `total` wide with the part of the photo in a shape that ends at `end`, and the words below it."""
    tones, box = scene.tones, shape.box
    block = fitted(scene.columns(), Box(0, 0, 0.72 * total, 0.62 * total), 0.052 * total)
    tall = max(end + block.height + 3.2 * block.size, 1.25 * total)
    block = block.placed(1, (total - block.width) / 2, end + 0.42 * (tall - end - block.height))
    layers = (
        Fill(Box(0, 0, total, tall), tones.paper),
        Picture(shape, part, Box(box.left, box.top, box.left + part.width, box.top + part.height)),
        Line(shape, tones.line, 0.0026 * total, inset=-0.012 * total),
    )
    area = Box(0, end, total, tall)
    return Sheet(total, tall, layers, block.glyphs, (tones.ink, tones.faint), scene.stamp(block.seal), area)
