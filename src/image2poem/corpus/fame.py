"""How well known a poem and a verse are, 0..1: a prior for choosing and ranking, made of signals that any source has.

Anthologies weigh most: people who chose were paid to. Then who wrote it, whether later poets quote it, whether a
source teaches or explains it, in how many sources it stands, and how many pages a search engine finds. The counts of
hits are noisy — 《无题》 finds everything — so they count only against works of the same genre and dynasty, and little.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from image2poem.corpus.dynasty import when
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
_FRAGMENT = frozenset(["句", "残句", "断句", "失题", "阙题", "逸句", "佚句"])
_PLAY = re.compile(r"(?!(?:黄钟|正宫|仙吕|南吕|中吕|双调|越调|商调|商角调|大石调|小石调|般涉调|道宫|高平调)・)[^・]*・")

_QUOTED = np.array([0.03 * math.log2(1 + poets) for poets in range(16)])  # more poets than 15 say no more


def author_weight(author: str) -> float:
    """How well known a poet is, 0..1."""
    return 0.3 if author in NAMELESS else WEIGHTS.get(author, UNKNOWN)


def is_fragment(title: str) -> bool:
    """Whether a title says that only lines survive."""
    return title.split(" ")[0] in _FRAGMENT


def is_play(title: str) -> bool:
    """Whether the title of a 曲 says that it is sung in a play: 张君瑞害相思・紫花儿序, but not 越调・天净沙秋思."""
    return bool(_PLAY.match(title))


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
    dynasty: str,
    title: str,
    tags: Iterable[str],
    hits: float,
    typical_hits: float,
    sources: int,
    noted: bool,
    verses: int,
) -> float:
    """The fame of a poem, 0..1, without its verses' own.

    The weights are those of a logistic regression on lines that people quote, rounded: 0.1 is about two to one in odds.

    Args:
        hits: pages found for it; 0 when nobody looked.
        typical_hits: the geometric mean of that over works of the same genre and dynasty.
        verses: how many it has: of a long one each is less known.
    """
    poet = author_weight(author)
    score = 0.16 + 0.29 * anthology(tags) + 0.01 * min(sources - 1, 3) - 0.014 * math.log2(verses + 1)
    if genre == "词":  # few are in anthologies, and people know the great poets' all the same
        score += 0.30 * poet - (0.05 if poet > UNKNOWN else -0.02) + (0.17 if poet == 1 else 0)
    else:
        score += 0.10 * poet
    if genre == "楚辞":
        score += 0.24
    elif genre == "曲" and not is_play(title):
        score += 0.12 * poet
    elif genre == "诗" and poet > UNKNOWN and when(dynasty) < when("唐"):  # what is left of so long ago is known
        score += 0.15 * poet
    if genre == "诗" and dynasty == "宋":
        score -= 0.05
    if noted:
        score += 0.12
    if hits > 0:
        weight = 0.04 if genre == "词" else 0.017 if dynasty == "宋" else 0.03
        score += weight * max(-3.0, min(3.0, math.log10(max(hits, 1) / max(typical_hits, 1))))
    if is_fragment(title):
        score -= 0.04
    return max(0.0, min(1.0, score))


def verse_fame(
    poem: NDArray[np.float64], position: NDArray[np.int64], quoted: NDArray[np.int64], length: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The fame of verses, by arrays of one length.

    Args:
        poem: the fame of its poem.
        position: its place among the poem's verses, from 0.
        quoted: how many other poets have one of its clauses.
        length: its characters.
    """
    score = poem + _QUOTED[np.minimum(quoted, len(_QUOTED) - 1)]
    score = score + np.where(np.equal(position, 0), 0.01, 0.0)
    score = score - np.select([np.greater(length, 14), np.less(length, 8)], [0.02, 0.015], 0.0)
    fame: NDArray[np.float64] = np.clip(score, 0.0, 1.0)
    return fame
