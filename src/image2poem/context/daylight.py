"""Which part of the day a clock's time is, by where the sun stands then."""

from __future__ import annotations

import math
from datetime import datetime

USUAL = 34.0  # degrees north: Chang'an, Luoyang; for photos that don't tell their latitude
BEFORE_SUNRISE, AFTER_SUNRISE = 0.75, 1.5  # hours that are morning still
BEFORE_SUNSET, AFTER_SUNSET = 1.0, 0.75  # hours that are evening


def part_of_day(moment: datetime, latitude: float | None = None, noon: float = 12.0) -> str:
    """晨 昼 暮 or 夜.

    Sunrise and sunset by the sunrise equation, right to some ten minutes: the equation of time is left out.

    Args:
        moment: the local time.
        latitude: degrees, south negative; None: `USUAL`.
        noon: the hour at which the sun stands highest by that clock.
    """
    season = 2 * math.pi * (moment.timetuple().tm_yday + 10) / 365.25
    declination = -math.radians(23.44) * math.cos(season)
    height = -math.tan(math.radians(USUAL if latitude is None else latitude)) * math.tan(declination)
    if abs(height) >= 1:  # beyond the polar circles the sun may not rise, or not set
        return "夜" if height > 0 else "昼"
    half = math.degrees(math.acos(height)) / 15  # hours from noon to sunset
    hour = moment.hour + moment.minute / 60
    from_noon = (hour - noon + 12) % 24 - 12
    if -half - BEFORE_SUNRISE <= from_noon < -half + AFTER_SUNRISE:
        return "晨"
    if half - BEFORE_SUNSET <= from_noon < half + AFTER_SUNSET:
        return "暮"
    return "昼" if abs(from_noon) < half else "夜"
