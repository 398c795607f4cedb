"""Where a photo has room for writing: how busy each part of it is, and the calmest place for a block of a given size.

Busy is what has edges and texture (local contrast) and what draws the eye (saliency: parts that differ in colour from
what surrounds them, near and far, after Achanta et al., "Frequency-tuned salient region detection", CVPR 2009).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from PIL import Image

from image2poem.card.box import Box
from image2poem.card.colour import AIM, Floats, linear, luminance, oklab

SIDE = 192  # pixels on the longer side of the map


@dataclass(frozen=True, eq=False)
class Ground:
    """A photo as one sees it who looks for a place to write; arrays float32[h, w]."""

    texture: Floats  # local contrast, 0 .. about 1
    pull: Floats  # how much it draws the eye, 0..1
    too_light: Floats  # how far it would have to be darkened for light ink, 0..1 in perceived lightness
    too_dark: Floats  # how far it would have to be lightened for dark ink
    lightness: Floats

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of the map."""
        return self.texture.shape[1], self.texture.shape[0]

    @cached_property
    def sums(self) -> dict[str, Floats]:
        """For means over boxes: of each array above, and of lightness squared, the sums from the corner on."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)} | {"square": self.lightness**2}
        return {name: _sums(values) for name, values in arrays.items()}

    def lighter_by(self, box: Box) -> float:
        """How far a part (in shares) would have to be darkened for light ink, where it is lightest."""
        wide, high = self.size
        part = self.too_light[
            int(box.top * high) : max(int(box.top * high) + 1, round(box.bottom * high)),
            int(box.left * wide) : max(int(box.left * wide) + 1, round(box.right * wide)),
        ]
        return float(np.quantile(part, 0.9)) if part.size else 0.0


def _blurred(values: Floats, radius: int) -> Floats:
    """The mean over a square of 2 radius + 1 pixels; the edge goes on beyond itself."""
    side = 2 * radius + 1
    return _means(_sums(np.pad(values, radius, mode="edge")), side, side)


def survey(photo: Image.Image, part: tuple[float, float, float, float]) -> Ground:
    """Look over a part of a photo, in its pixels."""
    wide, high = part[2] - part[0], part[3] - part[1]
    scale = SIDE / max(wide, high)
    size = max(8, round(wide * scale)), max(8, round(high * scale))
    light = linear(np.asarray(photo.resize(size, Image.Resampling.BOX, box=part)))
    lab = oklab(light)
    edges = np.zeros(lab.shape[:2], np.float32)
    for axis in (0, 1):
        step = np.gradient(lab, axis=axis)
        edges += (step**2).sum(axis=-1)
    texture = np.minimum(np.sqrt(_blurred(edges, 2)) / 0.06, 1.0).astype(np.float32)

    flat = [np.ascontiguousarray(lab[..., i]) for i in range(3)]
    near = [_blurred(channel, 2) for channel in flat]
    far = [_blurred(channel, SIDE // 5) for channel in flat]
    whole = [channel.mean() for channel in flat]
    differs = np.sqrt(sum((a - b) ** 2 for a, b in zip(near, far, strict=True)))
    stands_out = np.sqrt(sum((a - b) ** 2 for a, b in zip(near, whole, strict=True)))
    pull = _blurred((0.6 * differs + 0.4 * stands_out).astype(np.float32), 2)
    pull = (pull / max(float(np.quantile(pull, 0.98)), 0.05)).clip(0, 1).astype(np.float32)

    bright = luminance(light)
    ceiling, floor = np.cbrt(limit(1.0)), np.cbrt(limit(0.012))
    tone = np.cbrt(bright)
    return Ground(
        texture,
        pull,
        np.maximum(tone - ceiling, 0).astype(np.float32),
        np.maximum(floor - tone, 0).astype(np.float32),
        lab[..., 0],
    )


def limit(ink: float) -> float:
    """The luminance that the ground mustn't exceed (light ink) or fall below (dark ink) to be AIM:1 away from it."""
    if ink > 0.18:
        return (ink + 0.05) / AIM - 0.05
    return (ink + 0.05) * AIM - 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block may stand: its box in shares of the photo's width and height, and what speaks against it."""

    box: Box
    light_ink: bool
    cost: float
    busy: float  # texture there, 0..1
    change: float  # how far its tone must be changed for the ink, 0..1 in perceived lightness


def _sums(values: Floats) -> Floats:
    out: Floats = np.pad(values.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return out


def _means(sums: Floats, width: int, height: int) -> Floats:
    out: Floats = (
        sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    ) / (width * height)
    return out


def _uneven(sums: Floats, width: int, height: int) -> Floats:
    """Between the mean over a box and that over the worst of its three storeys: half calm isn't calm."""
    storey = max(1, height // 3)
    whole, part = _means(sums, width, height), _means(sums, width, storey)
    rows = len(whole)
    starts = (0, (height - storey) // 2, height - storey)
    worst = np.max([part[start : start + rows] for start in starts], axis=0)
    out: Floats = (whole + worst) / 2
    return out


def find_place(
    ground: Ground, width: float, height: float, margin: tuple[float, float], covering: bool = False
) -> Place | None:
    """The calmest place for a block.

    Args:
        covering: the block hides what is under it, so that only what it would hide counts.
        width, height: of the block, in shares of the photo's.
        margin: what must stay free at the sides, and at top and bottom, in the same shares.

    Returns:
        None where the block doesn't fit.
    """
    across, down = ground.size
    wide, high = max(1, round(width * across)), max(1, round(height * down))
    left, top = round(margin[0] * across), round(margin[1] * down)
    if wide > across - 2 * left or high > down - 2 * top:
        return None
    sums = ground.sums
    texture = _uneven(sums["texture"], wide, high)
    pull = _means(sums["pull"], wide, high)
    light = _means(sums["too_light"], wide, high)
    dark = _means(sums["too_dark"], wide, high)
    mean = _means(sums["lightness"], wide, high)
    spread = np.sqrt(np.maximum(_means(sums["square"], wide, high) - mean**2, 0))
    rows, columns = texture.shape
    x = (np.arange(columns) + wide / 2) / across
    y = (np.arange(rows) + high / 2) / down
    # a block in the very middle is a label stuck on; at a third it is part of the picture
    middling = np.exp(-(((x - 0.5) / 0.13) ** 2))[None, :] * np.exp(-(((y - 0.5) / 0.22) ** 2))[:, None]
    left_side = (x < 0.5)[None, :] * 0.015  # verse begins at the right
    dark = 2.0 * dark + 0.03  # haze shows more than shade
    tone = np.minimum(light, dark)
    place = 0.18 * middling + left_side
    cost = pull + place if covering else 1.1 * texture + 0.9 * pull + 2.0 * tone + 1.1 * spread + place
    cost[:top] = cost[rows - top :] = np.inf
    cost[:, :left] = cost[:, columns - left :] = np.inf
    if not np.isfinite(cost).any():
        return None
    row, col = np.unravel_index(int(np.argmin(cost)), cost.shape)
    box = Box(col / across, row / down, (col + wide) / across, (row + high) / down)
    light_ink = bool(light[row, col] <= dark[row, col])
    return Place(box, light_ink, float(cost[row, col]), float(texture[row, col]), float(tone[row, col]))


def focus(ground: Ground, shape: float, core: float = 1.0) -> tuple[float, float]:
    """The middle of the largest part of this shape (width : height) that shows what draws the eye, in shares.

    Args:
        core: what counts is that share of the part's width and height, in its middle; the corners of a disc show little.
    """
    across, down = ground.size
    wide = max(1, round(core * min(across, down * shape)))
    high = max(1, round(core * min(down, across / shape)))
    weight = ground.pull + 0.35 * ground.texture + 0.05
    found = _means(_sums(weight), wide, high)
    rows, columns = found.shape
    x = np.linspace(-1, 1, columns) if columns > 1 else np.zeros(1)
    y = np.linspace(-1, 1, rows) if rows > 1 else np.zeros(1)
    found = found - 0.10 * np.hypot(x[None, :], y[:, None]) * float(found.mean())  # rather the middle
    row, col = np.unravel_index(int(np.argmax(found)), found.shape)
    return (col + wide / 2) / across, (row + high / 2) / down
