"""Outlines that a photo is cut to: a rectangle, a disc (团扇, 月窗) and a folding fan (折扇).

Each says how far a point lies outside it; from that come smooth edges, hairlines along them and shadows, at any size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from image2poem.card.box import Box
from image2poem.card.colour import Floats


class Shape(Protocol):
    """An outline."""

    @property
    def box(self) -> Box:
        """The smallest box around it."""

    def outside(self, x: Floats, y: Floats) -> Floats:
        """How far points lie outside; negative inside. x and y are broadcast."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A box."""

    box: Box

    def outside(self, x: Floats, y: Floats) -> Floats:
        """How far points lie outside, round at the corners."""
        (cx, cy), wide, high = self.box.centre, self.box.width / 2, self.box.height / 2
        across, down = np.abs(x - cx) - wide, np.abs(y - cy) - high
        out: Floats = np.minimum(np.maximum(across, down), 0) + np.hypot(np.maximum(across, 0), np.maximum(down, 0))
        return out


@dataclass(frozen=True, slots=True)
class Disc:
    """A circle around (x, y)."""

    x: float
    y: float
    radius: float

    @property
    def box(self) -> Box:
        """The square around it."""
        return Box(self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius)

    def outside(self, x: Floats, y: Floats) -> Floats:
        """How far points lie outside."""
        out: Floats = np.hypot(x - self.x, y - self.y) - self.radius
        return out


@dataclass(frozen=True, slots=True)
class Fan:
    """The paper of an open folding fan whose rivet is at (x, y), opened by `half` radians to each side."""

    x: float
    y: float
    outer: float
    inner: float
    half: float

    @property
    def box(self) -> Box:
        """The box around it, the rivet below not included."""
        wide = self.outer * math.sin(self.half)
        return Box(self.x - wide, self.y - self.outer, self.x + wide, self.y - self.inner * math.cos(self.half))

    def outside(self, x: Floats, y: Floats) -> Floats:
        """How far points lie outside (at the corners a little less than it says)."""
        across, up = np.abs(x - self.x), self.y - y
        distance = np.hypot(across, up)
        beside = across * math.cos(self.half) - up * math.sin(self.half)
        out: Floats = np.maximum(np.maximum(distance - self.outer, self.inner - distance), beside)
        return out
