"""The photo on paper: a panel beside it, a poster with wide margins, a hanging scroll (立轴)."""

from __future__ import annotations

from collections.abc import Sequence

from image2poem.card.box import Box
from image2poem.card.scene import Scene, fitted
from image2poem.card.shapes import Rectangle
from image2poem.card.sheet import Fill, Layer, Line, Picture, Sheet
from image2poem.card.typeset import Block


def side(scene: Scene) -> Sheet:
    """The photo at the left, a panel of paper at the right."""
    width, height = scene.shown.size
    block = fitted(scene.columns(), Box(0, 0, 0.75 * width, 0.76 * height), min(0.062 * scene.shown.side, 0.1 * height))
    panel = max(block.width + 3.2 * block.size, 0.2 * width)
    block = block.placed(1, width + (panel - block.width) / 2, (height - block.height) * 0.46)
    area = Box(width, 0, width + panel, height)
    return _sheet(scene, (width + panel, height), (_photo(scene, 0, 0),), block, area)


def poster(scene: Scene) -> Sheet:
    """The photo high on a sheet of paper with wide margins; below it, or beside it if it is tall, the verse."""
    width, height = scene.shown.size
    return _tall_poster(scene) if height > 1.15 * width else _wide_poster(scene)


def _tall_poster(scene: Scene) -> Sheet:
    width, height = scene.shown.size
    margin = 0.16 * width
    top = 1.1 * margin
    block = fitted(scene.columns(), Box(0, 0, 1.1 * width, 0.8 * height), 0.062 * scene.shown.side)
    beside = margin + width + 1.5 * block.size
    block = block.placed(1, beside, top)
    total, tall = beside + block.width + margin, height + 2 * top
    area = Box(margin + width, 0, total, tall)
    return _sheet(scene, (total, tall), (_photo(scene, margin, top),), block, area)


def _wide_poster(scene: Scene) -> Sheet:
    width, height = scene.shown.size
    margin = 0.115 * width
    total = width + 2 * margin
    end = margin + height  # of the photo
    block = fitted(scene.columns(), Box(0, 0, 0.92 * width, 0.62 * total), 0.056 * total)
    least = end + 1.5 * block.size + block.height + 1.25 * margin
    tall = max(least, 1.25 * total) if width > 1.2 * height else least
    room = tall - end - block.height - 1.25 * margin
    block = block.placed(1, margin + width - block.width, end + max(1.5 * block.size, 0.62 * room))
    return _sheet(scene, (total, tall), (_photo(scene, margin, margin),), block, Box(0, end, total, tall))


def scroll(scene: Scene) -> Sheet:
    """A hanging scroll: the photo mounted on cloth, the verse on the paper above it (诗塘)."""
    width, height = scene.shown.size
    tones = scene.tones
    cloth = 0.085 * min(width, 1.4 * height)
    top, between, bottom = 1.5 * cloth, 0.5 * cloth, 1.9 * cloth
    block = fitted(scene.columns(), Box(0, 0, 0.84 * width, 0.6 * width), 0.060 * min(width, scene.shown.side))
    paper = Box(cloth, top, cloth + width, top + block.height + 2.6 * block.size)
    block = block.placed(1, cloth + (width - block.width) / 2, top + 1.3 * block.size)
    picture = _photo(scene, cloth, paper.bottom + between)
    total, tall = width + 2 * cloth, picture.box.bottom + bottom
    thin, off = 0.0025 * total, -0.008 * total
    layers: tuple[Layer, ...] = (
        Fill(Box(0, 0, total, tall), tones.mount),
        Fill(paper, tones.paper),
        picture,
        Line(Rectangle(paper), tones.line, thin, inset=off),
        Line(Rectangle(picture.box), tones.line, thin, inset=off),
    )
    return _sheet(scene, (total, tall), layers, block, paper)


def _photo(scene: Scene, left: float, top: float) -> Picture:
    width, height = scene.shown.size
    box = Box(left, top, left + width, top + height)
    return Picture(Rectangle(box), scene.shown, box)


def _sheet(scene: Scene, size: tuple[float, float], layers: Sequence[Layer], block: Block, area: Box) -> Sheet:
    """Layers and words on paper of this size."""
    tones = scene.tones
    paper = Fill(Box(0, 0, *size), tones.paper)
    return Sheet(*size, (paper, *layers), block.glyphs, (tones.ink, tones.faint), scene.stamp(block.seal), area)
