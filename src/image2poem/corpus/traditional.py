"""A verse in traditional characters: as its source spells it, where the source is traditional; else by OpenCC."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from image2poem.corpus.convert import bare, fold, simplify_names, simplify_verse
from image2poem.model import Poem

if TYPE_CHECKING:
    from opencc import OpenCC

_STRAY = 0.03  # of a simplified text may be traditional characters that somebody overlooked


@cache
def _opencc() -> OpenCC:
    from opencc import OpenCC

    return OpenCC("s2t")


def to_traditional(text: str) -> str:
    """Any simplified text in traditional characters. OpenCC guesses where one simplified character stands for several."""
    converted: str = _opencc().convert(text)
    return converted


def traditional_verses(poem: Poem, verses: tuple[str, ...]) -> tuple[str, ...]:
    """Verses of a poem in traditional characters, each with the punctuation it has."""
    original = "\n".join(poem.original_verses)
    simplified = simplify_verse([original])[0]
    if len(simplified) != len(original):  # can't be followed back
        return tuple(map(to_traditional, verses))
    if sum(map(str.__ne__, original, simplified)) <= _STRAY * len(original):  # the source is simplified itself
        return tuple(map(to_traditional, verses))
    spelt = [old for old, new in zip(original, simplified, strict=True) if bare(new)]
    key = fold(simplified)
    found = []
    start = 0
    for verse in verses:
        part = fold(verse)
        at = key.find(part, start)
        if at < 0:
            at = key.find(part)
        if at < 0 or not part:
            found.append(to_traditional(verse))
            continue
        start = at + len(part)
        characters = iter(spelt[at:start])
        found.append("".join(next(characters) if bare(character) else character for character in verse))
    return tuple(found)


def traditional_title(poem: Poem) -> tuple[str, str]:
    """(title, author) of a poem in traditional characters."""
    title, author = poem.original_title, poem.original_author
    known = simplify_names([author]) == [poem.author]  # 太宗皇帝 is 李世民 here, in either spelling
    return (
        to_traditional(poem.title) if title == poem.title else title,
        author if known and author != poem.author else to_traditional(poem.author),
    )
