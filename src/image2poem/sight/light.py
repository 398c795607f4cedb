"""The colours and light of a photo, by a few numbers over a small copy of it, and what they give away.

They know what an image encoder is taught to look past: that the picture is dark, that its top is blue, that all is gold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL.Image import Resampling

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 64  # pixels of the small copy


@dataclass(frozen=True, slots=True)
class Light:
    """Measured over the photo squeezed into a square; luma, chroma and differences of channels on a scale of 0..1."""

    brightness: float  # mean luma
    contrast: float  # standard deviation of luma
    chroma: float  # mean of the largest less the smallest channel
    warmth: float  # mean of red less blue, -1..1
    top: float  # mean luma of the upper third
    top_chroma: float  # mean chroma of the upper third
    rough: float  # mean step of luma between neighbours in the upper third: leaves are rough, skies aren't
    blue_top: float  # share of the upper third that is blue as skies are: less red than green
    glow: float  # share of the upper two thirds that is orange, gold or pink
    green: float  # share that is green
    gold: float  # share of the lower two thirds that is red, brown, orange or gold
    white_low: float  # share of the lower third that is white


def measure(image: Image) -> Light:
    """The light of an RGB photo; a millisecond at 640 pixels."""
    small = image.resize((SIDE, SIDE), Resampling.BOX)
    pixels = np.asarray(small, np.float32) / 255
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = pixels.max(-1) - pixels.min(-1)
    third = SIDE // 3
    warm = (red > blue + 0.12) & (red > green - 0.02) & (chroma > 0.2)
    sky = (blue > red + 0.08) & (blue > green - 0.02) & (green >= red) & (luma > 0.3)
    return Light(
        brightness=float(luma.mean()),
        contrast=float(luma.std()),
        chroma=float(chroma.mean()),
        warmth=float((red - blue).mean()),
        top=float(luma[:third].mean()),
        top_chroma=float(chroma[:third].mean()),
        rough=float(np.abs(np.diff(luma[:third], axis=1)).mean()),
        blue_top=float(sky[:third].mean()),
        glow=float((warm & (luma > 0.25))[: 2 * third].mean()),
        green=float(((green > red + 0.02) & (green > blue + 0.04) & (chroma > 0.08)).mean()),
        gold=float((warm & (luma > 0.15))[third:].mean()),
        white_low=float(((luma > 0.7) & (chroma < 0.12))[2 * third :].mean()),
    )


def clues(light: Light) -> dict[str, float]:
    """What the numbers give away, each 0..1: nought below the first bound, sure from the second on.

    The bounds are where photos of the bench and of a set of weather photos begin to show it to the eye.
    """
    bright, smooth = light.brightness, _from(light.rough, 0.05, 0.02)
    return {
        "画面昏暗": _from(bright, 0.30, 0.15),
        "光线充足": _from(bright, 0.30, 0.45),
        "画面明亮": _from(bright, 0.45, 0.65),
        "上方蓝天": _from(light.blue_top, 0.3, 0.7) * _from(light.top, 0.28, 0.45),
        "天边暖光": _from(light.glow, 0.08, 0.35) * smooth,
        "天色灰白": _from(light.top_chroma, 0.12, 0.06) * _from(light.top, 0.3, 0.5) * smooth,
        "灰蒙蒙": _from(light.chroma, 0.12, 0.06) * _from(light.contrast, 0.25, 0.15) * _from(bright, 0.15, 0.35),
        "地面发白": _from(light.white_low, 0.12, 0.5),
        "满幅青绿": _from(light.green, 0.25, 0.6),
        "满幅金红": _from(light.gold, 0.25, 0.6),
        "色调偏暖": _from(light.warmth, 0.05, 0.2),
        "色调偏冷": _from(-light.warmth, 0.04, 0.16),
    }


def _from(value: float, none: float, sure: float) -> float:
    return min(1.0, max(0.0, (value - none) / (sure - none)))
