"""The nouns that travel through the house, from photo to match. No I/O here.

Everything is frozen: a match that was handed out never changes behind anybody's back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from image2poem.card import Card
    from image2poem.settings import Settings

    Vector = NDArray[np.float32]


class Provenance(StrEnum):
    """Where a line comes from: the corpus, or a model that wrote it just now."""

    RETRIEVED = "retrieved"
    COMPOSED = "composed"


@dataclass(frozen=True, slots=True)
class Poem:
    """A whole work as the corpus holds it: simplified, with the source's own spelling beside it."""

    id: int
    title: str
    author: str
    dynasty: str
    genre: str  # 诗 词 曲 诗经 楚辞 ...
    verses: tuple[str, ...]
    tags: tuple[str, ...]
    source: str
    original_title: str
    original_author: str
    original_verses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verse:
    """A sentence of a poem, usually a couplet (上句，下句。), with the poem it is best known from."""

    id: int
    text: str
    halves: tuple[str, ...]  # its clauses without punctuation: 月落乌啼霜满天 / 江枫渔火对愁眠
    poem_id: int
    title: str
    author: str
    dynasty: str
    genre: str
    form: str  # 四言 五言 六言 七言, else 杂言
    fame: float  # 0 (nobody quotes it) .. 1 (everybody does)


@dataclass(frozen=True, slots=True)
class Photo:
    """An upright RGB picture and where it came from."""

    name: str
    image: Image
    exif: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imagery:
    """An image (意象) that verse knows by many names, and how sure we are to see it, 0..1."""

    term: str
    score: float


@dataclass(frozen=True, slots=True)
class Context:
    """When and where a photo was taken; empty where that isn't known."""

    date: str = ""  # 2024-10-11, by the camera's clock
    lunar: str = ""  # 九月初九
    season: str = ""  # 春 夏 秋 冬
    solar_term: str = ""  # the one that runs: 寒露
    hour: str = ""  # 晨 昼 暮 夜
    festivals: tuple[str, ...] = ()  # on that day or near: 重阳
    places: tuple[str, ...] = ()  # that verse names, the most particular first: 岳阳楼, 洞庭湖


@dataclass(frozen=True, slots=True)
class Facet:
    """A value for one side of a scene, how sure it is, and what speaks for it."""

    name: str  # 暮
    confidence: float  # 0..1
    basis: tuple[str, ...]  # 摄于暮 (by its date), terms of the lexicon, the light, other facets; what says most first


@dataclass(frozen=True, slots=True)
class Scene:
    """When and where a photo was taken, its light and its mood; None where nothing says enough."""

    season: Facet | None = None  # 春 夏 秋 冬
    hour: Facet | None = None  # 晨 昼 暮 夜
    weather: Facet | None = None  # 晴 阴 雨 雪 雾
    light: tuple[Facet, ...] = ()  # 暖 or 冷, 明 or 暗
    setting: Facet | None = None  # 山 水 山水 林 原野 田园 城 居室 宫苑 园庭 寺观 边塞
    mood: Facet | None = None  # 闲适 孤寂 壮阔 凄清 萧瑟 苍凉 静谧 空濛 明媚 热闹

    @property
    def facets(self) -> tuple[Facet, ...]:
        """All that is known, the mood last."""
        return tuple(
            facet for facet in (self.season, self.hour, self.weather, *self.light, self.setting, self.mood) if facet
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen in a photo."""

    vector: Vector | None  # float32[d], unit length, in the image encoder's space; None where there is no photo
    imagery: tuple[Imagery, ...]  # surest first
    description: str  # vernacular (白话); what the text routes search with
    context: Context | None = None  # when and where, if the photo tells
    described: bool = False  # by somebody who looked, a VLM or a person; else it is made of the imagery
    scene: Scene | None = None  # None where there is no photo


@dataclass(frozen=True, slots=True)
class Quotation:
    """A clause of a new line that is a real line's, and whose."""

    clause: str
    verse: str
    title: str
    author: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What a match was made from, for whoever needs the photo again in full; it holds the source, not its pixels."""

    photo: str | Path | bytes | Image | None  # None for a search without a photo
    settings: Settings


@dataclass(frozen=True, slots=True)
class Match:
    """A line that answers the photo."""

    verse: str
    title: str | None  # None for a composed line: it has no source
    author: str | None
    dynasty: str | None
    genre: str | None
    score: float  # 0..1, comparable within one answer
    provenance: Provenance
    reasons: tuple[str, ...]  # the imagery seen in the photo that this line names
    poem_id: int | None = None
    verse_id: int | None = None
    ranks: Mapping[str, int] = field(default_factory=dict)  # route -> rank there, 1 is best
    parts: Mapping[str, float] = field(default_factory=dict)  # route, fame, rerank -> its part of the score
    occasions: tuple[str, ...] = ()  # the place and the day of the photo that the line or its poem speaks of
    quotes: tuple[Quotation, ...] = ()  # only a composed line has any
    translation: str | None = None  # into everyday Chinese, where there is one
    translation_by: str | None = None  # the source that it is from, or the model that made it
    translation_made: bool = False  # by a model
    origin: Origin | None = field(default=None, repr=False, compare=False)

    def card(self, photo: str | Path | bytes | Image | Photo | None = None, **options: Any) -> Card:
        """The verse set on the photo that it answers, loaded anew in full resolution.

        Args:
            photo: another photo than that one.
            options: layout, width, script, font, punctuation, as `image2poem.card.make_card` takes them.

        Raises:
            CardError: there is no photo, or an option can't be used.
            PhotoError: the photo isn't there any more.
        """
        from image2poem.card.matched import card_of

        return card_of(self, photo, **options)


@dataclass(frozen=True, slots=True)
class Matches(Sequence[Match]):
    """The lines for one photo, best first, and what they answer."""

    photo: str | None  # None for a search without a photo
    sight: Sight  # what was searched for: what was seen, and the person's words
    items: tuple[Match, ...]
    notes: tuple[str, ...] = ()  # what went wrong on the way, a sentence each
    seen: Sight | None = None  # what was seen, before the words: the one to change and search again

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Match: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Match, ...]: ...
    def __getitem__(self, index: int | slice) -> Match | tuple[Match, ...]:
        return self.items[index]
