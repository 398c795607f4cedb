"""Places that verse names, and how far each reaches: where a photo was taken, without asking anybody."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from image2poem.errors import ModelError

_FILE = Path(__file__).parent.parent / "data" / "places.json"
_EARTH = 6371.0  # km, mean radius
MOST = 3  # places told at most


@dataclass(frozen=True, slots=True)
class Place:
    """A place and the names that verse has for it."""

    name: str
    words: tuple[str, ...]
    circles: tuple[tuple[float, float, float], ...]  # latitude and longitude in degrees (WGS 84), radius in km


@lru_cache
def load_places(path: Path = _FILE) -> tuple[Place, ...]:
    """The places that the package knows.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        rows = json.loads(path.read_text("utf-8"))
        return tuple(Place(row["name"], tuple(row["words"]), tuple(map(tuple, row["at"]))) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the places in {path} can't be read ({error}); install image2poem again") from None


def places_at(latitude: float, longitude: float) -> tuple[Place, ...]:
    """The places that a point lies in, the most particular first: 岳阳楼, then 洞庭湖.

    Args:
        latitude, longitude: degrees, south and west negative.
    """
    found = []
    for place in load_places():
        reaches = [
            (radius, distance)
            for north, east, radius in place.circles
            if (distance := _km(latitude, longitude, north, east)) <= radius
        ]
        if reaches:
            found.append((min(reaches), place))
    return tuple(place for _, place in sorted(found, key=lambda item: item[0])[:MOST])


def _km(latitude: float, longitude: float, north: float, east: float) -> float:
    """Great-circle distance by the haversine formula."""
    a, b = math.radians(latitude), math.radians(north)
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(east - longitude) / 2) ** 2
    return 2 * _EARTH * math.asin(min(1.0, math.sqrt(half)))
