"""What counts as a translation, and what doesn't."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2poem.translation.reading import read_translations

MOON, HOME = "床前明月光，疑是地上霜。", "举头望明月，低头思故乡。"
GOOD = "月光照在床前，好像地上结了一层白霜。"
ALSO = "抬头看着那轮月亮，低下头来想念家里。"


def answer(*texts: str) -> str:
    return json.dumps({str(i): text for i, text in enumerate(texts, 1)}, ensure_ascii=False)


@pytest.mark.parametrize(
    "said",
    [
        answer(GOOD, ALSO),
        f"好的，译文如下：\n```json\n{answer(GOOD, ALSO)}\n```\n希望对你有帮助。",
        f'<think>先译第一句 {{"1": "不对的话，删去这一句。"}}</think>{answer(GOOD, ALSO)}',
        json.dumps({"translations": {"1": GOOD, "2": ALSO}}, ensure_ascii=False, indent=2),
        answer(GOOD, ALSO)[:-1] + ', "3": "多出来的',
        answer("月光照在床前, 好像地上結了一層白霜.", "译文：抬头看着那轮月亮，低下头来想念家里"),
        answer("月光照在床前，\n好像地上结了一层白霜。", ALSO),
    ],
    ids=["bare", "fence", "thought", "nested", "cut short", "other script and marks", "two lines"],
)
def test_translations_are_read_in_whatever_they_are_wrapped(said: str) -> None:
    assert read_translations(said, [MOON, HOME]) == [GOOD, ALSO]


@pytest.mark.parametrize(
    "said",
    [
        "Moonlight before my bed, like frost upon the ground.",
        "月光照在床前 like 地上的白霜一样。",
        MOON,
        "床前明月光疑是地上霜，说的是月光像霜。",
        HOME,
        "月光。",
        "月光照在床前" * 12,
        "哈" * 20,
        "抱歉，作为一个人工智能语言模型，我不便翻译这句诗。",
        "",
    ],
)
def test_what_cant_be_a_translation_is_none(said: str) -> None:
    assert read_translations(answer(said, ALSO), [MOON, HOME]) == [None, ALSO]


def test_the_same_words_for_two_verses_are_neither_ones() -> None:
    assert read_translations(answer(GOOD, GOOD), [MOON, HOME]) == [None, None]


def test_what_is_missing_stays_missing_and_what_nobody_asked_for_is_left_out() -> None:
    said = json.dumps({"2": ALSO, "7": GOOD}, ensure_ascii=False)
    assert read_translations(said, [MOON, HOME]) == [None, ALSO]


@given(st.text(max_size=300))
def test_any_answer_at_all_is_read(said: str) -> None:
    assert read_translations(said, [MOON]) == [None]
    read_translations(answer(said), [MOON])
