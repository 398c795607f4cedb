"""Where columns and lines break, and how marks are set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2poem.card.fonts import open_fonts
from image2poem.card.typeset import MARKS, Clause, clauses, column, groupings, line, lines, spelled

FONTS = open_fonts()


def columns(verse: str, punctuation: str = "pauses") -> list[str]:
    return [spelled(group, punctuation) for group in groupings(clauses(verse))[0]]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verse", "expected"),
    [
        ("月落乌啼霜满天，江枫渔火对愁眠。", ["月落乌啼霜满天", "江枫渔火对愁眠"]),
        ("关关雎鸠，在河之洲。窈窕淑女，君子好逑。", ["关关雎鸠", "在河之洲", "窈窕淑女", "君子好逑"]),
        ("念去去、千里烟波，暮霭沉沉楚天阔。", ["念去去、千里烟波", "暮霭沉沉楚天阔"]),  # 、 is no break
        ("吴季子、百馀龄。", ["吴季子", "百馀龄"]),  # unless it is all there is
        ("天，刺破青天锷未残。", ["天，刺破青天锷未残"]),  # one character doesn't stand alone
        ("红酥手，黄縢酒，满城春色宫墙柳。", ["红酥手，黄縢酒", "满城春色宫墙柳"]),
        ("明月几时有？把酒问青天。", ["明月几时有？", "把酒问青天"]),  # a question stays one
        ("归梦寄吴樯。", ["归梦寄吴樯"]),
        ("空馀繐帷在,淅淅野风秋.", ["空馀繐帷在", "淅淅野风秋"]),  # typed with a Latin keyboard
        ("江碧鸟逾白\n山青花欲燃", ["江碧鸟逾白", "山青花欲燃"]),
    ],
)
def test_columns_end_where_the_verse_pauses(verse: str, expected: list[str]) -> None:
    assert columns(verse) == expected


def test_long_ci_lines_share_columns_of_like_length() -> None:
    verse = "缥缈，危亭，笑谈独在千峰上。与谁同赏，万里横烟浪。老去情怀，犹作天涯想。空惆怅，少年豪放，莫学衰翁样。"
    for group in groupings(clauses(verse)):
        lengths = [sum(len(part.text) for part in column) for column in group]
        assert min(lengths) >= 3 and max(lengths) <= 16 and len(lengths) <= 9


def test_what_becomes_of_the_marks() -> None:
    ci = "骤雨歇、极目萧疏，塞柳万株。"
    assert columns(ci, "pauses") == ["骤雨歇、极目萧疏", "塞柳万株"]
    assert columns(ci, "full") == ["骤雨歇、极目萧疏，", "塞柳万株。"]
    assert columns(ci, "none") == ["骤雨歇 极目萧疏", "塞柳万株"]


HAN = st.text(alphabet="山水云月花鸟风雪江天日夜春秋松竹", min_size=1, max_size=20)
VERSE = st.lists(st.tuples(HAN, st.sampled_from(MARKS)), min_size=1, max_size=8)


@given(VERSE)
def test_no_character_is_lost_or_moved_whatever_the_verse(parts: list[tuple[str, str]]) -> None:
    verse = "".join(text + mark for text, mark in parts)
    assert "".join(part.text + part.mark for part in clauses(verse)) == verse
    for ways in (groupings(clauses(verse)), lines(clauses(verse))):
        assert ways
        for way in ways:
            assert "".join(spelled(group, "full").replace(" ", "") for group in way) == verse
            assert all(group for group in way)
            assert not any(spelled(group, "pauses")[0] in MARKS for group in way)


def test_brackets_in_a_column_lie_on_their_back() -> None:
    glyphs, _ = column("《山行》", FONTS)
    first, last = glyphs[0].box, glyphs[-1].box
    assert first.width > 1.4 * first.height and last.width > 1.4 * last.height
    assert first.bottom <= glyphs[1].box.top and last.top >= glyphs[2].box.bottom
    assert abs(first.centre[0]) < 0.01  # over the middle of the column


def test_a_face_without_vertical_forms_gets_its_brackets_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    (face,) = FONTS.faces
    monkeypatch.setattr(type(face), "has", lambda self, char: char in "《山行》")
    monkeypatch.setattr("image2poem.card.fonts._rare", lambda char: None)
    glyphs, _ = column("《山行》", FONTS)
    assert [g.turned for g in glyphs] == [True, False, False, True]
    assert glyphs[0].box.width > 1.4 * glyphs[0].box.height
    mask, _ = face.mask("《", 100, 200.0, 200.0, True)
    assert mask.width > 1.4 * mask.height


def test_marks_in_a_line_follow_closely_what_they_end() -> None:
    glyphs, width = line("山行，远上。", FONTS, tracking=0.2)
    mark, before, after = glyphs[2].box, glyphs[1].box, glyphs[3].box
    assert before.right < mark.left < before.right + 0.3 and mark.right < after.left
    assert mark.centre[1] > 0.2  # below the middle
    assert width > after.right


def test_a_clause_as_long_as_a_page_is_cut_evenly() -> None:
    way = groupings((Clause("山" * 37, "。"),))[0]
    lengths = [sum(len(part.text) for part in group) for group in way]
    assert sum(lengths) == 37 and max(lengths) <= 16 and max(lengths) - min(lengths) <= 1
