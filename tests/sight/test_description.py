"""A description is sentences that a person can read, of what was seen and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2poem.errors import ModelError
from image2poem.model import Context, Facet, Imagery, Scene
from image2poem.sight.description import FRAMES, LENGTH, describe
from image2poem.sight.lexicon import Lexicon, Term, load_lexicon
from image2poem.sight.words import TELL, choose, load_words

LEXICON = load_lexicon()
NAMES = [term.term for term in LEXICON.terms]
WORDS = load_words()
# two of the same character belong together only where a word says so: 静静, 袅袅
DOUBLES = {m.group() for w in WORDS.values() for m in re.finditer(r"(.)\1", w.say + w.alone)} | {"点点"}
PLACES = {"天上"} | {
    place.split(":")[1] for _, places, _ in FRAMES.values() for place in places.split() if not place.endswith("*")
}

imageries = st.dictionaries(st.sampled_from(NAMES), st.floats(0.12, 1), min_size=1, max_size=12).map(
    lambda chances: tuple(Imagery(term, chance) for term, chance in sorted(chances.items(), key=lambda c: -c[1]))
)


def facets(values: str) -> st.SearchStrategy[Facet | None]:
    return st.none() | st.sampled_from(values).map(lambda value: Facet(value, 0.8, ()))


scenes = st.none() | st.builds(Scene, season=facets("春夏秋冬"), hour=facets("晨昼暮夜"), weather=facets("晴阴雨雪雾"))


def told(seen: dict[str, float], **scene: str) -> str:
    return describe(
        LEXICON,
        tuple(Imagery(term, chance) for term, chance in seen.items()),
        Scene(**{facet: Facet(value, 0.9, ()) for facet, value in scene.items()}),
    )


@pytest.mark.parametrize(
    ("seen", "scene", "description"),
    [
        (
            {"雪山": 0.9, "湖": 0.8, "倒影": 0.7, "新月": 0.6},
            {"hour": "暮"},
            "暮色里，雪山倒映在平静的湖面上，天上挂着一弯新月。",
        ),
        ({"山": 0.9, "江河": 0.8, "舟": 0.7}, {}, "江水从群山间流过，水上漂着一只小船。"),
        ({"红叶": 0.9, "小径": 0.8, "林": 0.8}, {"season": "秋"}, "秋天里，树林茂密，一条小路通向林中，红叶满枝。"),
        (
            {"雨": 0.9, "桥": 0.8, "江河": 0.8},
            {"hour": "夜", "season": "秋"},
            "秋夜的雨中，江水静静流着，水上横着一座桥。",
        ),
        ({"雏菊": 0.9, "花": 0.9, "虫": 0.6}, {}, "雏菊开得正好，花上停着一只小虫。"),
        ({"雪": 0.9, "林": 0.8, "屋": 0.7}, {"season": "冬"}, "冬天里，白雪盖着树林，林边有一座小屋。"),
        ({"垂钓": 0.9, "湖": 0.8}, {}, "湖面平静，水边有人在钓鱼。"),
        ({"云": 0.9, "晴空": 0.6}, {"weather": "晴", "hour": "昼"}, "蓝天上飘着白云。"),
        ({"月": 0.9, "云": 0.8, "海": 0.7}, {"hour": "夜"}, "夜里，大海辽阔无边，天上挂着一轮明月，浮着云。"),
        ({"海": 0.9, "波浪": 0.8, "沙滩": 0.7, "鸥": 0.6}, {}, "海浪拍打着沙滩，空中飞过几只海鸥。"),
        ({"草原": 0.9, "马": 0.8, "雪山": 0.7}, {}, "雪山高耸，山下是草原，还有一匹马。"),
        ({"夜": 0.9}, {"hour": "夜"}, "夜色深沉。"),
    ],
)
def test_it_reads_like_a_sentence(seen: dict[str, float], scene: dict[str, str], description: str) -> None:
    assert told(seen, **scene) == description


def test_nothing_seen_is_nothing_told() -> None:
    assert describe(LEXICON, ()) == ""


def test_what_is_implied_is_not_told_again() -> None:
    sentence = told({"雪山": 0.9, "山": 0.9, "雪": 0.8, "夕阳": 0.8, "日": 0.8, "黄昏": 0.8}, hour="暮")
    assert sentence == "夕阳下，雪山高耸。"


def test_the_narrower_word_is_told_only_if_it_is_nearly_as_sure() -> None:
    assert "菊花" in told({"花": 0.9, "菊": 0.7})
    assert "菊花" not in told({"花": 0.9, "菊": 0.4})


def test_what_is_unsure_is_told_only_if_nothing_is_surer() -> None:
    assert "小船" not in told({"湖": 0.9, "林": 0.8, "舟": TELL - 0.05})
    assert "小船" in told({"舟": TELL - 0.05})


def test_season_and_hour_that_are_told_already_are_not_told_again() -> None:
    seen = (Imagery("海", 0.9),)
    scene = Scene(season=Facet("秋", 0.9, ()), hour=Facet("暮", 0.9, ()))
    assert describe(LEXICON, seen, scene).startswith("秋天的傍晚，")
    assert describe(LEXICON, seen, scene, Context(season="秋", hour="暮")) == "大海辽阔无边。"
    assert describe(LEXICON, seen, scene, Context(season="秋")) == "暮色里，大海辽阔无边。"


def test_without_a_scene_the_imagery_itself_says_when() -> None:
    assert describe(LEXICON, (Imagery("海", 0.9), Imagery("夕阳", 0.8))) == "夕阳下，大海辽阔无边。"


@given(imageries, scenes)
def test_any_imagery_makes_one_or_two_whole_sentences(imagery: tuple[Imagery, ...], scene: Scene | None) -> None:
    text = describe(LEXICON, imagery, scene)
    assert re.fullmatch(r"[^，。]+(，[^，。]+)*。([^，。]+(，[^，。]+)*。)?", text), text
    assert len(text) <= LENGTH
    assert not re.search(r"[、和][、和。，]|[，。][、和的]|^[、和的]|[\s{}:*+]|None", text), text
    assert {m.group() for m in re.finditer(r"(.)\1", text)} <= DOUBLES, text
    clauses = re.split("[，。]", text.rstrip("。"))
    assert len(set(clauses)) == len(clauses), text
    starts = Counter(place for clause in clauses for place in PLACES if clause.startswith(place))
    assert all(count == 1 for count in starts.values()), text


@given(imageries, scenes)
def test_it_tells_each_thing_once_and_nothing_that_was_not_seen(
    imagery: tuple[Imagery, ...], scene: Scene | None
) -> None:
    text = describe(LEXICON, imagery, scene)
    chosen = {item.term for item in choose(LEXICON, imagery)}
    for term, word in WORDS.items():
        if len(word.say) < 3 or not word.say.startswith(("一", "几")):
            continue  # 山 is also in 山上, which needn't have been seen as such
        count = text.count(word.say)
        same = [other for other in chosen if word.say in WORDS[other].say]
        assert count <= len(same), f"{term}: {text}"


def test_every_term_has_words_and_every_kind_a_place_in_a_sentence() -> None:
    assert set(WORDS) == set(NAMES)
    for term, word in WORDS.items():
        assert word.say, term
        alone = describe(LEXICON, (Imagery(term, 0.9),), Scene())
        assert alone.endswith("。") and len(alone) > 3, term


def test_a_term_without_words_is_told_by_its_phrase() -> None:
    lexicon = Lexicon((Term("钟乳", "山石", "stalactite", ("钟乳",), ("一根钟乳石",)),))
    assert describe(lexicon, (Imagery("钟乳", 0.9),)) == "一根钟乳石。"


def test_broken_words_are_told_in_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "wording.json"
    for text in ("[]", '{"月": {"say": "一轮明月"}}', "{"):
        broken.write_text(text, "utf-8")
        with pytest.raises(ModelError, match="words for imagery"):
            load_words(broken)
