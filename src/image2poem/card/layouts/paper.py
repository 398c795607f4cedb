"""The photo on paper: a panel beside it, a poster with wide margins, a hanging scroll (立轴)."""

from __future__ import annotations

from image2poem.card.box import Box
from image2poem.card.scene import Scene, fitted
from image2poem.card.shapes import Rectangle
from image2poem.card.sheet import Fill, Layer, Line, Picture, Sheet, Stamp
from image2poem.card.typeset import Block


def _sheet(scene: Scene, width: float, height: float, layers: list[Layer], block: Block, area: Box) -> Sheet:
    tones = scene.tones
    stamp = Stamp(scene.words.seal, block.seal, tones.red, tones.seal_ground, raised=False)
    return Sheet(width, height, tuple(layers), block.glyphs, (tones.ink, tones.faint), stamp, area)


def _photo(scene: Scene, left: float, top: float) -> Picture:
    box = Box(left, top, left + scene.width, top + scene.height)
    return Picture(Rectangle(box), scene.whole, box)


def side(scene: Scene) -> Sheet:
    """The photo at the left, a panel of paper at the right."""
    width, height = float(scene.width), float(scene.height)
    largest = min(0.062 * scene.side, 0.1 * height)
    block = fitted(scene.columns(), Box(0, 0, 0.75 * width, 0.76 * height), largest)
    size = block.glyphs[0].size
    panel = max(block.width + 3.2 * size, 0.2 * width)
    total = width + panel
    area = Box(width, 0, total, height)
    block = block.placed(1, width + (panel - block.width) / 2, (height - block.height) * 0.46)
    layers: list[Layer] = [Fill(Rectangle(Box(0, 0, total, height)), scene.tones.paper), _photo(scene, 0, 0)]
    return _sheet(scene, total, height, layers, block, area)


def poster(scene: Scene) -> Sheet:
    """The photo high on a sheet of paper with wide margins; below it, or beside it if it is tall, the verse."""
    width, height = float(scene.width), float(scene.height)
    tones = scene.tones
    if height > 1.15 * width:
        margin = 0.16 * width
        block = fitted(scene.columns(), Box(0, 0, 1.1 * width, 0.8 * height), 0.062 * scene.side)
        size = block.glyphs[0].size
        total = margin + width + 1.5 * size + block.width + margin
        tall = height + 2 * margin * 1.1
        left, top = margin, margin * 1.1
        area = Box(left + width, 0, total, tall)
        block = block.placed(1, left + width + 1.5 * size, top)
    else:
        margin = 0.115 * width
        total = width + 2 * margin
        block = fitted(scene.columns(), Box(0, 0, 0.92 * width, 0.62 * total), 0.056 * total)
        size = block.glyphs[0].size
        left, top = margin, margin
        below = 1.5 * size
        tall = max(top + height + below + block.height + 1.25 * margin, 1.25 * total if width > 1.2 * height else 0)
        area = Box(0, top + height, total, tall)
        slack = tall - (top + height) - block.height - 1.25 * margin
        block = block.placed(1, left + width - block.width, top + height + max(below, slack * 0.62))
    layers: list[Layer] = [Fill(Rectangle(Box(0, 0, total, tall)), tones.paper), _photo(scene, left, top)]
    return _sheet(scene, total, tall, layers, block, area)


def scroll(scene: Scene) -> Sheet:
    """A hanging scroll: the photo mounted on cloth, the verse on the paper above it (诗塘)."""
    width, height = float(scene.width), float(scene.height)
    tones = scene.tones
    cloth = 0.085 * min(width, 1.4 * height)
    block = fitted(scene.columns(), Box(0, 0, 0.84 * width, 0.6 * width), 0.060 * min(width, scene.side))
    size = block.glyphs[0].size
    pond = block.height + 2.6 * size
    total = width + 2 * cloth
    top = 1.5 * cloth
    gap = 0.5 * cloth
    tall = top + pond + gap + height + 1.9 * cloth
    paper = Box(cloth, top, cloth + width, top + pond)
    block = block.placed(1, cloth + (width - block.width) / 2, top + 1.3 * size)
    picture = _photo(scene, cloth, top + pond + gap)
    edge = Rectangle(picture.box)
    layers: list[Layer] = [
        Fill(Rectangle(Box(0, 0, total, tall)), tones.mount),
        Fill(Rectangle(paper), tones.paper),
        picture,
        Line(Rectangle(paper), tones.line, 0.0025 * total, inset=-0.008 * total),
        Line(edge, tones.line, 0.0025 * total, inset=-0.008 * total),
    ]
    return _sheet(scene, total, tall, layers, block, paper)
