"""What a model answered to a batch becomes translations; what is none, or can't be one, is left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from image2poem.corpus.convert import bare, fold, simplify_verse
from image2poem.vlm.reading import read_numbered

_SHORTEST, _LONGEST, _MORE = 0.8, 5.0, 10  # characters for each of the verse, and some: 99 % of 17,841 pairs lie within
_MARKS = str.maketrans(
    {",": "，", ".": "。", "!": "！", "?": "？", ";": "；", ":": "：", "(": "（", ")": "）", "．": "。", "｡": "。"}
)
_DIGITS = str.maketrans("0123456789０１２３４５６７８９", "零一二三四五六七八九" * 2)
_PLAIN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff〇，。！？；：、“”‘’《》（）·…—]+")
_REFUSAL = re.compile(
    r"^(?:抱歉|对不起|很遗憾)|(?:无法|不能)(?:翻译|提供|处理|协助|完成)|作为(?:一个|一名)?(?:人工智能|语言模型|助手)|有什么可以帮"
)
_LABEL = re.compile(r"^(?:译文|白话|翻译|译)[：:]")


def read_translations(answer: str, verses: Sequence[str]) -> list[str | None]:
    """For each verse of a batch its translation in simplified characters, or None.

    A translation is Chinese and nothing else, of plausible length, neither a verse of the batch nor one with words
    around it, and not given for two verses at once.

    Args:
        answer: as the model gave it.
        verses: of the batch, in its order.
    """
    numbered = read_numbered(answer)
    texts = [numbered.get(number, "") for number in range(1, len(verses) + 1)]
    tidied = simplify_verse([_tidied(text) for text in texts])
    known = {fold(verse) for verse in verses}
    given = Counter(map(bare, tidied))
    return [
        text if given[bare(text)] == 1 and fold(text) not in known and _translates(text, verse) else None
        for text, verse in zip(tidied, verses, strict=True)
    ]


def _tidied(text: str) -> str:
    """In Chinese marks and digits, without line breaks and labels."""
    text = "".join(text.split()).translate(_MARKS).translate(_DIGITS)
    text = re.sub(r'"([^"]*)"', r"“\1”", _LABEL.sub("", text))
    return text if not text or text[-1] in "。！？…”’）" else text.rstrip("，；：、") + "。"


def _translates(text: str, verse: str) -> bool:
    """Whether a text may be the translation of a verse."""
    said, length = bare(text), len(bare(verse))
    return (
        _PLAIN.fullmatch(text) is not None
        and _SHORTEST * length <= len(said) <= _LONGEST * length + _MORE
        and fold(verse) not in fold(text)
        and _REFUSAL.search(text) is None
        and 3 * len(set(said)) >= len(said)  # no stammering
    )
