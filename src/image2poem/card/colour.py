"""Colours of a card: drawn from the photo, and far enough apart to be read.

Tones are chosen in OKLCH (Björn Ottosson, "A perceptual color space for image processing", 2020), where equal steps
of lightness look equal whatever the hue; contrast is that of WCAG 2.2, 1.4.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.floating[Any]]
Colour = tuple[int, int, int]

LEAST_CONTRAST = 4.5  # WCAG 2.2 AA for text of any size
AIM = 4.8  # what we aim at, so that rounding to eight bits can't take us below

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def linear(values: NDArray[np.uint8]) -> Floats:
    """sRGB bytes to light, 0..1, of the same shape."""
    return _LINEAR[values]


def _linear(srgb: Floats) -> Floats:
    out: Floats = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return out


_LINEAR = _linear(np.arange(256, dtype=np.float32) / 255)


def encoded(light: Floats) -> NDArray[np.uint8]:
    """Light, 0..1, to sRGB bytes of the same shape."""
    light = np.clip(light, 0, 1)
    srgb = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    out: NDArray[np.uint8] = (srgb * 255).round().astype(np.uint8)
    return out


def luminance(light: Floats) -> Floats:
    """Relative luminance of linear light[..., 3] -> float32[...], 0 black .. 1 white."""
    out: Floats = light @ _LUMINANCE
    return out


def contrast(a: Colour, b: Colour) -> float:
    """How far two colours are apart, 1..21."""
    first, second = (float(luminance(linear(np.array(colour, np.uint8)))) for colour in (a, b))
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def oklab(light: Floats) -> Floats:
    """Linear light[..., 3] to lightness 0..1, a (green to red) and b (blue to yellow), each some ±0.3."""
    out: Floats = (np.cbrt(light @ _TO_LMS.T) @ _TO_LAB.T).astype(np.float32)
    return out


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """The sRGB colour of this lightness and hue (radians); where there is none so colourful, the nearest that is."""
    for part in (1.0, 0.85, 0.7, 0.55, 0.4, 0.25, 0.1, 0.0):
        lab = np.array([lightness, part * chroma * np.cos(hue), part * chroma * np.sin(hue)])
        light = np.linalg.solve(_TO_LMS, np.linalg.solve(_TO_LAB, lab) ** 3)
        if part == 0 or (light.min() > -1e-4 and light.max() < 1 + 1e-4):
            break
    red, green, blue = encoded(light.astype(np.float32)).tolist()
    return red, green, blue


def legible(ink: tuple[float, float, float], paper: Colour, least: float = AIM) -> Colour:
    """The colour oklch(*ink), moved away from the paper until it can be read on it."""
    lightness, chroma, hue = ink
    darker = luminance(linear(np.array(paper, np.uint8))) > 0.18
    while contrast(colour := oklch(lightness, chroma, hue), paper) < least and 0 < lightness < 1:
        lightness = max(0.0, lightness - 0.01) if darker else min(1.0, lightness + 0.01)
    return colour


@dataclass(frozen=True, slots=True)
class Tones:
    """The colours of one card."""

    dark: bool  # whether the photo is a night, and its paper too
    hue: float  # radians; what colour the photo is on the whole
    paper: Colour
    ink: Colour
    faint: Colour  # for the small type
    line: Colour  # hairlines; not for text
    mount: Colour  # a deeper tone of the photo's own, for cloth behind paper
    red: Colour  # the seal's
    seal_ground: Colour  # what shows through it


_WARM = 1.35  # radians; the hue of old paper


def tones(photo: Image.Image) -> Tones:
    """Paper, inks and mount in the photo's own colours."""
    small = photo.resize((48, 48), Image.Resampling.BOX)
    lab = oklab(linear(np.asarray(small)).reshape(-1, 3))
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    # the direction in which most of the colour points; greys have no say
    pull = np.array([lab[:, 1], lab[:, 2]]) @ chroma / max(float(chroma.sum()), 1e-6)
    strength = min(1.0, float(np.hypot(*pull)) / 0.06)
    hue = float(np.arctan2(pull[1], pull[0])) if strength > 0.15 else _WARM
    dark = float(np.median(lab[:, 0])) < 0.36 and float(np.quantile(lab[:, 0], 0.8)) < 0.62
    return _night(hue, strength) if dark else _day(hue, strength)


def _day(hue: float, strength: float) -> Tones:
    paper = oklch(0.965, 0.005 + 0.006 * strength, hue)
    return Tones(
        dark=False,
        hue=hue,
        paper=paper,
        ink=legible((0.26, 0.015 + 0.02 * strength, hue), paper, 9.0),
        faint=legible((0.46, 0.012 + 0.02 * strength, hue), paper, 5.5),
        line=oklch(0.80, 0.010 + 0.015 * strength, hue),
        mount=oklch(0.56, 0.015 + 0.03 * strength, hue),
        red=oklch(0.53, 0.17, 0.50),
        seal_ground=paper,
    )


def _night(hue: float, strength: float) -> Tones:
    paper = oklch(0.235, 0.010 + 0.018 * strength, hue)
    return Tones(
        dark=True,
        hue=hue,
        paper=paper,
        ink=legible((0.94, 0.008 + 0.012 * strength, hue), paper, 9.0),
        faint=legible((0.76, 0.012 + 0.015 * strength, hue), paper, 6.0),
        line=oklch(0.42, 0.015 + 0.02 * strength, hue),
        mount=oklch(0.15, 0.008 + 0.015 * strength, hue),
        red=oklch(0.53, 0.18, 0.50),
        seal_ground=oklch(0.94, 0.01, hue),
    )
