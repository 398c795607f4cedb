"""A band of paper below the photo, the verse in it in a line or two."""

from __future__ import annotations

from image2poem.card.block import Style, in_lines
from image2poem.card.box import Box
from image2poem.card.scene import Scene, fitted
from image2poem.card.shapes import Rectangle
from image2poem.card.sheet import Fill, Picture, Sheet, Stamp
from image2poem.card.typeset import Block, lines


def band(scene: Scene) -> Sheet:
    """The photo, and under it the verse, read from left to right."""
    width, height = float(scene.width), float(scene.height)
    style = Style(tracking=0.22, small=0.42, gap=0.55, seal=0.95, punctuation=scene.punctuation)
    blocks = [in_lines(scene.words, scene.fonts, rows, style) for rows in lines(scene.words.clauses)]
    largest = min(0.046 * width, 0.066 * scene.side) if width >= height else 0.068 * width
    area = Box(0.07 * width, 0, 0.93 * width, 0.55 * max(height, 0.5 * width))
    block: Block = fitted(blocks, area, largest, "middle", "start")
    size = block.glyphs[0].size
    pad = 1.35 * size
    block = block.placed(1, 0, height + pad - 0.1 * size)
    total = height + block.height + 2 * pad
    whole = Box(0, 0, width, height)
    paper = Box(0, height, width, total)
    layers = (
        Fill(Rectangle(Box(0, 0, width, total)), scene.tones.paper),
        Picture(Rectangle(whole), scene.whole, whole),
    )
    stamp = Stamp(scene.words.seal, block.seal, scene.tones.red, scene.tones.seal_ground, raised=False)
    return Sheet(width, total, layers, block.glyphs, (scene.tones.ink, scene.tones.faint), stamp, paper)
