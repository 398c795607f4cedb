"""The Chinese calendar: known festivals and solar terms of many years."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from image2poem.context.calendar import load_festivals, look_up

KNOWN = {
    "元日": ("2020-01-25", "2021-02-12", "2022-02-01", "2023-01-22", "2024-02-10", "2025-01-29", "2026-02-17"),
    "上元": ("2020-02-08", "2023-02-05", "2024-02-24", "2025-02-12"),
    "清明": ("2020-04-04", "2021-04-04", "2022-04-05", "2023-04-05", "2024-04-04", "2025-04-04"),
    "上巳": ("2023-04-22", "2024-04-11"),
    "端午": ("2020-06-25", "2021-06-14", "2022-06-03", "2023-06-22", "2024-06-10", "2025-05-31"),
    "七夕": ("2020-08-25", "2023-08-22", "2024-08-10", "2025-08-29"),
    "中元": ("2023-08-30", "2024-08-18", "2025-09-06"),
    "中秋": ("2020-10-01", "2021-09-21", "2022-09-10", "2023-09-29", "2024-09-17", "2025-10-06"),
    "重阳": ("2014-10-02", "2020-10-25", "2021-10-14", "2022-10-04", "2023-10-23", "2024-10-11", "2025-10-29"),
    "冬至": ("2020-12-21", "2021-12-21", "2022-12-22", "2023-12-22", "2024-12-21", "2025-12-21"),
    "腊八": ("2024-01-18", "2025-01-07"),
    "除夕": ("2020-01-24", "2021-02-11", "2022-01-31", "2023-01-21", "2024-02-09", "2025-01-28"),
    "立春": ("2021-02-03", "2024-02-04", "2025-02-03"),
    "春社": ("2025-03-20",),
}


@pytest.mark.parametrize(("festival", "day"), [(name, day) for name, days in KNOWN.items() for day in days])
def test_festivals_fall_on_their_days(festival: str, day: str) -> None:
    assert festival in look_up(date.fromisoformat(day)).festivals


def test_a_festival_reaches_a_little_and_no_further() -> None:
    middle = date(2024, 9, 17)
    near = {after for after in range(-6, 7) if "中秋" in look_up(middle + timedelta(after)).festivals}
    assert near == {-1, 0, 1}
    assert "寒食" in look_up(date(2024, 4, 3)).festivals and "寒食" not in look_up(date(2024, 4, 5)).festivals


def test_a_festival_of_a_leap_month_is_none() -> None:
    assert look_up(date(2014, 11, 1)).lunar == "闰九月初九"
    assert "重阳" not in look_up(date(2014, 11, 1)).festivals


@pytest.mark.parametrize(
    ("day", "lunar", "term", "season"),
    [
        ("2024-10-11", "九月初九", "寒露", "秋"),
        ("2024-02-09", "腊月三十", "立春", "春"),
        ("2024-02-03", "腊月廿四", "大寒", "冬"),
        ("2025-01-01", "腊月初二", "冬至", "冬"),
        ("2024-08-07", "七月初四", "立秋", "秋"),
        ("2024-05-04", "三月廿六", "谷雨", "春"),
        ("2024-05-05", "三月廿七", "立夏", "夏"),
        ("2023-11-08", "九月廿五", "立冬", "冬"),
        ("2024-02-29", "正月二十", "雨水", "春"),
        ("2024-12-20", "冬月二十", "大雪", "冬"),
    ],
)
def test_lunar_date_solar_term_and_season(day: str, lunar: str, term: str, season: str) -> None:
    found = look_up(date.fromisoformat(day))
    assert (found.lunar.replace("十一月", "冬月"), found.solar_term, found.season) == (lunar, term, season)


def test_every_day_of_a_century_has_a_place_in_the_calendar() -> None:
    festivals = set()
    for after in range(0, 36_500, 3):
        day = look_up(date(1990, 1, 1) + timedelta(after))
        assert day.season in "春夏秋冬" and len(day.solar_term) == 2 and day.lunar[-3] == "月"
        festivals.update(day.festivals)
    assert festivals == {festival.name for festival in load_festivals() if festival.days}
