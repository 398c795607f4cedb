"""Season, hour, weather, light, setting and mood, and what speaks for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from image2poem.errors import ModelError
from image2poem.model import Context, Facet, Scene
from image2poem.record import scene_record
from image2poem.sight.lexicon import load_lexicon
from image2poem.sight.light import clues, measure
from image2poem.sight.scene import Rule, less_impossible, load_rules, read_scene

LEXICON = load_lexicon()
NAMES = [term.term for term in LEXICON.terms]
DAY, DARK = (Image.new("RGB", (60, 60), colour) for colour in ((140, 190, 240), (10, 12, 25)))
BLUE = measure(DAY)


def name(facet: Facet | None) -> str:
    return facet.name if facet else ""


@pytest.mark.parametrize(
    ("seen", "facet", "value"),
    [
        ({"红叶": 0.8, "林": 0.7}, "season", "秋"),
        ({"桃花": 0.7, "柳": 0.6}, "season", "春"),
        ({"荷": 0.8, "池": 0.7}, "season", "夏"),
        ({"雪": 0.9, "枯枝": 0.4, "冬": 0.5}, "season", "冬"),
        ({"夕阳": 0.8, "海": 0.9}, "hour", "暮"),
        ({"日出": 0.8, "山": 0.9}, "hour", "晨"),
        ({"星": 0.8, "山": 0.9}, "hour", "夜"),
        ({"雨": 0.7, "伞": 0.8}, "weather", "雨"),
        ({"雾": 0.8, "山": 0.7}, "weather", "雾"),
        ({"晴空": 0.8}, "weather", "晴"),
        ({"山": 0.9, "湖": 0.8}, "setting", "山水"),
        ({"山": 0.9, "峰": 0.7}, "setting", "山"),
        ({"海": 0.9, "波浪": 0.7}, "setting", "水"),
        ({"城": 0.8, "高楼": 0.7}, "setting", "城"),
        ({"田野": 0.7, "村": 0.6}, "setting", "田园"),
        ({"沙漠": 0.8, "骆驼": 0.5}, "setting", "边塞"),
        ({"宫殿": 0.8}, "setting", "宫苑"),
        ({"书": 0.7, "床": 0.6}, "setting", "居室"),
        ({"海": 0.9, "云": 0.5}, "mood", "壮阔"),
        ({"孤舟": 0.8, "湖": 0.7}, "mood", "孤寂"),
        ({"落叶": 0.8, "枯枝": 0.6, "秋": 0.5}, "mood", "萧瑟"),
        ({"垂钓": 0.8, "湖": 0.7}, "mood", "闲适"),
        ({"花": 0.9, "春": 0.6}, "mood", "明媚"),
        ({"墓": 0.8, "乌鸦": 0.6}, "mood", "凄清"),
        ({"人群": 0.8, "市集": 0.7}, "mood", "热闹"),
    ],
)
def test_what_is_seen_says_when_where_and_how_it_feels(seen: dict[str, float], facet: str, value: str) -> None:
    found = getattr(read_scene(LEXICON, seen), facet)
    assert name(found) == value
    assert found.basis and set(found.basis) & seen.keys(), "it must say which of the things seen say so"


def test_nothing_seen_says_nothing() -> None:
    assert read_scene(LEXICON, {}) == Scene()
    assert read_scene(LEXICON, {"人": 0.5, "红": 0.4}).season is None
    assert read_scene(LEXICON, dict.fromkeys(NAMES, 0.05)) == Scene(), "hundreds of faint guesses are no knowledge"


def test_the_light_joins_in_and_says_that_it_did() -> None:
    day = read_scene(LEXICON, {"海": 0.8}, BLUE)
    assert name(day.weather) == "晴" and name(day.hour) == "昼" and "上方蓝天" in (day.weather or day.hour).basis
    assert "冷" in [facet.name for facet in day.light]
    dark = read_scene(LEXICON, {"海": 0.8}, measure(DARK))
    assert "暗" in [facet.name for facet in dark.light] and name(dark.hour) != "昼"
    assert name(read_scene(LEXICON, {"夜": 0.5, "灯火": 0.3}).hour) == "夜"
    assert name(read_scene(LEXICON, {"夜": 0.5, "灯火": 0.3}, BLUE).hour) == "昼", "no night under a blue sky"


def test_a_rival_makes_it_less_sure() -> None:
    alone = read_scene(LEXICON, {"夕阳": 0.8}).hour
    disputed = read_scene(LEXICON, {"夕阳": 0.8, "夜": 0.5}).hour
    assert alone and disputed and disputed.confidence < alone.confidence


def test_a_photos_own_date_decides_and_says_so() -> None:
    autumn = read_scene(LEXICON, {"海": 0.8}, context=Context(season="秋", hour="暮"))
    assert (name(autumn.season), name(autumn.hour)) == ("秋", "暮")
    assert autumn.season and autumn.season.basis == ("摄于秋",)
    against = read_scene(LEXICON, {"海": 0.9, "晴空": 0.95, "昼": 0.9}, BLUE, Context(hour="夜")).hour
    agreed = read_scene(LEXICON, {"海": 0.9, "星": 0.95, "夜": 0.9}, context=Context(hour="夜")).hour
    assert against and against.name == "夜" and against.basis == ("摄于夜",)
    assert agreed and agreed.confidence > against.confidence and agreed.basis == ("摄于夜", "夜", "星")
    unknown = read_scene(LEXICON, {"雪": 0.9, "枯枝": 0.8}, context=Context(places=("西湖",)))
    assert name(unknown.season) == "冬"  # a place alone says nothing of when
    assert read_scene(LEXICON, {"海": 0.9}, context=Context(hour="?")).hour is None


def test_light_takes_off_what_cannot_be_and_leaves_the_rest() -> None:
    chances = np.full(len(NAMES), 0.6, np.float32)
    bright = less_impossible(LEXICON, chances, measure(Image.new("RGB", (60, 60), (240, 240, 240))))
    assert bright[LEXICON.number["星"]] < 0.1 and bright[LEXICON.number["山"]] == chances[0]
    assert (chances == np.float32(0.6)).all(), "the chances given stay as they are"


@given(
    st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1), max_size=12),
    st.sampled_from([None, BLUE, measure(DARK)]),
    st.sampled_from([None, Context(season="冬", hour="晨")]),
)
def test_any_imagery_has_a_scene_of_known_values(seen: dict[str, float], light: object, context: object) -> None:
    scene = read_scene(LEXICON, seen, light, context)  # type: ignore[arg-type]
    facets = load_rules().facets
    for facet in ("season", "hour", "weather", "setting", "mood"):
        found = getattr(scene, facet)
        assert found is None or (found.name in facets[facet] and 0 < found.confidence <= 1 and found.basis)
    assert len({facet.name for facet in scene.light} & {"暖", "冷"}) <= 1
    assert len({facet.name for facet in scene.light} & {"明", "暗"}) <= 1
    assert scene.facets == tuple(f for f in scene.facets if f)


def test_every_clue_of_the_rules_is_known() -> None:
    rules = load_rules()
    known = {*NAMES, *clues(BLUE), *(value for values in rules.facets.values() for value in values)}

    def check(rule: Rule) -> None:
        for clue, weight in {**rule.pro, **rule.contra}.items():
            assert set(clue.split("+")) <= known, clue
            assert 0 < weight <= 1, clue

    for values in rules.facets.values():
        for rule in values.values():
            check(rule)
    for clue, terms in rules.impossible.items():
        assert clue in clues(BLUE) and set(terms) <= set(NAMES)


def test_broken_rules_are_told_in_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "scene.json"
    for text in ("[]", '{"hour": {}}', '{"impossible": {}, "hour": {"夜": {}}}', "{"):
        broken.write_text(text, "utf-8")
        with pytest.raises(ModelError, match="rules for scenes"):
            load_rules(broken)


def test_the_record_says_names_confidence_and_basis_and_null_for_the_unknown() -> None:
    record = scene_record(Scene(hour=Facet("暮", 0.804, ("夕阳",)), light=(Facet("暖", 0.5, ("色调偏暖",)),)))
    assert record == {
        "season": None,
        "hour": {"name": "暮", "confidence": 0.8, "basis": ["夕阳"]},
        "weather": None,
        "light": [{"name": "暖", "confidence": 0.5, "basis": ["色调偏暖"]}],
        "setting": None,
        "mood": None,
    }
    assert scene_record(None) is None
