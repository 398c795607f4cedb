"""Damaged text is repaired or set aside, counted every time; a poem falls into verses without losing a character."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2poem.corpus.clean import clean
from image2poem.corpus.convert import bare
from image2poem.corpus.poems import Draft, Gathered, gather
from image2poem.corpus.split import form_of, piece, preface, split
from image2poem.corpus.work import Script, Work


def _verses(text: str, genre: str = "诗", described: dict[str, str] | None = None) -> tuple[list[str], Counter[str]]:
    """What the corpus offers of a text, and what the rules counted."""
    gathered = Gathered()
    work = Work("题", "佚名", "唐", genre, tuple(text.split("\n")), "全唐诗", Script.SIMPLIFIED)
    list(gather([work], gathered, described))
    return [p.text for p in gathered.drafts[0].pieces if p.sound], gathered.counts


# --- splitting


@pytest.mark.parametrize(
    ("text", "verses"),
    [
        pytest.param(
            "月落乌啼霜满天，江枫渔火对愁眠。姑苏城外寒山寺，夜半钟声到客船。",
            ["月落乌啼霜满天，江枫渔火对愁眠。", "姑苏城外寒山寺，夜半钟声到客船。"],
            id="couplets",
        ),
        pytest.param(
            "窈窕淑女，君子好逑。\n参差荇菜，左右流之。窈窕淑女，寤寐求之。",
            ["窈窕淑女，君子好逑。", "参差荇菜，左右流之。", "窈窕淑女，寤寐求之。"],
            id="诗经",
        ),
        pytest.param(
            "寻寻觅觅，冷冷清清，凄凄惨惨戚戚。乍暖还寒时候，最难将息。三杯两盏淡酒，怎敌他、晚来风急？",
            ["寻寻觅觅，冷冷清清，凄凄惨惨戚戚。", "乍暖还寒时候，最难将息。", "三杯两盏淡酒，怎敌他、晚来风急？"],
            id="词",
        ),
        pytest.param(
            "红酥手。黄縢酒。满城春色宫墙柳。东风恶。欢情薄。一怀愁绪，几年离索。错错错。",
            ["红酥手。黄縢酒。", "满城春色宫墙柳。", "东风恶。欢情薄。", "一怀愁绪，几年离索。错错错。"],
            id="词 whose sentences are too short to stand alone",
        ),
        pytest.param(
            "山一程，水一程，身向榆关那畔行，夜深千帐灯\n风一更，雪一更，聒碎乡心梦不成，故园无此声",
            ["山一程，水一程，身向榆关那畔行，夜深千帐灯。", "风一更，雪一更，聒碎乡心梦不成，故园无此声。"],
            id="full stops only as line breaks",
        ),
        pytest.param(
            "皇览揆余初度兮，肇锡余以嘉名：\n名余曰正则兮，字余曰灵均。",
            ["皇览揆余初度兮，肇锡余以嘉名：名余曰正则兮，字余曰灵均。"],
            id="楚辞: a sentence over two lines",
        ),
        pytest.param(
            "独在异乡为异客？\n每逢佳节倍思亲。", ["独在异乡为异客？每逢佳节倍思亲。"], id="a question and its answer"
        ),
        pytest.param("床前明月光,疑是地上霜.\n举头望明月,低头思故乡.", None, id="typed with Latin marks"),
    ],
)
def test_a_poem_falls_into_its_verses(text: str, verses: list[str] | None) -> None:
    found, _ = _verses(text)
    assert found == (verses or ["床前明月光，疑是地上霜。", "举头望明月，低头思故乡。"])


def test_a_long_sentence_falls_apart_at_its_semicolons() -> None:
    text = "大弦嘈嘈如急雨，小弦切切如私语；嘈嘈切切错杂弹，大珠小珠落玉盘；间关莺语花底滑，幽咽泉流冰下难。"
    assert [len(bare(verse)) for verse in split(text)] == [14, 14, 14]


@pytest.mark.parametrize(
    ("sentence", "halves", "form"),
    [
        ("关关雎鸠，在河之洲。", ("关关雎鸠", "在河之洲"), "四言"),
        ("千山鸟飞绝，万径人踪灭。", ("千山鸟飞绝", "万径人踪灭"), "五言"),
        ("枯藤老树昏鸦，小桥流水人家，古道西风瘦马。", ("枯藤老树昏鸦", "小桥流水人家", "古道西风瘦马"), "六言"),
        ("月落乌啼霜满天，江枫渔火对愁眠。", ("月落乌啼霜满天", "江枫渔火对愁眠"), "七言"),
        ("怎敌他、晚来风急？", ("怎敌他晚来风急",), "七言"),
        ("大江东去，浪淘尽，千古风流人物。", ("大江东去", "浪淘尽", "千古风流人物"), "杂言"),
    ],
)
def test_a_verse_knows_its_halves_and_its_form(sentence: str, halves: tuple[str, ...], form: str) -> None:
    found = piece(sentence)
    assert (found.halves, found.form, found.sound) == (halves, form, True)
    assert form_of(halves) == form


@pytest.mark.parametrize(
    "sentence", ["错错错。", "追凉□□□，避暑移琴席。", "（涛八九岁知声律。", "长" * 41 + "。", "平" * 17 + "，仄仄平。"]
)
def test_what_cannot_stand_as_a_verse_is_not_offered(sentence: str) -> None:
    assert not piece(sentence).sound


def test_a_prose_preface_is_no_verse() -> None:
    text = (
        "元和十年，予左迁九江郡司马。明年秋，送客湓浦口，闻舟中夜弹琵琶者，听其音，铮铮然有京都声。"
        "浔阳江头夜送客，枫叶荻花秋瑟瑟。主人下马客在船，举酒欲饮无管弦。"
        "醉不成欢惨将别，别时茫茫江浸月。忽闻水上琵琶声，主人忘归客不发。"
        "寻声暗问弹者谁，琵琶声停欲语迟。移船相近邀相见，添酒回灯重开宴。"
    )
    found, counts = _verses(text)
    assert found[0] == "浔阳江头夜送客，枫叶荻花秋瑟瑟。" and len(found) == 6
    assert counts["prose preface"] == 1
    assert preface([piece(verse) for verse in found]) == 0


_HAN = st.sampled_from("春江潮水连海平海上明月共潮生滟随波千万里何处无𠮷〇")
_TEXT = st.text(alphabet=st.one_of(_HAN, _HAN, st.sampled_from("，。！？；：、《》\n")), max_size=120)


@given(_TEXT)
def test_no_character_is_lost_or_invented_by_splitting(text: str) -> None:
    assert bare("".join(split(text))) == bare(text)


@given(_TEXT)
def test_no_character_of_sound_text_is_lost_or_invented_by_cleaning(text: str) -> None:
    counts: Counter[str] = Counter()
    assert bare(clean(text, "诗", counts)) == bare(text)
    assert not counts


@given(_TEXT)
def test_every_verse_ends_and_its_halves_are_its_characters(text: str) -> None:
    for verse in split(text):
        found = piece(verse)
        assert verse[-1] in "。！？" and "\n" not in verse
        assert "".join(found.halves) == bare(verse)


@given(
    st.text(alphabet="春江潮水□（）【】《》[]{}〔〕，。\n/⿰A1—…「」唱云", max_size=60),
    st.sampled_from(["诗", "词", "曲"]),
)
def test_whatever_the_damage_nothing_odd_is_offered(text: str, genre: str) -> None:
    verses, _ = _verses(text, genre)
    assert all(set(verse) <= set("春江潮水唱云，。《》") for verse in verses)


# --- damage, as the sources have it

DAMAGED = [
    pytest.param(
        "避暑移琴席，追凉□□□。\n竹风依扇动，桂酒溢壶开。",
        "诗",
        ["竹风依扇动，桂酒溢壶开。"],
        {"lost character": 3, "sentence not offered": 1},
        id="李峤: lost characters",
    ),
    pytest.param(
        "桃波（一作「陂」）一步地，了了语声闻。\n暗与山僧别，低头礼白云。",
        "诗",
        ["桃波一步地，了了语声闻。", "暗与山僧别，低头礼白云。"],
        {"note or variant reading": 1},
        id="李白: a variant reading",
    ),
    pytest.param(
        "有钱莫掣⿰忄霍，（「⿰忄霍」，伯三七一六、伯三六五六卷作「攉」。\n）不得是（一本作「事」。\n）奢华。\n乡里人儜恶，差科必破家。",
        "诗",
        ["乡里人儜恶，差科必破家。"],
        {"note or variant reading": 2, "described character": 2, "lost character": 1},
        id="王梵志: notes over several lines, a character described by its parts",
    ),
    pytest.param(
        "【其一】春眠不觉晓，处处闻啼鸟。【注】夜来风雨声，花落知多少。",
        "诗",
        ["春眠不觉晓，处处闻啼鸟。", "夜来风雨声，花落知多少。"],
        {"note or variant reading": 2},
        id="【…】",
    ),
    pytest.param(
        "三冬季月景[龙]年，万乘观风出灞川。",
        "诗",
        ["三冬季月景龙年，万乘观风出灞川。"],
        {"supplied character": 1},
        id="上官昭容: a character supplied by the editor",
    ),
    pytest.param(
        "照书灯未灭，煖酒火重生。\n帐下从容起，窗间昽{日怱}明。",
        "诗",
        ["照书灯未灭，煖酒火重生。"],
        {"described character": 1, "lost character": 1},
        id="白居易: a character that nobody could type",
    ),
    pytest.param(
        "山空人去后，梦醒客去初。\n高歌对明月，松影落扶疏。\n（《古今图书集成·山川典》三○二《九鲤湖部》。",
        "诗",
        ["山空人去后，梦醒客去初。", "高歌对明月，松影落扶疏。"],
        {"missing bracket": 1},
        id="许稷: a missing bracket",
    ),
    pytest.param(
        "枝迎南北鸟，叶送往来风。（涛八九岁知声律。一日，\n声云云，父愀然久之。后果入乐籍。别本载田洙遇薛涛，",
        "诗",
        ["枝迎南北鸟，叶送往来风。"],
        {"missing bracket": 1, "sentence not offered": 4},
        id="薛涛: a note that never closes",
    ),
    pytest.param(
        "诗书入京国，旌旆过乡关。（《因话录》云：证拜振武节\n度使，道河中。时赵宗儒为帅，证备桑梓礼入谒，",
        "诗",
        ["诗书入京国，旌旆过乡关。"],
        {"editor's sentence": 1, "missing bracket": 1, "sentence not offered": 2},
        id="胡证: a note that never closes, begun by an editor's sentence",
    ),
    pytest.param(
        "野火烧不尽，春风吹又生。——韩愈\n远芳侵古道，晴翠接荒城。——孟郊",
        "诗",
        ["野火烧不尽，春风吹又生。", "远芳侵古道，晴翠接荒城。"],
        {"signature in linked verse": 2},
        id="linked verse, signed",
    ),
    pytest.param(
        "更做道一家生女，百家求问。（末云了）（正旦唱）说的温良恭俭行忠信。\n（末云）这书院好。",
        "曲",
        ["更做道一家生女，百家求问。", "说的温良恭俭行忠信。"],
        {"stage direction": 3, "speech in a play": 1},
        id="关汉卿: stage directions and speech",
    ),
    pytest.param(
        "扌颠不剌的见了万千，似这般可喜娘的庞儿罕曾见。",
        "曲",
        [],
        {"character typed in halves": 1, "sentence not offered": 1},
        id="王实甫: one character typed as its two halves",
    ),
]


@pytest.mark.parametrize(("text", "genre", "verses", "counted"), DAMAGED)
def test_damage_is_repaired_or_set_aside_and_counted(
    text: str, genre: str, verses: list[str], counted: dict[str, int]
) -> None:
    found, counts = _verses(text, genre)
    assert found == verses
    counted = dict(counted)
    aside = counted.pop("sentence not offered", None)
    assert {rule: counts[rule] for rule in counted} == counted
    if aside is not None:
        assert _not_offered(text, genre) == aside


def _not_offered(text: str, genre: str) -> int:
    return sum(not p.sound for p in _draft(text, genre).pieces)


def _draft(text: str, genre: str) -> Draft:
    gathered = Gathered()
    list(gather([Work("题", "佚名", "唐", genre, (text,), "全唐诗", Script.SIMPLIFIED)], gathered))
    return gathered.drafts[0]


def test_a_described_character_is_found_where_the_source_knows_it() -> None:
    text = "安排唐祚革强吴，尽是先生作计谟。\n一个孩儿{扌弃}不得，让皇百口合何如。"
    verses, counts = _verses(text, described={"{扌弃}": "𢬵"})
    assert verses[1] == "一个孩儿𢬵不得，让皇百口合何如。"
    assert counts["described character found"] == 1 and not counts["lost character"]


def test_the_sources_own_text_stays_beside_what_was_repaired() -> None:
    draft = _draft("桃波（一作「陂」）一步地，了了语声闻。", "诗")
    assert draft.original_text == "桃波（一作「陂」）一步地，了了语声闻。"


def test_a_poem_of_which_nothing_is_left_is_counted_not_dropped() -> None:
    gathered = Gathered()
    list(gather([Work("存目", "佚名", "唐", "诗", (), "全唐诗", Script.SIMPLIFIED)], gathered))
    assert len(gathered.drafts) == 1 and gathered.counts["poem without text"] == 1
