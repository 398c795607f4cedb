"""Places that verse names, found by where a point lies."""

from __future__ import annotations

import re

import pytest

from image2poem.context.gazetteer import load_places, places_at


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        (30.2400, 120.1500, "西湖"),  # the lake's middle
        (29.3846, 113.0876, "岳阳楼"),
        (30.5468, 114.2973, "黄鹤楼"),
        (28.6817, 115.8756, "滕王阁"),
        (31.3100, 120.5650, "寒山寺"),
        (36.2561, 117.1010, "泰山"),  # the top
        (34.4780, 110.0830, "华山"),
        (30.1300, 118.1700, "黄山"),
        (29.5250, 103.3360, "峨眉山"),
        (29.5500, 115.9800, "庐山"),
        (40.3590, 116.0200, "长城"),  # Badaling
        (39.9277, 94.0640, "阳关"),
        (40.3537, 93.8643, "玉门关"),
        (31.0430, 109.5700, "白帝城"),
        (34.2190, 108.9640, "大雁塔"),
        (36.7700, 100.2000, "青海湖"),
        (24.9300, 110.5200, "漓江"),
        (30.4530, 114.8720, "东坡赤壁"),
    ],
)
def test_who_stands_there_is_there(latitude: float, longitude: float, place: str) -> None:
    assert places_at(latitude, longitude)[0].name == place


def test_the_most_particular_place_comes_first() -> None:
    assert [place.name for place in places_at(29.385, 113.089)] == ["岳阳楼", "岳阳", "洞庭湖"]
    assert [place.name for place in places_at(30.2400, 120.1500)] == ["西湖", "杭州"]


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(48.8584, 2.2945), (-33.8568, 151.2153), (30.2400, -120.1500), (90.0, 0.0), (-90.0, 180.0), (31.0, 179.9)],
)
def test_elsewhere_there_is_none(latitude: float, longitude: float) -> None:
    assert places_at(latitude, longitude) == ()


def test_a_place_ends_at_its_radius() -> None:
    north, east, radius = next(place for place in load_places() if place.name == "敬亭山").circles[0]
    degree = 6371.0 * 3.14159265 / 180  # km
    inside, outside = (places_at(north + share * radius / degree, east) for share in (0.98, 1.02))
    assert "敬亭山" in [place.name for place in inside] and "敬亭山" not in [place.name for place in outside]


def test_the_gazetteer_makes_sense() -> None:
    places = load_places()
    assert len(places) >= 120 and len({place.name for place in places}) == len(places)
    for place in places:
        assert place.words and len(set(place.words)) == len(place.words)
        assert all(re.fullmatch("[一-龟]{2,4}", word) for word in place.words), place.name
        for latitude, longitude, radius in place.circles:
            assert 18 < latitude < 54 and 73 < longitude < 135 and 0.5 <= radius <= 150, place.name
