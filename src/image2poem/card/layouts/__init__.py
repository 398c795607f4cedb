"""The layouts: each turns a Scene (photo, words, colours) into a Sheet. A new one is a function and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from image2poem.card.layouts.band import band
from image2poem.card.layouts.overlay import overlay, square
from image2poem.card.layouts.paper import poster, scroll, side
from image2poem.card.layouts.window import fan, moon
from image2poem.card.scene import Scene
from image2poem.card.sheet import Sheet

Layout = Callable[[Scene], Sheet]

BY_NAME: Mapping[str, Layout] = {
    "overlay": overlay,
    "side": side,
    "band": band,
    "poster": poster,
    "scroll": scroll,
    "moon": moon,
    "fan": fan,
    "square": square,
}
