"""Verse set in columns, right to left, as a book of poems does it; or in lines.

All lengths are in em of the verse's size. A clause (上句, 下句) gets a column of its own; where there are many short
ones, as in 词, several share one, and a column ends where the verse pauses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Literal

from image2poem.card.box import Box, around
from image2poem.card.fonts import Face, Fonts

Punctuation = Literal["pauses", "full", "none"]

STOPS = "。！？；"
PAUSES = "，：、"
MARKS = STOPS + PAUSES
_FULL_WIDTH = str.maketrans(",.;:?!｡､﹐", "，。；：？！。、，")
_OPENING = "《〈（「『〔【［“‘"
_CLOSING = "》〉）」』〕】］”’"
# Unicode's vertical forms; a face that lacks one gets the ordinary bracket turned.
_UPRIGHT = dict(zip("《》〈〉（）「」『』〔〕【】［］…—", "︽︾︿﹀︵︶﹁﹂﹃﹄︹︺︻︼﹇﹈︙︱", strict=True))
_UPRIGHT |= {"“": "﹁", "”": "﹂", "‘": "﹃", "’": "﹄"}

SOLO = 5  # up to so many clauses each have a column of their own
_SHORT = 2  # a clause of so few characters leans on its neighbour
_BEST = 8  # characters to a column where several clauses share one


@dataclass(frozen=True, slots=True)
class Clause:
    """What stands between two marks, and the mark after it ("" at a mere line break)."""

    text: str
    mark: str


def clauses(verse: str) -> tuple[Clause, ...]:
    """A verse taken apart at its marks; every character of it is in one of the clauses."""
    verse = "\n".join(verse.translate(_FULL_WIDTH).split())
    found = re.findall(rf"([^{MARKS}\n]*)([{MARKS}]+|\n|$)", verse)
    parts = [Clause(text, mark.strip()) for text, mark in found if text or mark.strip()]
    out: list[Clause] = []
    for part in parts:
        if not part.text and out:
            out[-1] = Clause(out[-1].text, out[-1].mark + part.mark)
        else:
            out.append(part)
    return tuple(out)


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character on the card: which face draws it, how large, and where the middle of its square lies."""

    char: str
    face: Face
    size: float
    x: float
    y: float
    turned: bool = False
    role: Literal["verse", "caption"] = "verse"

    @property
    def box(self) -> Box:
        """Where its ink lies."""
        ink = self.face.ink(self.char)
        if self.turned:
            ink = Box(-ink.bottom, ink.left, -ink.top, ink.right)
        return ink.scaled(self.size).moved(self.x, self.y)

    def placed(self, scale: float, x: float, y: float) -> Glyph:
        """Larger by `scale`, then moved."""
        return replace(self, size=self.size * scale, x=self.x * scale + x, y=self.y * scale + y)


@dataclass(frozen=True)
class Block:
    """Set type: its characters, and the square left for the seal; the top left corner is (0, 0)."""

    glyphs: tuple[Glyph, ...]
    seal: Box
    width: float
    height: float

    def placed(self, scale: float, x: float, y: float) -> Block:
        """Larger by `scale`, with the corner at (x, y)."""
        return Block(
            tuple(glyph.placed(scale, x, y) for glyph in self.glyphs),
            self.seal.scaled(scale).moved(x, y),
            self.width * scale,
            self.height * scale,
        )

    @property
    def size(self) -> float:
        """Of the verse's characters."""
        return self.glyphs[0].size

    @cached_property
    def ink(self) -> Box:
        """The box around all ink, the seal's included."""
        return around([self.seal, *(glyph.box for glyph in self.glyphs)])


# --- where columns break --------------------------------------------------------------------------------------


def groupings(parts: Sequence[Clause]) -> list[tuple[tuple[Clause, ...], ...]]:
    """The ways to share a verse out among columns that a reader would accept, the plainest first."""
    parts = [piece for part in parts for piece in _split(part, 16)]
    units = _phrases(parts)
    plain = tuple(units)
    out = [plain] if len(units) <= SOLO or _regular(parts) else []
    if not out:
        for best in (_BEST, _BEST + 3, _BEST - 2, _BEST + 6):
            grouped = tuple(_gathered(units, best))
            if grouped not in out:
                out.append(grouped)
    return out


def _regular(parts: Sequence[Clause]) -> bool:
    return len(parts) <= 8 and even(parts) and len(parts[0].text) >= 4


def _phrases(parts: Sequence[Clause]) -> list[tuple[Clause, ...]]:
    """Clauses that mustn't be parted: those joined by 、 and those too short to stand alone."""
    joined: list[list[Clause]] = []
    for part in parts:
        before = joined[-1] if joined else None
        leans = before is not None and (
            (before[-1].mark == "、" and _length(before) + len(part.text) <= 9)
            or _length(before) <= _SHORT
            or len(part.text) <= _SHORT
            or (_length(before) <= 3 and len(part.text) <= 3)
        )
        if before is not None and leans:
            before.append(part)
        else:
            joined.append([part])
    if len(joined) == 1 and min(len(part.text) for part in parts) > _SHORT:
        joined = [[part] for part in parts]  # one column would be all: break at the pause
    return [tuple(group) for group in joined]


def _length(group: Sequence[Clause]) -> int:
    return sum(len(part.text) for part in group)


def _gathered(units: Sequence[tuple[Clause, ...]], best: int) -> Iterator[tuple[Clause, ...]]:
    """Whole phrases put together so that columns come near `best` characters, rather at 。than at ，."""
    sizes = [_length(unit) for unit in units]
    cost = [0.0] + [float("inf")] * len(units)
    start = [0] * (len(units) + 1)
    for end in range(1, len(units) + 1):
        strong = end == len(units) or units[end - 1][-1].mark[-1:] in tuple(STOPS)
        for begin in range(end):
            length = sum(sizes[begin:end])
            if length > best + 4 and end - begin > 1:
                continue
            here = cost[begin] + (length - best) ** 2 + (0 if strong else 6)
            if here < cost[end]:
                cost[end], start[end] = here, begin
    bounds = [len(units)]
    while bounds[-1]:
        bounds.append(start[bounds[-1]])
    for begin, end in pairwise(reversed(bounds)):
        yield tuple(part for unit in units[begin:end] for part in unit)


def _split(part: Clause, most: int) -> list[Clause]:
    """A clause too long for any column, in even parts."""
    count = -(-len(part.text) // most)
    if count <= 1:
        return [part]
    edges = [round(i * len(part.text) / count) for i in range(count + 1)]
    texts = [part.text[a:b] for a, b in pairwise(edges)]
    return [Clause(text, "") for text in texts[:-1]] + [Clause(texts[-1], part.mark)]


def even(parts: Sequence[Clause]) -> bool:
    """Whether all clauses have the same length, as in 诗: then the eye needs no commas."""
    return len({len(part.text) for part in parts}) == 1


def spelled(group: Sequence[Clause], punctuation: Punctuation) -> str:
    """The characters of a column or line.

    "pauses": the end of a column stands for its comma or full stop, marks within it are set. "none": within it a
    space is left for each. "full": all marks.
    """
    text = ""
    for number, part in enumerate(group):
        last = number == len(group) - 1
        mark = part.mark
        if (punctuation == "none" and mark) or (not mark and not last):
            mark = "" if last else " "
        elif punctuation == "pauses" and last:
            mark = "".join(m for m in mark if m in "？！")
        text += part.text + mark
    return text


# --- columns ----------------------------------------------------------------------------------------------------


def _advance(char: str, face: Face) -> float:
    if char == " ":
        return 0.6
    if char in MARKS:
        return 0.8 if char in "？！" else 0.5
    if char in _OPENING + _CLOSING + "·":
        return 0.55
    if char in "…—":
        return 0.9
    return max(face.advance(char), 0.6) if ord(char) < 0x2E80 else 1.0


def column(
    text: str, fonts: Fonts, size: float = 1.0, tracking: float = 0.1, role: Literal["verse", "caption"] = "verse"
) -> tuple[list[Glyph], float]:
    """Characters one under the other, the column's middle at x = 0, its top at y = 0, and its height.

    Every character must have a face (`wording.settled` sees to that).
    """
    glyphs: list[Glyph] = []
    y = 0.0
    for number, char in enumerate(text):
        form = _UPRIGHT.get(char, char)
        face = fonts.face(form)
        turned = char in _UPRIGHT and face is None
        if face is None:
            form, face = char, _face(char, fonts)
        high = _advance(char, face) * size
        if char != " ":
            x, down = _seat(char, form, face, size, turned, high)
            glyphs.append(Glyph(form, face, size, x, y + down, turned, role))
        following = text[number + 1 : number + 2]
        loose = following and following not in MARKS and char not in _OPENING and following not in _CLOSING
        y += high + (tracking * size if loose else 0.04 * size if following else 0)
    return glyphs, y


def _face(char: str, fonts: Fonts) -> Face:
    face = fonts.face(char)
    if face is None:
        raise ValueError(f"no font has {char!r}")
    return face


def _seat(char: str, form: str, face: Face, size: float, turned: bool, high: float) -> tuple[float, float]:
    """Where the middle of a character's square lies, from the top of its cell, so that its ink is where it belongs."""
    ink = face.ink(form)
    if turned:
        ink = Box(-ink.bottom, ink.left, -ink.top, ink.right)
    across, down = ink.centre
    if char in MARKS and char not in "？！":  # at the upper right, close to what it follows
        return (0.31 - across) * size, (0.2 - down) * size
    if char in MARKS or char in _UPRIGHT or char == "·":
        return -across * size, high / 2 - down * size
    return 0.0, high / 2


def line(
    text: str, fonts: Fonts, size: float = 1.0, tracking: float = 0.1, role: Literal["verse", "caption"] = "verse"
) -> tuple[list[Glyph], float]:
    """Characters side by side, the line's left at x = 0, its middle at y = 0, and its width."""
    glyphs: list[Glyph] = []
    x = 0.0
    for number, char in enumerate(text):
        face = _face(char, fonts)
        wide = (0.8 if char in MARKS else _advance(char, face)) * size
        if char != " ":
            middle = x + wide / 2
            if char in MARKS and char not in "？！":  # close to what it follows
                middle = x + (0.2 - face.ink(char).centre[0]) * size
            elif char in MARKS + _OPENING + _CLOSING + "·…—":
                middle -= face.ink(char).centre[0] * size
            glyphs.append(Glyph(char, face, size, middle, 0.0, False, role))
        following = text[number + 1 : number + 2]
        loose = following and following not in MARKS and char not in _OPENING and following not in _CLOSING
        x += wide + (tracking * size if loose else 0)
    return glyphs, x


def lines(parts: Sequence[Clause]) -> list[tuple[tuple[Clause, ...], ...]]:
    """The ways to set a verse in lines: in one, by sentence or clause, or gathered to even lengths."""
    out: list[tuple[tuple[Clause, ...], ...]] = [(tuple(parts),)]
    for best in (20, 14, 10, 7):
        rows = tuple(_gathered([(part,) for piece in parts for part in _split(piece, 20)], best))
        if rows not in out:
            out.append(rows)
    return out
