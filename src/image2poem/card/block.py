"""Verse, title, poet and seal put together: in columns, right to left, or in lines. Lengths are in em of the verse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from image2poem.card.box import Box
from image2poem.card.fonts import Fonts
from image2poem.card.typeset import Block, Clause, Glyph, Punctuation, column, even, line, spelled
from image2poem.card.wording import Words

Grouping = Sequence[Sequence[Clause]]


@dataclass(frozen=True, slots=True)
class Style:
    """How type is set. The small type is that of title and poet."""

    pitch: float = 1.62  # from one column's middle to the next
    leading: float = 1.75  # from one line's middle to the next
    tracking: float = 0.14
    small: float = 0.44
    seal: float = 0.92  # width of a square seal
    gap: float = 0.62  # from the verse to the small type
    punctuation: Punctuation = "pauses"


def seal_size(text: str, width: float) -> tuple[float, float]:
    """Width and height of a seal: a name of two characters stands upright, four make a square."""
    return (0.66 * width, 1.16 * width) if len(text) == 2 else (width, width)


def in_columns(words: Words, fonts: Fonts, grouping: Grouping, style: Style) -> Block:
    """The verse in columns; to its left the small type, and under the last of that the seal."""
    verse = [column(spelled(group, style.punctuation), fonts, 1.0, style.tracking) for group in grouping]
    tallest = max(height for _, height in verse)
    wide, high = seal_size(words.seal, style.seal)
    space = 0.8 * style.small if words.title or words.poet else 0.0
    notes = _notes(words, fonts, style.small, max(tallest, 4.0) - high - space)
    need = max([*(height for _, height in notes), notes[-1][1] + space + high])
    bottom = max(tallest, need)

    pieces = [(glyphs, 0.5 + i * style.pitch, 0.0) for i, (glyphs, _) in enumerate(verse)]
    at = 1 + (len(verse) - 1) * style.pitch + style.gap  # how far we have come from the right
    for number, (glyphs, _) in enumerate(notes):
        breadth = max(style.small, wide) if number == len(notes) - 1 else style.small
        pieces.append((glyphs, at + breadth / 2, bottom - need))
        at += breadth + 0.5 * style.small
    width = at - 0.5 * style.small
    middle = width - pieces[-1][1]
    top = bottom - need + notes[-1][1] + space
    return Block(
        tuple(glyph.placed(1.0, width - from_right, down) for glyphs, from_right, down in pieces for glyph in glyphs),
        Box(middle - wide / 2, top, middle + wide / 2, top + high),
        width,
        bottom,
    )


def _notes(words: Words, fonts: Fonts, small: float, most: float) -> list[tuple[list[Glyph], float]]:
    """The small type in as few columns of at most this height as it needs; the poet's name comes last."""
    one = column(f"{words.title}  {words.poet}".strip(), fonts, small, 0.12, "caption")
    if one[1] <= most:
        return [one]
    texts = [part for text in (words.title, words.poet) if text for part in _parts(text, fonts, small, most)]
    return [column(text, fonts, small, 0.12, "caption") for text in texts]


def _parts(text: str, fonts: Fonts, small: float, most: float) -> list[str]:
    """A text in pieces of at most this height: at a · if that will do, else in even parts."""

    def height(part: str) -> float:
        return column(part, fonts, small, 0.12)[1]

    most = max(most, 3 * small)
    if height(text) <= 1.05 * most:
        return [text]
    before, _, behind = text.rpartition("·")
    if before and height(before) <= most and height(behind) <= most:
        return [before, behind]
    count = math.ceil(height(text) / most)
    edges = [round(i * len(text) / count) for i in range(count + 1)]
    edges[1:-1] = [edge + 1 if text[edge] in "·》〉）" else edge for edge in edges[1:-1]]
    return [text[start:end] for start, end in pairwise(edges)]


def in_lines(words: Words, fonts: Fonts, grouping: Grouping, style: Style) -> Block:
    """The verse in lines, left to right, centred; under it the small type with the seal at its end."""
    punctuation = style.punctuation
    if punctuation == "pauses" and even(words.clauses):
        punctuation = "none"
    rows = [line(spelled(group, punctuation), fonts, 1.0, style.tracking) for group in grouping]
    small = style.small
    wide, high = seal_size(words.seal, style.seal)
    caption, length = line("  ".join(part for part in (words.poet, words.title) if part), fonts, small, 0.12, "caption")
    under = length + (0.8 * small if caption else 0) + wide
    width = max([under, *(row[1] for row in rows)])
    glyphs: list[Glyph] = []
    y = 0.5
    for row, long in rows:
        glyphs += [glyph.placed(1.0, (width - long) / 2, y) for glyph in row]
        y += style.leading
    y += -style.leading + 0.5 + style.gap + high / 2
    left = (width - under) / 2
    glyphs += [glyph.placed(1.0, left, y) for glyph in caption]
    right = left + under
    return Block(tuple(glyphs), Box(right - wide, y - high / 2, right, y + high / 2), width, y + high / 2)
