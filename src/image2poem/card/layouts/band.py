"""A band of paper below the photo, the verse in it in a line or two."""

from __future__ import annotations

from image2poem.card.block import Style, in_lines
from image2poem.card.box import Box
from image2poem.card.scene import Scene, fitted
from image2poem.card.shapes import Rectangle
from image2poem.card.sheet import Fill, Picture, Sheet
from image2poem.card.typeset import lines


def band(scene: Scene) -> Sheet:
    """The photo, and under it the verse, read from left to right."""
    width, height = scene.shown.size
    tones = scene.tones
    style = Style(tracking=0.22, small=0.42, gap=0.55, seal=0.95, punctuation=scene.punctuation)
    blocks = [in_lines(scene.words, scene.fonts, rows, style) for rows in lines(scene.words.clauses)]
    largest = min(0.046 * width, 0.066 * scene.shown.side) if width >= height else 0.068 * width
    block = fitted(blocks, Box(0, 0, 0.86 * width, 0.55 * max(height, 0.5 * width)), largest)
    pad = 1.35 * block.size
    block = block.placed(1, (width - block.width) / 2, height + 0.93 * pad)
    total = height + block.height + 2 * pad
    photo = Box(0, 0, width, height)
    layers = (Fill(Box(0, 0, width, total), tones.paper), Picture(Rectangle(photo), scene.shown, photo))
    area = Box(0, height, width, total)
    return Sheet(width, total, layers, block.glyphs, (tones.ink, tones.faint), scene.stamp(block.seal), area)
