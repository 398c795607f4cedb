"""What is written: titles as print has them, scripts, seals, characters that no font has."""

from __future__ import annotations

from pathlib import Path

import pytest
from card_photos import VERSES, day
from fontTools import subset
from fontTools.ttLib import TTFont

from image2poem.card import Spelling, fonts, make_card
from image2poem.card.fonts import open_fonts
from image2poem.card.wording import MISSING, OURS, Words, words
from image2poem.errors import CardError

VERSE = "两岸猿声啼不住，轻舟已过万重山。"
SERIF = open_fonts().faces[0].path


def written(verse: str = VERSE, **options: object) -> Words:
    return words(verse, open_fonts(), **options)  # type: ignore[arg-type]


def text(found: Words) -> str:
    return "".join(part.text + part.mark for part in found.clauses)


@pytest.fixture(scope="module")
def small_font(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A font that has eight characters and no more."""
    font = TTFont(SERIF)
    subsetter = subset.Subsetter()
    subsetter.populate(text="两岸猿声啼不住国")
    subsetter.subset(font)
    path = tmp_path_factory.mktemp("fonts") / "Small.otf"
    font.save(path)
    return path


@pytest.mark.parametrize(
    ("title", "genre", "shown"),
    [
        ("早发白帝城", "诗", "《早发白帝城》"),
        ("天净沙·秋思", "曲", "《天净沙·秋思》"),
        ("江神子・江城子", "词", "《江神子》"),  # behind ・ another name of the same tune
        ("双调・蟾宫曲", "曲", "《双调·蟾宫曲》"),  # behind ・ the tune of that mode
        ("长相思 一", "词", "《长相思·其一》"),
        ("过故斛斯校书庄二首 二", "诗", "《过故斛斯校书庄二首·其二》"),
        ("天柱峰（题拟）", "诗", "《天柱峰》"),
        ("读《离骚》", "诗", "《读〈离骚〉》"),
        ("蒹葭", "诗经", "《诗经·蒹葭》"),
        (None, None, ""),
    ],
)
def test_titles(title: str | None, genre: str | None, shown: str) -> None:
    assert written(title=title, genre=genre).title == shown


def test_a_letter_of_a_title_is_cut_short_and_says_so() -> None:
    title = written(title="予以长庆二年冬十月到杭州明年秋九月始与范阳卢贾汝南周元范兰陵萧悦").title
    assert len(title) <= 24 and title.endswith("…》") and title.startswith("《予以长庆二年")


@pytest.mark.parametrize(
    ("author", "seal"),
    [
        ("李白", "李白"),
        ("王之涣", "王之涣印"),
        ("司马相如", "司马相如"),
        ("佚名", OURS),
        ("无名氏", OURS),
        (None, OURS),
        ("向", OURS),  # a family name alone
        ("魏徵、褚亮", OURS),
        ("南唐嗣主李璟", OURS),
    ],
)
def test_seals_bear_the_poets_name_where_there_is_one(author: str | None, seal: str) -> None:
    assert written(author=author, dynasty="唐").seal == seal


def test_a_composed_line_says_so_and_bears_no_poets_seal() -> None:
    card = make_card(day(), VERSE, composed=True, width=540)
    small = "".join(g.char for g in card.glyphs if g.role == "caption")
    assert small == "新作" and card.sheet.stamp.text == OURS
    for source in ({"author": "李白"}, {"title": "早发白帝城"}, {"dynasty": "唐"}):
        with pytest.raises(CardError, match="composed"):
            make_card(day(), VERSE, composed=True, **source)  # type: ignore[arg-type]


def test_traditional_is_the_sources_own_spelling_where_that_is_known() -> None:
    converted = written("床前明月光，疑是地上霜。", title="静夜思", author="李白", dynasty="汉", script="traditional")
    assert text(converted) == "牀前明月光，疑是地上霜。" or text(converted) == "床前明月光，疑是地上霜。"
    assert (converted.title, converted.poet) == ("《靜夜思》", "漢·李白")
    original = Spelling("牀前看月光，疑是地上霜。", "靜夜思", "李白")
    assert text(written("床前看月光，疑是地上霜。", script="traditional", original=original)) == original.verse
    queen = written("后宫佳丽三千人", script="traditional", original=Spelling("后宮佳麗三千人"))
    assert text(queen) == "后宮佳麗三千人"
    sure = written("归", author="范成大", dynasty="宋", script="traditional", original=Spelling(author="范成大"))
    assert sure.poet == "宋·范成大" and sure.seal[0] == "范"
    assert written(author="王之涣", script="traditional").seal == "王之渙印"


def test_a_rare_character_comes_from_another_font(small_font: Path) -> None:
    card = make_card(day(), VERSE, *VERSES["five"][1:], font=str(small_font), width=540)
    faces = {g.char: g.face.path for g in card.glyphs if g.role == "verse"}
    assert faces["猿"] == small_font and faces["轻"] == SERIF
    assert not card.warnings


def test_a_character_that_no_font_has_takes_its_original_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_font_files", dict)  # a machine without fonts
    fonts._rare.cache_clear()
    rare, form = "\U00030b38", "繐"
    original = Spelling("空餘繐帷在，淅淅野風秋。", "過故斛斯校書莊", "杜甫")
    found = written(f"空馀{rare}帷在，淅淅野风秋。", original=original)
    assert text(found) == f"空馀{form}帷在，淅淅野风秋。"
    assert len(found.warnings) == 1 and "U+30B38" in found.warnings[0] and form in found.warnings[0]


def test_a_character_that_nothing_can_be_done_for_is_marked_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_font_files", dict)
    fonts._rare.cache_clear()
    card = make_card(day(), "江上\U0003134a色\U0001f319明", composed=True, width=540)
    assert [g.char for g in card.glyphs if g.role == "verse"] == list(f"江上{MISSING}色{MISSING}明")
    assert len(card.warnings) == 2 and "U+1F319" in card.warnings[1] and "--font" in card.warnings[1]


def test_kai_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch, small_font: Path) -> None:
    monkeypatch.setattr(fonts, "_font_files", lambda: {"lxgwwenkai-regular": small_font})
    assert open_fonts("kai").faces[0].path == small_font
    monkeypatch.setattr(fonts, "_font_files", dict)
    with pytest.raises(CardError, match="fonts-lxgw-wenkai"):
        open_fonts("kai")


def test_fonts_are_found_in_the_folders_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small_font: Path
) -> None:
    folder = tmp_path / "fonts" / "truetype"
    folder.mkdir(parents=True)
    (folder / "LXGWWenKai-Regular.otf").write_bytes(small_font.read_bytes())
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(fonts.sys, "platform", "linux")
    fonts._font_files.cache_clear()
    try:
        assert open_fonts("kai").faces[0].path.parent == folder
    finally:
        fonts._font_files.cache_clear()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"verse": ""}, "no Chinese character"),
        ({"verse": "hello, world"}, "no Chinese character"),
        ({"verse": "山" * 200}, "160"),
        ({"layout": "cubist"}, "overlay"),
        ({"script": "seal"}, "traditional"),
        ({"punctuation": "some"}, "pauses"),
        ({"width": 20}, "320"),
        ({"width": 1_000_000}, "--width"),
        ({"font": "nowhere.ttf"}, "nowhere.ttf"),
        ({"font": __file__}, "can't be read as a font"),
    ],
)
def test_what_cant_be_done_is_told_in_one_sentence(options: dict[str, object], says: str) -> None:
    arguments: dict[str, object] = {"verse": VERSE} | options
    with pytest.raises(CardError, match=says) as caught:
        make_card(day(), **arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_font_without_chinese_is_refused(tmp_path: Path) -> None:
    font = TTFont(SERIF)
    subsetter = subset.Subsetter()
    subsetter.populate(text="abc")
    subsetter.subset(font)
    font.save(tmp_path / "Latin.otf")
    with pytest.raises(CardError, match="no Chinese characters"):
        open_fonts(str(tmp_path / "Latin.otf"))
