"""What the clock says of what was seen: it leans, and the eyes outrank it."""

from __future__ import annotations

import pytest

from image2poem.model import Context, Imagery
from image2poem.sight.lexicon import load_lexicon
from image2poem.sight.timely import hinted, timely

LEXICON = load_lexicon()


def seen(context: Context, **chances: float) -> dict[str, float]:
    """What is thought to be seen of these chances in this context."""
    imagery = timely(tuple(Imagery(term, chance) for term, chance in chances.items()), context, LEXICON)
    assert [item.score for item in imagery] == sorted((item.score for item in imagery), reverse=True)
    return {item.term: item.score for item in imagery}


def test_snow_in_summer_is_snow_but_a_faint_guess_of_it_is_fainter() -> None:
    summer = Context(season="夏")
    assert seen(summer, 雪=0.95)["雪"] > 0.9
    assert seen(summer, 雪=1.0)["雪"] == 1.0
    assert seen(summer, 雪=0.3)["雪"] < 0.2


def test_a_neighbouring_season_changes_nothing() -> None:
    assert seen(Context(season="春"), 雪=0.4, 荷=0.4) == {"雪": 0.4, "荷": 0.4}


def test_a_low_sun_in_the_morning_is_a_sunrise() -> None:
    morning = seen(Context(hour="晨"), 夕阳=0.9, 黄昏=0.8, 海=0.7)
    assert morning["日出"] == 0.9 and morning["晨"] == 0.8 and morning["海"] == 0.7
    assert morning["夕阳"] < 0.75 and morning["黄昏"] < 0.55
    evening = seen(Context(hour="暮"), 夕阳=0.9, 黄昏=0.8, 海=0.7)
    assert evening == {"夕阳": 0.9, "黄昏": 0.8, "海": 0.7}


def test_no_sun_shines_at_night() -> None:
    night = seen(Context(hour="夜"), 日=0.6, 山=0.5)
    assert night["日"] < 0.3 <= night["月"] and night["山"] == 0.5


def test_without_a_clock_nothing_changes() -> None:
    assert seen(Context(places=("西湖",)), 夕阳=0.9, 雪=0.3) == {"夕阳": 0.9, "雪": 0.3}


@pytest.mark.parametrize(("hour", "term"), [("晨", "晨"), ("暮", "黄昏"), ("夜", "夜")])
def test_season_and_hour_are_hinted_at_and_never_louder_than_what_is_plainly_seen(hour: str, term: str) -> None:
    before = (Imagery("山", 0.9), Imagery("秋", 0.6))
    after = {item.term: item.score for item in hinted(before, Context(season="秋", hour=hour), LEXICON)}
    assert after["秋"] == 0.6 and after["山"] == 0.9 and 0 < after[term] < 0.5
    assert len(hinted(before, Context(hour="昼"), LEXICON)) == 2
