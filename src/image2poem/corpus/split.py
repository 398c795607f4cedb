"""Poem to verses. A verse is a sentence: usually a couplet (上句，下句。), in 词 whatever ends on a rhyme."""

from __future__ import annotations

import re
from typing import NamedTuple

from image2poem.corpus.clean import HAN

SHORTEST = 5  # characters: fewer don't stand alone (红酥手。) and join what follows
LONGEST = 40
LONGEST_CLAUSE = 16
_ROOMY = 28  # beyond this a ；separates verses

_SENTENCE = re.compile(r"[^。！？\n]+[。！？]*")
_CONTINUES = re.compile(r"([，、；：])\n")
_SEMICOLON = re.compile(r"(?<=；)")
_BREAK = re.compile(r"[，。！？；：\n]")
_NOT_HAN = re.compile(rf"[^{HAN}]")
_ANY_HAN = re.compile(rf"[{HAN}]")
_PLAIN = re.compile(rf"[{HAN}，。！？；：、《》]+")
_COUPLET = re.compile("|".join(rf"[{HAN}]{{{n}}}，[{HAN}]{{{n}}}[。！？]" for n in (4, 5, 7)))
_FORMS = {4: "四言", 5: "五言", 6: "六言", 7: "七言"}
_PROSE = re.compile(r"[余予序并因遂其者也矣]|之[所曰]|云：|[年月日]，")
MARKS = "，。！？；：、《》"


class Piece(NamedTuple):
    """A sentence of a poem with its clauses; `sound` if it can be offered as a verse."""

    text: str
    halves: tuple[str, ...]
    form: str
    sound: bool


def _han(text: str) -> int:
    return len(_NOT_HAN.sub("", text))


def clauses(text: str) -> tuple[str, ...]:
    """The clauses of a sentence without punctuation: 月落乌啼霜满天 / 江枫渔火对愁眠."""
    return tuple(half for half in (_NOT_HAN.sub("", part) for part in _BREAK.split(text)) if half)


def form_of(halves: tuple[str, ...]) -> str:
    """四言, 五言, 六言 or 七言 when all clauses have that length, else 杂言."""
    lengths = {len(half) for half in halves}
    return _FORMS.get(lengths.pop(), "杂言") if len(lengths) == 1 else "杂言"


def _sentences(text: str) -> list[str]:
    found: list[str] = _SENTENCE.findall(_CONTINUES.sub(r"\1", text))
    if "；" not in text:
        return found
    out: list[str] = []
    for sentence in found:
        if len(sentence) <= _ROOMY or "；" not in sentence:
            out.append(sentence)
            continue
        part = ""
        for piece in _SEMICOLON.split(sentence):
            if part and len(part) + len(piece) > _ROOMY:
                out.append(part)
                part = ""
            part += piece
        if part:
            out.append(part)
    return out


def _ended(sentence: str) -> str:
    """With a full stop where the source has only a line break or a comma."""
    last = sentence[-1]
    if last in "。！？":
        return sentence
    return sentence[:-1] + "。" if last in "，；：、" else sentence + "。"


def _clause_count(sentence: str) -> int:
    return sum(sentence.count(mark) for mark in "，；：") + 1


def _joined(sentences: list[str]) -> list[str]:
    """Couplets whose first line ends on ？or ！made whole, and sentences too short to stand alone joined."""
    out: list[str] = []
    open_couplet = False
    for sentence in sentences:
        length = len(sentence)
        if out:
            before = out[-1]
            if open_couplet and length == len(before) and _clause_count(sentence) == 1:
                out[-1] = before + sentence
                open_couplet = False
                continue
            if len(before) <= SHORTEST and _han(before) < SHORTEST and _han(sentence) + _han(before) <= LONGEST:
                out[-1] = before + sentence
                continue
        open_couplet = length in (6, 8) and sentence[-1] in "？！" and _clause_count(sentence) == 1
        out.append(sentence)
    if len(out) > 1 and _han(out[-1]) < SHORTEST and _han(out[-2]) + _han(out[-1]) <= LONGEST:
        last = out.pop()
        out[-1] += last
    return out


def split(text: str) -> list[str]:
    """The sentences of a cleaned poem, each ended by a full stop, question or exclamation mark.

    No character is lost or added; only line breaks go and missing full stops come.
    """
    sentences = [raw.lstrip(MARKS[:-2]) for raw in _sentences(text)]
    return _joined([_ended(s) for s in sentences if _ANY_HAN.search(s)])


def piece(sentence: str) -> Piece:
    """A sentence examined: its clauses, its form, and whether it is sound enough to be offered."""
    if _COUPLET.fullmatch(sentence):  # as most are: no need to look further
        half = len(sentence) // 2 - 1
        return Piece(sentence, (sentence[:half], sentence[half + 1 : -1]), _FORMS[half], True)
    halves = clauses(sentence)
    sound = bool(_PLAIN.fullmatch(sentence)) and sentence.count("《") == sentence.count("》")
    total = sum(map(len, halves))
    sound = sound and 4 <= total <= LONGEST and max(map(len, halves), default=99) <= LONGEST_CLAUSE
    return Piece(sentence, halves, form_of(halves), sound)


def enclosed(pieces: list[Piece]) -> list[Piece]:
    """Sentences behind a （ that is never closed are a note or can't be told from one: they aren't offered as verses."""
    if not any("（" in p.text or "）" in p.text for p in pieces):
        return pieces
    out, depth = [], 0
    for p in pieces:
        out.append(Piece(p.text, p.halves, p.form, p.sound and depth <= 0))
        depth = max(depth, 0) + p.text.count("（") - p.text.count("）")
    return out


def preface(pieces: list[Piece]) -> int:
    """How many leading sentences are a prose preface (序) to regular verse: they aren't offered as verses."""
    if len(pieces) < 3 or pieces[0].form != "杂言":
        return 0
    regular = [p.form in ("五言", "七言") for p in pieces]
    if sum(regular[-len(pieces) // 2 :]) * 5 < len(regular[-len(pieces) // 2 :]) * 4:
        return 0
    first = regular.index(True)
    lead = pieces[:first]
    prose = sum(1 for p in lead if _PROSE.search(p.text))
    return first if prose * 2 >= len(lead) and sum(len(p.text) for p in lead) > 24 else 0
