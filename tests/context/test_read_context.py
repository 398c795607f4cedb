"""What is read of when and where a photo was taken, out of the EXIF of real JPEGs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin

from image2poem.context import read_context, sentence
from image2poem.context.daylight import part_of_day
from image2poem.model import Context
from image2poem.photo import load_photo

NOW = datetime(2026, 1, 1, 12)
Rational = TiffImagePlugin.IFDRational


def read(path: Path, camera: dict[int, Any] | None = None, gps: dict[int, Any] | None = None) -> Context | None:
    """Write a JPEG with these EXIF entries, and read its context."""
    exif = Image.Exif()
    exif.get_ifd(0x8769).update(camera or {})
    exif.get_ifd(0x8825).update(gps or {})
    file = path / "photo.jpg"
    Image.new("RGB", (8, 8)).save(file, exif=exif)
    return read_context(load_photo(file), NOW)


def at(latitude: Any, longitude: Any, north: str = "N", east: str = "E") -> dict[int, Any]:
    return {1: north, 2: latitude, 3: east, 4: longitude}


def on(text: str, **more: str) -> dict[int, Any]:
    return {0x9003: text} | ({0x9011: more["zone"]} if more else {})


def test_date_and_place_become_words(tmp_path: Path) -> None:
    context = read(tmp_path, on("2024:10:11 17:20:00"), at((29.0, 23.0, 6.0), (113.0, 5.0, 20.0)))
    assert context == Context(
        date="2024-10-11",
        lunar="九月初九",
        season="秋",
        solar_term="寒露",
        hour="暮",
        festivals=("重阳",),
        places=("岳阳楼", "岳阳", "洞庭湖"),
    )
    assert sentence(context) == "秋天的傍晚，重阳，在岳阳楼。"


def test_one_is_enough(tmp_path: Path) -> None:
    date = read(tmp_path, on("2024:06:10 12:00:00"))
    assert date is not None and (date.festivals, date.hour, date.places) == (("端午",), "昼", ())
    assert sentence(date) == "夏天，端午。"
    place = read(tmp_path, None, at((36.0, 15.0, 18.0), (117.0, 6.0, 0.0)))
    assert place == Context(places=("泰山",)) and sentence(place) == "在泰山。"


def test_a_photo_that_tells_nothing_has_none(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    assert read_context(load_photo(Image.new("RGB", (8, 8))), NOW) is None
    assert read(tmp_path, None, at((48.0, 51.0, 0.0), (2.0, 17.0, 0.0))) is None  # Paris


@pytest.mark.parametrize(
    "text",
    [
        "1970:01:01 08:00:00",
        "1980:01:01 00:00:00",
        "2000:01:01 00:00:00",
        "2012:01:01 00:17:31",  # the clock was reset and has run since
        "2026:01:03 10:00:00",  # the day after tomorrow
        "2099:10:01 10:00:00",
        "0000:00:00 00:00:00",
        "2024:13:40 25:61:61",
        "    :  :     :  :  ",
        "yesterday",
        "",
    ],
)
def test_dates_that_are_plainly_wrong_are_left_aside(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, on(text)) is None
    place = read(tmp_path, on(text), at((36.0, 15.0, 18.0), (117.0, 6.0, 0.0)))
    assert place == Context(places=("泰山",))


def test_tomorrow_is_believed_because_it_is_tomorrow_somewhere(tmp_path: Path) -> None:
    assert read(tmp_path, on("2026:01:02 09:00:00")) is not None


@pytest.mark.parametrize(
    "gps",
    [
        at((Rational(1, 0), 0.0, 0.0), (120.0, 8.0, 0.0)),  # a zero denominator
        at((Rational(0, 0), Rational(0, 0), Rational(0, 0)), (Rational(0, 0), 0.0, 0.0)),
        at((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),  # no satellite in sight
        at((931.0, 0.0, 0.0), (120.0, 8.0, 0.0)),
        at((30.0, 14.0), (120.0, 8.0, 0.0)),
        at(30.0, 120.0),
        {2: (30.0, 14.0, 0.0)},
        {1: "?", 3: "!"},
    ],
)
def test_positions_that_make_no_sense_are_left_aside(tmp_path: Path, gps: dict[int, Any]) -> None:
    assert read(tmp_path, None, gps) is None
    context = read(tmp_path, on("2024:10:11 12:00:00"), gps)
    assert context is not None and context.places == () and context.festivals == ("重阳",)


@pytest.mark.parametrize(("north", "east"), [("S", "E"), ("N", "W"), ("S", "W")])
def test_south_and_west_are_not_north_and_east(tmp_path: Path, north: str, east: str) -> None:
    west_lake = ((30.0, 14.0, 42.0), (120.0, 8.0, 24.0))
    assert read(tmp_path, None, at(*west_lake)).places[0] == "西湖"  # type: ignore[union-attr]
    assert read(tmp_path, None, at(*west_lake, north, east)) is None


def test_south_of_the_equator_the_season_is_turned_and_festivals_stay(tmp_path: Path) -> None:
    sydney = at((33.0, 52.0, 0.0), (151.0, 12.0, 0.0), "S")
    context = read(tmp_path, on("2024:09:17 12:00:00"), sydney)
    assert context is not None
    assert (context.season, context.solar_term, context.festivals) == ("春", "", ("中秋",))
    winter = read(tmp_path, on("2024:12:21 12:00:00"), sydney)
    assert winter is not None and (winter.season, winter.festivals) == ("夏", ())  # no 冬至 at midsummer


def test_near_the_equator_there_is_no_season(tmp_path: Path) -> None:
    singapore = at((1.0, 17.0, 0.0), (103.0, 51.0, 0.0))
    context = read(tmp_path, on("2024:09:17 12:00:00"), singapore)
    assert context is not None and (context.season, context.festivals) == ("", ("中秋",))


@pytest.mark.parametrize(
    ("moment", "hour"),
    [
        ("2024-06-21 05:30", "晨"),
        ("2024-06-21 12:00", "昼"),
        ("2024-06-21 18:40", "暮"),
        ("2024-06-21 21:00", "夜"),
        ("2024-12-21 06:00", "夜"),
        ("2024-12-21 07:20", "晨"),
        ("2024-12-21 16:40", "暮"),
        ("2024-12-21 18:40", "夜"),
        ("2024-03-20 00:00", "夜"),
    ],
)
def test_the_hour_is_by_the_sun(moment: str, hour: str) -> None:
    assert part_of_day(datetime.fromisoformat(moment)) == hour


def test_the_sun_of_the_far_north() -> None:
    assert part_of_day(datetime(2024, 6, 21, 23), latitude=69.6) == "昼"
    assert part_of_day(datetime(2024, 12, 21, 12), latitude=69.6) == "夜"


def test_in_the_west_of_china_evening_is_late(tmp_path: Path) -> None:
    """All of China has the clock of its east: at Yangguan the sun sets after nine in July."""
    yangguan = at((39.0, 55.0, 48.0), (94.0, 3.0, 36.0))
    late = on("2024:07:20 21:00:00")
    assert read(tmp_path, late, yangguan).hour == "暮"  # type: ignore[union-attr]
    assert read(tmp_path, late).hour == "夜"  # type: ignore[union-attr]
    assert read(tmp_path, on("2024:07:20 21:00:00", zone="+08:00"), yangguan).hour == "暮"  # type: ignore[union-attr]
