"""The seal (印): cut by us, as if in stone. 白文 is cut into the stone and prints white on red; 朱文 stands out, red on white."""

from __future__ import annotations

import zlib

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from image2poem.card.fonts import Fonts

_LARGER = 4  # cut at so many times the size, then shrunk
_GRAINS = 48  # of the stone along its shorter side


def seal(text: str, fonts: Fonts, width: int, height: int, raised: bool) -> tuple[Image.Image, Image.Image]:
    """A seal's print.

    Args:
        text: one to four characters; four are read from the right column down.
        width, height: in pixels.
        raised: 朱文 rather than 白文.

    Returns:
        Two masks ("L") of that size: the red, and the whole stone, to lay a ground under it.
    """
    large = min(_LARGER, max(1, 2400 // max(width, height)))
    size = width * large, height * large
    short = min(size)
    stone = Image.new("L", size)
    edge = round(0.02 * short)
    ImageDraw.Draw(stone).rounded_rectangle((edge, edge, size[0] - edge - 1, size[1] - edge - 1), 0.09 * short, 255)
    cut = Image.new("L", size)
    rim = (0.115 if raised else 0.10) * short
    for char, box in _cells(text, size, rim, 0.05 * short):
        _carve(cut, char, box, fonts, 0.018 * short if raised else 0.030 * short)
    if raised:
        inner = Image.new("L", size)
        thick = round(0.055 * short) + edge
        ImageDraw.Draw(inner).rounded_rectangle(
            (thick, thick, size[0] - thick - 1, size[1] - thick - 1), 0.06 * short, 255
        )
        red = ImageChops.lighter(ImageChops.subtract(stone, inner), cut)
    else:
        red = ImageChops.subtract(stone, cut)
    seed = zlib.crc32(text.encode())
    whole = (width, height)
    return (
        _worn(red, short, seed).resize(whole, Image.Resampling.BOX),
        _worn(stone, short, seed).resize(whole, Image.Resampling.BOX),
    )


def _cells(
    text: str, size: tuple[int, int], rim: float, gap: float
) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Each character's place: one or two stand in one column, three or four in two, the right one first."""
    columns = [text] if len(text) <= 2 else [text[:2], text[2:]]
    wide = (size[0] - 2 * rim - (len(columns) - 1) * gap) / len(columns)
    out = []
    for number, column in enumerate(columns):
        left = size[0] - rim - wide - number * (wide + gap)
        high = (size[1] - 2 * rim - (len(column) - 1) * gap) / len(column)
        for row, char in enumerate(column):
            top = rim + row * (high + gap)
            out.append((char, (left, top, left + wide, top + high)))
    return out


def _carve(cut: Image.Image, char: str, box: tuple[float, float, float, float], fonts: Fonts, weight: float) -> None:
    """A character that fills its place, its strokes brought nearer to one thickness, as a graver cuts them."""
    face = fonts.face(char)
    if face is None:
        raise ValueError(f"no font has {char!r}")
    wide, high = box[2] - box[0], box[3] - box[1]
    mask, _ = face.mask(char, max(wide, high), max(wide, high), max(wide, high), False)
    weight *= max(0.2, 1.3 - 2.6 * float(np.asarray(mask).mean()) / 255)  # many strokes leave no room between them
    # a thin character (一, 卜) is stretched, but not to a slab
    target = (
        round(min(wide, max(mask.width * 2.2, 0.3 * wide)) - weight),
        round(min(high, max(mask.height * 2.2, 0.12 * high)) - weight),
    )
    mask = mask.resize((max(1, target[0]), max(1, target[1])), Image.Resampling.LANCZOS)
    canvas = Image.new("L", cut.size)
    canvas.paste(mask, (round(box[0] + (wide - mask.width) / 2), round(box[1] + (high - mask.height) / 2)))
    across, down = 0.35 * weight, 1.0 * weight  # in print type the level strokes are the thin ones
    thick = canvas
    for step in range(1, 4):
        for x, y in ((across, 0), (-across, 0), (0, down), (0, -down)):
            moved = ImageChops.offset(canvas, round(x * step / 6), round(y * step / 6))
            thick = ImageChops.lighter(thick, moved)
    cut.paste(255, (0, 0), thick)


def _worn(mask: Image.Image, short: int, seed: int) -> Image.Image:
    """Edges as stone breaks and cinnabar prints: rounded a little, with nicks; the same for the same text."""
    noise = np.random.default_rng(seed)
    small = round(_GRAINS * mask.width / short), round(_GRAINS * mask.height / short)
    grain = Image.fromarray(noise.integers(0, 256, (small[1], small[0]), np.uint8))
    fine = np.asarray(grain.resize(mask.size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(0.012 * short)))
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(0.011 * short)), np.float32) / 255
    rough = (fine.astype(np.float32) - fine.mean()) / max(float(fine.std()), 1.0)
    alpha = (soft + 0.085 * rough - 0.5) * 6 + 0.5
    return Image.fromarray((alpha.clip(0, 1) * 255).astype(np.uint8))
