"""What a reader finds in the corpus after the conversion: modern characters, and none of the poem's own lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2poem.corpus.convert import bare, fold, simplify_names, simplify_titles, simplify_verse
from image2poem.corpus.poems import Gathered, gather
from image2poem.corpus.work import Script, Work

# Lines as the Complete Tang and Song Poems print them, and as a reader expects them.
VERSES = (
    ("偶向江邊采白蘋，還隨女伴賽江神。", "偶向江边采白蘋，还随女伴赛江神。"),  # not 苹: a water plant, no apple
    ("青裙縞袂於潛女，兩足如霜不穿屨。", "青裙缟袂於潜女，两足如霜不穿屦。"),  # a place
    ("當年若也來相訪，還有於潛官絹無。", "当年若也来相访，还有於潜官绢无。"),
    ("餘霞散成綺，澄江靜如練。", "馀霞散成绮，澄江静如练。"),  # what remains
    ("余亦東蒙客，憐君如弟兄。", "余亦东蒙客，怜君如弟兄。"),  # I
    ("吳楚東南坼，乾坤日夜浮。", "吴楚东南坼，乾坤日夜浮。"),  # heaven
    ("不信妾腸斷，歸來看取明鏡前，淚痕乾。", "不信妾肠断，归来看取明镜前，泪痕干。"),  # dry
    ("沈舟側畔千帆過，病樹前頭萬木春。", "沉舟侧畔千帆过，病树前头万木春。"),  # sunk
    ("沈約一時雙絕句。", "沈约一时双绝句。"),  # a person
    ("聽徵羽，曲未終。", "听徵羽，曲未终。"),  # notes of the scale
    ("詔徵天下士。", "诏征天下士。"),  # to summon
    ("霜葉紅於二月花。", "霜叶红于二月花。"),
    ("麴塵低拂面。", "麴尘低拂面。"),
    ("牎含西嶺千秋雪，鴈引愁心去。", "窗含西岭千秋雪，雁引愁心去。"),  # graphic variants that OpenCC leaves
    ("欄干遙倚，後宮佳麗，皇后不言。", "栏干遥倚，后宫佳丽，皇后不言。"),
    ("白髮三千丈，春風吹又發。", "白发三千丈，春风吹又发。"),
    ("絕巘多生怪柏，鰕鱔游潢潦。", "绝巘多生怪柏，鰕鳝游潢潦。"),  # not 𪩘 and 𫚥, which few fonts draw
)


@pytest.mark.parametrize(("printed", "expected"), VERSES)
def test_a_line_keeps_the_words_that_plain_conversion_loses(printed: str, expected: str) -> None:
    assert simplify_verse([printed]) == [expected]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("李乾", "李乾"),
        ("李乾祐", "李乾祐"),
        ("魏徵", "魏徵"),
        ("楊於陵", "杨於陵"),
        ("朱慶餘", "朱庆馀"),
        ("余靖", "余靖"),
        ("于鵠", "于鹄"),
        ("沈下賢", "沈下贤"),
        ("范成大", "范成大"),
        ("樂雷發", "乐雷发"),
        ("葉夢得", "叶梦得"),
    ],
)
def test_poets_keep_the_names_they_are_written_with(printed: str, expected: str) -> None:
    assert simplify_names([printed]) == [expected]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("沈下賢", "沈下贤"),  # 李賀's friend; t2s makes him 沉
        ("登餘干古縣城", "登馀干古县城"),
        ("於潛女", "於潜女"),
        ("夜泊湘川逐客心月明猿苦血霑襟", "夜泊湘川逐客心月明猿苦血沾襟"),
    ],
)
def test_titles_name_people_and_places(printed: str, expected: str) -> None:
    assert simplify_titles([printed]) == [expected]


def test_many_lines_come_back_one_for_one() -> None:
    printed, expected = zip(*VERSES, strict=True)
    assert simplify_verse(list(printed)) == list(expected)
    assert simplify_verse(["", "月", ""]) == ["", "月", ""]
    assert simplify_verse([]) == simplify_names([]) == simplify_titles([]) == []


def _work(text: str, script: Script, author: str = "佚名") -> Work:
    return Work(
        title="寄沈徵君", author=author, dynasty="唐", genre="诗", lines=(text,), source="全唐诗", script=script
    )


def test_a_collection_that_is_simplified_already_is_left_alone() -> None:
    # each of these would be changed by a second conversion: 乾 麽 著 於 沈 馀 餘
    text = "泪痕红浥鲛绡透，於今乾麽著沈馀餘。"
    gathered = Gathered()
    list(gather([_work(text, Script.SIMPLIFIED, "楊於陵")], gathered))
    (draft,) = gathered.drafts
    assert draft.sentences == [text]
    assert (draft.title, draft.author) == ("寄沈徵君", "楊於陵")


def test_the_sources_own_spelling_is_kept_beside_the_new_one() -> None:
    gathered = Gathered()
    list(gather([_work("餘霞散成綺，澄江靜如練。", Script.TRADITIONAL, "楊於陵")], gathered))
    (draft,) = gathered.drafts
    assert draft.sentences == ["馀霞散成绮，澄江静如练。"]
    assert (draft.author, draft.original_author) == ("杨於陵", "楊於陵")
    assert draft.original_text == "餘霞散成綺，澄江靜如練。"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("馀霞散成绮，澄江静如练。", "余霞散成绮 澄江静如练"),
        ("沈舟侧畔千帆过", "沉舟侧畔千帆过！"),
        ("不知细叶谁裁出，二月春风似翦刀。", "不知细叶谁裁出，二月春风似剪刀"),
    ],
)
def test_two_editions_of_a_line_are_found_equal(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_two_different_lines_are_not_found_equal() -> None:
    assert fold("千山鸟飞绝") != fold("千山鸟飞尽")


@given(st.text(alphabet="春江潮水连海平乾餘徵於蘋沈麴么瞭，。！？《》\n", max_size=60))
def test_conversion_keeps_every_place_and_mark(text: str) -> None:
    for simplify in (simplify_verse, simplify_titles, simplify_names):
        (found,) = simplify([text])
        assert len(found) == len(text)
        marks = [(i, c) for i, c in enumerate(text) if c in "，。！？《》\n"]
        assert [(i, c) for i, c in enumerate(found) if c in "，。！？《》\n"] == marks
        assert not any(ord(c) >= 0xF0000 for c in found)  # nothing lifted out is left behind


def test_bare_is_the_characters_alone() -> None:
    assert bare("二十四桥仍在，波心荡、冷月无声。𬸦〇") == "二十四桥仍在波心荡冷月无声𬸦〇"


def test_the_variant_table_never_leads_in_circles() -> None:
    from image2poem.corpus import convert

    targets = {pair[1] for pair in convert._VARIANTS.split() if pair[0] != pair[1]}
    sources = {pair[0] for pair in convert._VARIANTS.split() if pair[0] != pair[1]}
    assert not targets & sources, "a variant is folded to a character that is itself folded"
    assert all(len(pair) == 2 for pair in convert._VARIANTS.split())


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("无名氏《宦门子弟错立身》", "无名氏"),
        ("王炎2", "王炎"),
        ("尹鹗 六首", "尹鹗"),
        ("清尚〖1〗", "清尚"),
        ("曹雪芹[注]", "曹雪芹"),
        ("太宗皇帝", "李世民"),
    ],
)
def test_a_poets_name_is_freed_of_what_is_no_name(printed: str, name: str) -> None:
    gathered = Gathered()
    list(gather([_work("气和玉烛，睿化著鸿明。", Script.SIMPLIFIED, printed)], gathered))
    assert (gathered.drafts[0].author, gathered.drafts[0].original_author) == (name, printed)
