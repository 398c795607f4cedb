"""What a model's answer is worth: the lines and descriptions in it, and nothing else."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image2poem.corpus.convert import bare
from image2poem.corpus.split import clauses
from image2poem.vlm.prompts import load_prompt
from image2poem.vlm.reading import FORMS, LONGEST_DESCRIPTION, read_description, read_lines

COMPOSE = load_prompt("compose").text(form="七言，每则上下两句，每句七个字。", words="")
DESCRIBE = load_prompt("describe").text()
GOOD = "霜枫映水红如火，钓叟收纶过小桥。"


def seven(answer: str) -> tuple[str, ...]:
    return read_lines(answer, "七言", COMPOSE)


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps({"lines": [GOOD]}),
        json.dumps({"lines": [GOOD]}, ensure_ascii=False),
        '```json\n{"lines": ["霜枫映水红如火，钓叟收纶过小桥。"]}\n```',
        "好的，诗句如下：\n```\n霜枫映水红如火，钓叟收纶过小桥。\n```",
        '{"lines": ["霜枫映水红如火，钓叟收纶过小桥。"',  # cut short
        '{"lines": ["霜枫映水红如火，钓叟收纶过小桥。", "夕阳半落',
        '{"lines": ["霜枫映水红如火，钓叟收纶过小桥。",]}',  # not quite JSON
        '[{"line": "霜枫映水红如火，钓叟收纶过小桥。", "author": "杜牧", "title": "山行寄远客于江上"}]',
        '{"poem": {"lines": ["霜枫映水红如火", "钓叟收纶过小桥"]}, "explanation": "写秋天的枫叶和渔翁"}',
        GOOD,
        "霜枫映水红如火\n钓叟收纶过小桥",
        "霜枫映水红如火 钓叟收纶过小桥",
        "霜枫映水红如火钓叟收纶过小桥",
        "霜枫映水红如火,钓叟收纶过小桥.",
        "1. **霜枫映水红如火，钓叟收纶过小桥。**",
        "《秋江》\n霜枫映水红如火，钓叟收纶过小桥。——杜牧《秋江》",
        "霜枫映水红如火，钓叟收纶过小桥。（唐·杜牧）",
        "「霜枫映水红如火，钓叟收纶过小桥。」",
        "杜牧的诗：霜枫映水红如火，钓叟收纶过小桥。\n这句诗描写了秋天江边的景色，意境很美。",
        "霜楓映水紅如火，釣叟收綸過小橋。",  # traditional
        "<think>先看照片，有枫叶、江水和渔翁。\n作七言：山中何事最关情，好……</think>\n\n" + GOOD,
        "霜枫映水红如火，\n钓叟收纶过小桥。",
        '好的[1]：{"lines": ["霜枫映水红如火，钓叟收纶过小桥。"]}',
        "[注] 霜枫映水红如火，钓叟收纶过小桥。",
    ],
)
def test_a_line_is_found_however_it_is_wrapped(answer: str) -> None:
    assert seven(answer) == (GOOD,)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "   \n",
        "{}",
        "[" * 5000,
        '{"lines": []}',
        '{"lines": null}',
        '{"lines": [1, true]}',
        "抱歉，我无法查看这张图片。",
        "对不起，作为人工智能语言模型，我不能识别照片中的内容。",
        "I'm sorry, I can't help with that.",
        "Moonlight upon the river, a lone boat drifts into the night.",
        "明月照江。",  # no seven characters
        "写出照片里看得见的景物，不写照片里没有的东西。",  # the prompt
        "为它作三则诗句体裁，合乎体裁的字数汉字。",
        "月月月月月月月，月月月月月月月。",
        "霜枫映水红如火，霜枫映水红如火。",
        "照片里的秋枫叶，真的是很美丽啊。",
        "http://evil.example/steal?key=1",
        "<script>alert(1)</script>",
        "\x1b[31m\x1b]0;x\x07",
    ],
)
def test_what_is_no_line_is_nothing(answer: str) -> None:
    assert seven(answer) == ()


def test_a_quatrain_is_two_couplets_and_each_line_comes_once() -> None:
    quatrain = "霜枫映水红如火，钓叟收纶过小桥。隔岸炊烟三两处，晚风吹散一江潮。"
    assert seven(quatrain + "\n" + GOOD) == (GOOD, "隔岸炊烟三两处，晚风吹散一江潮。")
    assert len(seven(json.dumps({"lines": [f"{GOOD[:6]}{c}{GOOD[7:]}" for c in "山水云月花鸟风雪江天"]}))) == 6


def test_forms_are_kept() -> None:
    five = "远浦归帆暮，平沙落雁秋。"
    song = "柳外轻雷，池上雨，雨声滴碎荷声？"
    answer = json.dumps({"lines": [GOOD, five, song]}, ensure_ascii=False)
    assert read_lines(answer, "五言", COMPOSE) == (five,)
    assert read_lines(answer, "七言", COMPOSE) == (GOOD,)
    assert song in read_lines(answer, "词", COMPOSE)
    assert read_lines("月下门前谁家子？", "七言", COMPOSE) == ("月下门前谁家子？",)


@pytest.mark.parametrize(
    ("answer", "description"),
    [
        ('{"description": "夜里江上有一只小船。"}', "夜里江上有一只小船。"),
        ('```json\n{"description": "夜里江上有一只小船"}\n```', "夜里江上有一只小船。"),
        ('{"description": "夜里江上有一只小船，月光', "夜里江上有一只小船，月光。"),
        ("描述：夜里江上有3只小船。", "夜里江上有三只小船。"),
        ("夜裏江上有一隻小船。", "夜里江上有一只小船。"),
        ("**夜里**江上有一只小船 🚣，写着 SOS 。", "夜里江上有一只小船，写着。"),
        ("<think>看看</think>夜里江上有一只小船。", "夜里江上有一只小船。"),
        ('{"objects": ["小船", "江"], "description": "夜里江上有一只小船。"}', "夜里江上有一只小船。"),
    ],
)
def test_a_description_is_cleaned(answer: str, description: str) -> None:
    assert read_description(answer, DESCRIBE) == description


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        "A small boat on a river at night. 船",
        "抱歉，我无法查看这张图片。",
        "没有看到您上传的照片，请重新上传。",
        "船。",
        DESCRIBE,
        "小さな船が川の上にあります、とても静かな夜です。",
    ],
)
def test_what_is_no_description_is_nothing(answer: str) -> None:
    assert read_description(answer, DESCRIBE) is None


def test_a_long_description_ends_where_a_sentence_does() -> None:
    long = "夜里江上有一只小船，船头点着一盏灯。" * 8
    assert read_description(long, DESCRIBE) == "夜里江上有一只小船，船头点着一盏灯。" * 4
    assert len(read_description("江" * 300, DESCRIBE) or "") <= LONGEST_DESCRIPTION


PIECES = st.sampled_from(
    [
        GOOD,
        '{"lines": [',
        '"',
        "]}",
        "```",
        "<think>",
        "</think>",
        "《",
        "》",
        "——",
        "\n",
        "：",
        "，",
        "。",
        "\\",
        "霜枫映水红",
        "\x00",
        "🚣",
        "a",
    ]
)


@given(st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=30).map("".join)), st.sampled_from(FORMS))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_only_verse_and_plain_description_come_out(answer: str, form: str) -> None:
    for line in read_lines(answer, form, COMPOSE):
        assert re.sub("[，。？！]", "", line) == bare(line)
        lengths = [len(clause) for clause in clauses(line)]
        assert set(lengths) <= {"五言": {5}, "七言": {7}, "词": set(range(2, 10))}[form] and sum(lengths) <= 32
    description = read_description(answer, DESCRIBE)
    if description is not None:
        assert re.sub("[，。！？；：、]", "", description) == bare(description)
        assert len(description) <= LONGEST_DESCRIPTION
