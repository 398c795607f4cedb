"""The Chinese calendar of a day: its lunar date, season, solar term (节气) and the festivals that it falls on or near.

Lunar months and solar terms are the tables of the Hong Kong Observatory, 1901 to 2100, as the package cnlunar has them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from image2poem.errors import ModelError

if TYPE_CHECKING:
    import cnlunar

_FILE = Path(__file__).parent.parent / "data" / "days.json"
_SEASONS = {"立春": "春", "立夏": "夏", "立秋": "秋", "立冬": "冬"}
SEASONAL = frozenset(("立春", "立夏", "夏至", "立秋", "立冬", "冬至"))  # festivals of the northern year's sun
OPPOSITE = {"春": "秋", "夏": "冬", "秋": "春", "冬": "夏"}
_MONTHS = ("正", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "腊")
_TENS, _ONES = ("初", "十", "廿", "三"), ("十", "一", "二", "三", "四", "五", "六", "七", "八", "九")


@dataclass(frozen=True, slots=True)
class Festival:
    """A festival or a solar term that verse names. It has a lunar date, or a solar term, or a term to count 戊 days from."""

    name: str
    words: tuple[str, ...]  # how verse names it, and its customs
    blocked: tuple[str, ...] = ()  # strings with one of the words in them that don't name it
    tags: tuple[str, ...] = ()  # the corpus's tags for it
    lunar: tuple[int, int] | None = None  # month and day
    term: str | None = None
    stem: tuple[str, int] | None = None  # 社日: the fifth day of the stem 戊 from 立春, 立秋 on
    days: tuple[int, int] | None = (
        None  # from how many days after it (before: negative) to how many; None: a whole term
    )


@dataclass(frozen=True, slots=True)
class Day:
    """What the calendar says of a day."""

    lunar: str  # 九月初九
    season: str  # 春 夏 秋 冬, which begin with 立春 立夏 立秋 立冬
    solar_term: str  # the one that runs: 寒露
    festivals: tuple[str, ...]


@lru_cache
def load_festivals(path: Path = _FILE) -> tuple[Festival, ...]:
    """The festivals and solar terms that the package knows.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        rows = json.loads(path.read_text("utf-8"))
        return tuple(
            Festival(
                name=row["name"],
                words=tuple(row["words"]),
                blocked=tuple(row.get("not", ())),
                tags=tuple(row.get("tags", ())),
                lunar=tuple(row["lunar"]) if "lunar" in row else None,
                term=row.get("term"),
                stem=tuple(row["stem"]) if "stem" in row else None,
                days=tuple(row["days"]) if "days" in row else None,
            )
            for row in rows
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the festivals in {path} can't be read ({error}); install image2poem again") from None


def look_up(day: date) -> Day:
    """What the calendar says of a day between 1902 and 2099."""
    month, number, leap = _lunar(day)
    lunar = f"{'闰' if leap else ''}{_MONTHS[month - 1]}月{_day_name(number)}"
    begun = [(first, name) for year in (day.year - 1, day.year) for name, first in _terms(year).items() if first <= day]
    term = max(begun)[1]
    season = _SEASONS[max(item for item in begun if item[1] in _SEASONS)[1]]
    festivals = tuple(festival.name for festival in load_festivals() if festival.days and _near(festival, day))
    return Day(lunar, season, term, festivals)


def _near(festival: Festival, day: date) -> bool:
    first, last = festival.days or (0, 0)
    return any(_is(festival, day - timedelta(after)) for after in range(first, last + 1))


def _is(festival: Festival, day: date) -> bool:
    if festival.lunar:
        return _lunar(day) == (*festival.lunar, False)
    if festival.stem:
        term, count = festival.stem
        since = (day - _terms(day.year)[term]).days
        return _almanac(day).day8Char[0] == "戊" and 10 * (count - 1) <= since < 10 * count
    return festival.term is not None and _terms(day.year)[festival.term] == day


@lru_cache(64)
def _almanac(day: date) -> cnlunar.Lunar:
    import cnlunar  # here, because most photos have no date that asks for it

    return cnlunar.Lunar(datetime(day.year, day.month, day.day, 12))


def _lunar(day: date) -> tuple[int, int, bool]:
    """Month, day, and whether the month is a leap one."""
    almanac = _almanac(day)
    return almanac.lunarMonth, almanac.lunarDay, almanac.isLunarLeapMonth


@lru_cache(8)
def _terms(year: int) -> dict[str, date]:
    """The day on which each solar term of a year begins, in order: 小寒 in January to 冬至 in December."""
    dates = _almanac(date(year, 7, 1)).thisYearSolarTermsDic
    return {name: date(year, month, day) for name, (month, day) in dates.items()}


def _day_name(number: int) -> str:
    """初一 初十 十一 二十 廿一 三十."""
    if number == 20:
        return "二十"
    tens, ones = divmod(number, 10)
    return ("初" if number == 10 else _TENS[tens]) + _ONES[ones]
