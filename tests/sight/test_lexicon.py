"""The imagery lexicon: what verse names, and what it only seems to name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2poem.errors import ModelError
from image2poem.sight.lexicon import Lexicon, Term, load_lexicon

GROUPS = {"天象", "时辰", "季节", "山石", "水", "陆地", "草木", "花", "鸟兽", "建筑", "器物", "人", "色光"}
# what landscape photos show, in the words one would look it up by
SHOWN = (
    "月 星 夜 夕阳 日出 晨 暮色 雪 雪山 山 雾 云 天 湖 江河 水 海 波浪 沙滩 岸 倒影 舟 桥 渡口 村 城 道路 小径 林 树 松 柏 竹 "
    "蕨 枫 秋 落叶 红叶 草 春 花 荷 残花 露 雨 窗 灯 灯笼 灯塔 鸟 虫 鸡 石 崖 峡谷 沙漠 田野 风 山谷 夏 冬 青绿 兽"
).split()


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon()


@pytest.mark.parametrize(
    ("verse", "there", "absent"),
    [
        ("碧海无波，瑶台有路。", "海", "波浪"),
        ("遥知不是雪，为有暗香来。", "", "雪"),
        ("野渡无人舟自横。", "舟", "人"),
        ("花非花，雾非雾。", "花", ""),
        ("无边落木萧萧下，不尽长江滚滚来。", "江河", ""),
    ],
)
def test_what_a_verse_says_isnt_there_is_not_named(lexicon: Lexicon, verse: str, there: str, absent: str) -> None:
    named = lexicon.named(verse)
    assert not there or there in named
    assert not absent or absent not in named


def test_there_are_hundreds_of_terms_each_whole(lexicon: Lexicon) -> None:
    assert len(lexicon.terms) >= 200
    assert len(lexicon.number) == len(lexicon.terms)
    for term in lexicon.terms:
        assert term.words and len(set(term.words)) == len(term.words), term.term
        assert len(term.phrases) >= 3, term.term
        assert term.group in GROUPS, term.term
        assert term.english.isascii() and term.english, term.term
        assert term.term not in term.implies
        assert set(term.season or "") <= set("春夏秋冬") and set(term.hour or "") <= set("晨昼暮夜")


def test_what_implies_something_implies_all_that_it_implies(lexicon: Lexicon) -> None:
    for term in lexicon.terms:
        for broader in term.implies:
            assert set(lexicon.terms[lexicon.number[broader]].implies) <= {*term.implies, term.term}, term.term


def test_what_landscapes_show_has_a_term(lexicon: Lexicon) -> None:
    assert [term for term in SHOWN if term not in lexicon.number] == []


@pytest.mark.parametrize(
    ("verse", "names"),
    [
        ("江枫渔火对愁眠", {"江河", "枫", "渔火"}),
        ("孤舟蓑笠翁，独钓寒江雪。", {"舟", "孤舟", "雪", "江河"}),
        ("小时不识月，呼作白玉盘。", {"月"}),
        ("但愿人长久，千里共婵娟。", {"月"}),
        ("远上寒山石径斜，白云生处有人家。", {"山", "云", "人家", "小径"}),
        ("大漠孤烟直，长河落日圆。", {"沙漠", "夕阳", "江河"}),
        ("两岸猿声啼不住", {"猿猴"}),
    ],
)
def test_a_verse_names_what_it_names(lexicon: Lexicon, verse: str, names: set[str]) -> None:
    assert names <= set(lexicon.named(verse))


@pytest.mark.parametrize(
    ("verse", "not_named"),
    [
        ("千秋万岁名", "秋"),
        ("烟花三月下扬州", "月"),
        ("岁月不居", "月"),
        ("江州司马青衫湿", "马"),
        ("数风流人物", "风"),
        ("燕赵悲歌士", "燕"),
        ("楼兰", "楼"),
    ],
)
def test_a_verse_doesnt_name_what_it_only_spells(lexicon: Lexicon, verse: str, not_named: str) -> None:
    assert not_named not in lexicon.named(verse)


def test_everyday_words_mention_terms(lexicon: Lexicon) -> None:
    assert {"月", "湖", "舟"} <= set(lexicon.mentioned("月亮照着湖面，远处有一只小船"))
    assert lexicon.mentioned("") == ()
    assert "露" not in lexicon.mentioned("我们在山里露营")


def test_the_longest_word_wins_and_a_blocked_string_still_names_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    rows = [
        '{"term": "山", "group": "山石", "english": "hill", "words": ["山"], "phrases": ["一座山"]}',
        '{"term": "江", "group": "水", "english": "river", "words": ["江"], "phrases": ["一条江"], "not": ["江山"]}',
        '{"term": "雪山", "group": "山石", "english": "snow peak", "words": ["雪山"], "phrases": ["雪山"], "implies": ["山"]}',
    ]
    path.write_text(f"[{','.join(rows)}]", "utf-8")
    small = load_lexicon(path)
    assert small.named("雪山") == ("山", "雪山")
    assert small.named("江山") == ("山",)
    assert small.named("江雪") == ("江",)


@given(st.text(alphabet=st.sampled_from("月山江雪三千秋白落日花鸟风，。 a𠮷"), max_size=40))
def test_any_text_can_be_read_and_a_part_names_no_more_than_its_characters_allow(text: str) -> None:
    lexicon = load_lexicon()
    found = lexicon.find(text)
    assert found == sorted(set(found))
    # every word needs a character of its own, and brings at most its term and what that implies
    most = max(len(term.implies) + 1 for term in lexicon.terms) * 3
    assert len(found) <= most * len(text)
    assert set(lexicon.find(text + "，")) == set(found)


def test_a_missing_or_broken_lexicon_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="lexicon"):
        load_lexicon(tmp_path / "none.json")
    broken = tmp_path / "broken.json"
    broken.write_text('[{"term": "月"}]', "utf-8")
    with pytest.raises(ModelError, match="lexicon"):
        load_lexicon(broken)


def test_places_are_where_a_verse_names_a_term() -> None:
    def term(name: str, *words: str, **more: tuple[str, ...]) -> Term:
        return Term(name, "", "", words, (), **more)

    lexicon = Lexicon((term("江", "江", blocked=("江山",)), term("山", "山"), term("雪山", "雪岭", implies=("山",))))
    assert lexicon.places("江上雪岭") == ((0, 1, "江"), (2, 4, "山"), (2, 4, "雪山"))
    assert lexicon.places("江山") == ((1, 2, "山"),)  # the word itself, not what kept 江 from being one


def test_every_term_that_a_verse_names_has_a_place_in_it(lexicon: Lexicon) -> None:
    for verse in ("明月松间照，清泉石上流。", "江山如此多娇", "孤舟蓑笠翁，独钓寒江雪。", "三月"):
        places = lexicon.places(verse)
        assert {term for *_, term in places} == set(lexicon.named(verse))
        assert all(0 <= start < end <= len(verse) for start, end, _ in places)
