"""How well known a poem and a verse are, 0..1: a prior for choosing and ranking, made of signals that any source has.

Anthologies weigh most: people who chose were paid to. Then who wrote it, whether later poets quote it, whether a
source teaches or explains it, in how many sources it stands, and how many pages a search engine finds. The counts of
hits are noisy — 《无题》 finds everything — so they count only against other works of the same title, and little.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from image2poem.corpus.poets import NAMELESS, UNKNOWN, WEIGHTS

# Tags that say: chosen by an anthologist, or taught in school.
ANTHOLOGIES = {
    "唐诗三百首": 1.0,
    "宋词三百首": 1.0,
    "千家诗": 0.85,
    "古诗三百首": 0.9,
    "宋词精选": 0.8,
    "小学古诗": 1.0,
    "初中古诗": 1.0,
    "高中古诗": 0.95,
    "古诗十九首": 0.9,
    "水墨唐诗": 0.9,
    "花间集": 0.3,
    "南唐二主词": 0.6,
}
_SCHOOL = re.compile(r"年级|课[内外]|小学|初中|高中")
_VOLUME = re.compile(r"^卷.·")
# Places are found in the text by a program, so they say nothing about fame.
PLACES = frozenset(
    [
        "西湖",
        "洞庭湖",
        "庐山",
        "黄河",
        "衡山",
        "长江",
        "太湖",
        "泰山",
        "华山",
        "终南山",
        "黄山",
        "九华山",
        "岳阳楼",
        "滕王阁",
        "黄鹤楼",
        "天门山",
        "峨眉山",
        "钱塘江",
        "恒山",
        "嵩山",
    ]
)
_GENRE = {"诗经": 0.55, "楚辞": 0.5, "词": 0.12, "诗": 0.0, "曲": 0.0}
_FRAGMENT = frozenset(["句", "残句", "断句", "失题", "阙题", "逸句", "佚句"])


def author_weight(author: str) -> float:
    """How well known a poet is, 0..1."""
    return 0.3 if author in NAMELESS else WEIGHTS.get(author, UNKNOWN)


def is_fragment(title: str) -> bool:
    """Whether a title says that only lines survive."""
    return title.split(" ")[0] in _FRAGMENT


def anthology(tags: Iterable[str]) -> float:
    """The weight of the best anthology or schoolbook among the tags, 0..1."""
    best = 0.0
    for tag in tags:
        if tag in ANTHOLOGIES:
            best = max(best, ANTHOLOGIES[tag])
        elif _SCHOOL.search(tag):
            best = max(best, 0.95)
        elif _VOLUME.search(tag):
            best = max(best, 0.5)
        elif tag not in PLACES:
            best = max(best, 0.7)  # described by subject: by people, and only for poems that are read
    return best


def poem_fame(
    author: str,
    genre: str,
    title: str,
    tags: Iterable[str],
    hits: float,
    typical_hits: float,
    sources: int,
    noted: bool,
) -> float:
    """The fame of a poem, 0..1, without its verses' own.

    Args:
        hits: pages found for it; 0 when nobody looked.
        typical_hits: the median of that over works of the same title, or over all.
    """
    poet = author_weight(author)
    score = 0.42 * anthology(tags) + 0.34 * poet + 0.06 * _GENRE.get(genre, 0.0) / 0.55
    if noted:
        score += 0.18
    if hits > 0:
        score += 0.05 * max(-1.0, min(1.0, math.log10(max(hits, 1) / max(typical_hits, 1)) / 1.5))
    score += 0.03 * min(sources - 1, 3)
    if is_fragment(title):
        score += 0.02  # what survives alone survives because it was quoted
    return max(0.0, min(1.0, score))


def verse_fame(poem: float, position: int, count: int, quoted: int, sources: int, form: str, length: int) -> float:
    """The fame of a verse in a poem of that fame.

    Args:
        position: its place among the poem's `count` verses, from 0.
        quoted: how many other poets have one of its clauses.
        sources: in how many poems it stands.
    """
    score = poem + 0.10 * min(1.0, math.log2(1 + quoted) / 3) + 0.02 * min(sources - 1, 2)
    if count:
        if position == 0:
            score += 0.03
        elif position == count - 1:
            score += 0.04
        score -= 0.07 * min(1.0, max(0, count - 6) / 30)  # a long poem's single verse is less known than the poem
    if form == "杂言" and length < 8:
        score -= 0.05
    return max(0.0, min(1.0, score))
