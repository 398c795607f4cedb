"""When and where a photo was taken, as its EXIF tells, in the words of those who wrote verse: 重阳, 暮, 岳阳楼.

Nothing here asks anybody: the calendar is a table, the places are a small file.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from image2poem.context.calendar import OPPOSITE, SEASONAL, look_up
from image2poem.context.daylight import part_of_day
from image2poem.context.gazetteer import places_at
from image2poem.model import Context, Photo

__all__ = ["read_context", "sentence"]

FIRST_YEAR = 1990  # nothing wrote EXIF before; clocks that were never set say 1970 or 1980
TROPICS = 15.0  # degrees of latitude: nearer to the equator there are no four seasons
CHINA = 8.0  # hours that clocks at all our places are ahead of UTC
_SPOKEN_SEASON = {"春": "春天", "夏": "夏天", "秋": "秋天", "冬": "冬天"}
_SPOKEN_HOUR = {"晨": "清晨", "暮": "傍晚", "夜": "夜晚"}  # that it is day needs no word


def read_context(photo: Photo, now: datetime | None = None) -> Context | None:
    """What the EXIF of a photo says of when and where it was taken; None if it says nothing that makes sense.

    The time is taken as the local time that cameras write. South of the equator the season is the opposite one, and
    neither solar terms nor the feasts of the sun's year are told; other festivals keep their days.

    Args:
        photo: as `load_photo` gives it.
        now: photos that say to be of a later day are not believed.
    """
    taken = _moment(photo.exif.get("datetime"), now or datetime.now())
    position = _position(photo.exif)
    latitude = position[0] if position else None
    places = tuple(place.name for place in places_at(*position)) if position else ()
    if taken is None:
        return Context(places=places) if places else None
    moment, zone = taken
    noon = 12.0
    if position and (zone is not None or places):
        noon += (CHINA if zone is None else zone) - position[1] / 15
    day = look_up(moment.date())
    season = _season(day.season, latitude)
    northern = season == day.season
    return Context(
        date=moment.date().isoformat(),
        lunar=day.lunar,
        season=season,
        solar_term=day.solar_term if northern else "",  # they are named after the northern year's weather
        hour=part_of_day(moment, latitude, noon),
        festivals=tuple(name for name in day.festivals if northern or name not in SEASONAL),
        places=places,
    )


def sentence(context: Context) -> str:
    """The context as somebody would say it: 秋天的傍晚，重阳，在岳阳楼。"""
    when = "的".join(filter(None, (_SPOKEN_SEASON.get(context.season), _SPOKEN_HOUR.get(context.hour))))
    where = f"在{context.places[0]}" if context.places else ""
    parts = list(filter(None, (when, *context.festivals[:1], where)))
    return "，".join(parts) + "。" if parts else ""


def _moment(text: object, now: datetime) -> tuple[datetime, float | None] | None:
    """The local time, and how many hours it is ahead of UTC if that is told."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    offset = moment.utcoffset()
    zone = None if offset is None else offset.total_seconds() / 3600
    moment = moment.replace(tzinfo=None)
    if moment.year < FIRST_YEAR or moment > now + timedelta(days=1):  # somewhere it is tomorrow already
        return None
    if (moment.month, moment.day, moment.hour) == (1, 1, 0):  # a clock that lost its time begins a year
        return None
    return moment, zone


def _position(exif: Mapping[str, Any]) -> tuple[float, float] | None:
    latitude, longitude = exif.get("latitude"), exif.get("longitude")
    if latitude is None or longitude is None or (latitude, longitude) == (0, 0):  # 0, 0: no satellite was in sight
        return None
    return float(latitude), float(longitude)


def _season(season: str, latitude: float | None) -> str:
    if latitude is None or latitude >= TROPICS:
        return season
    return OPPOSITE[season] if latitude <= -TROPICS else ""
