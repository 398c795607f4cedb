"""The words on a card: the verse, its title, poet and dynasty, in the script asked for, in characters that a font has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from image2poem.card.fonts import Fonts
from image2poem.card.typeset import Clause, clauses
from image2poem.corpus.convert import bare
from image2poem.errors import CardError

if TYPE_CHECKING:
    from opencc import OpenCC

Script = Literal["simplified", "traditional"]

LONGEST = 160  # characters; a whole regulated poem of eight lines has 64
MISSING = "〓"  # U+3013, the compositor's sign for a character that he has no type of
COMPOSED = "新作"
OURS = "以图寻诗"
_NOBODY = frozenset({"佚名", "无名氏", "不详", "無名氏", "不詳"})
_BOOKS = ("诗经", "楚辞")  # whose poems are named after the book, not after a poet
_TITLE = 22  # characters of a title that are shown; some titles are whole letters
_NOTE = re.compile(r"（[^（）]*）|\([^()]*\)|〖[^〖〗]*〗|\[[^\[\]]*\]")
_SPACE = re.compile(r"\s")
_NUMBER = re.compile(r"[一二三四五六七八九十百]{1,4}")


@dataclass(frozen=True, slots=True)
class Spelling:
    """How the source spells a verse, its title and its poet, before anything was simplified; None: not known."""

    verse: str | None = None
    title: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """All that is written on a card, in characters that can be drawn."""

    clauses: tuple[Clause, ...]
    title: str  # with its marks, 《枫桥夜泊》; "" where there is none
    poet: str  # 唐·张继; 新作 where nobody wrote it before; "" where nothing is known
    seal: str  # two or four characters
    named: bool  # whether they are the poet's name
    warnings: tuple[str, ...]


def words(
    verse: str,
    fonts: Fonts,
    *,
    title: str | None = None,
    author: str | None = None,
    dynasty: str | None = None,
    genre: str | None = None,
    script: Script = "simplified",
    composed: bool = False,
    original: Spelling | None = None,
) -> Words:
    """What to write.

    Args:
        verse, title, author, dynasty, genre: as a match holds them, simplified.
        fonts: what there is to write with.
        script: "traditional" takes the source's own spelling where it is known, else converts.
        composed: written just now by a model: says so, and bears no poet's seal.
        original: how the source spells it.

    Raises:
        CardError: nothing to write, too much of it, an unknown script, or a composed line with a poet's name.
    """
    if script not in ("simplified", "traditional"):
        raise CardError(f"there is no script '{script}'; there are simplified and traditional")
    if composed and (title or author or dynasty):
        raise CardError("a composed line has no title, poet or dynasty; leave them out, or don't call it composed")
    verse = verse.strip()
    if not bare(verse):
        raise CardError(f"the verse {verse!r} has no Chinese character; give a line of verse")
    if len(verse) > LONGEST:
        raise CardError(f"the verse has {len(verse)} characters, and a card holds {LONGEST}; give a line or a few")
    source = original or Spelling()
    writer = _Writer(fonts, script)
    verse = writer.write(verse, source.verse)
    name = "" if author in (None, "", *_NOBODY) else str(author)
    if genre in _BOOKS and not name:
        author = ""
    return Words(
        clauses=clauses(verse),
        title=writer.write(_marked(title, genre), _marked(source.title, genre) if source.title else None),
        poet=COMPOSED if composed else writer.write(_signed(dynasty, author), None, author, source.author),
        seal=writer.write(_carved(name), None, name, source.author),
        named=_carved(name) != OURS,
        warnings=tuple(writer.warnings),
    )


class _Writer:
    """Puts text into a script, and into characters that there are faces for."""

    def __init__(self, fonts: Fonts, script: Script) -> None:
        self._fonts = fonts
        self._script = script
        self.warnings: list[str] = []

    def write(self, text: str, source: str | None, name: str | None = None, source_name: str | None = None) -> str:
        """`text` as it is to stand on the card.

        Args:
            source: how the source spells the whole of it, if that is known.
            name, source_name: or how it spells a name within it.
        """
        simplified = self._script == "simplified"
        if simplified and all(char.isspace() or self._fonts.face(char) for char in text):
            return _SPACE.sub(" ", text)  # as nearly always: no need to load OpenCC
        other = source
        if other is None:
            other = _traditional(text)
            if name and source_name and len(name) == len(source_name):
                other = _traditional(text.replace(name, "\0")).replace("\0", source_name)
        wanted, other = (text, other) if simplified else (other, text)
        forms = other if len(other) == len(wanted) else _traditional(wanted)
        return "".join(self._drawable(char, form) for char, form in zip(wanted, forms, strict=True))

    def _drawable(self, char: str, other: str) -> str:
        if char.isspace():
            return " "
        if self._fonts.face(char):
            return char
        code = f"{char} (U+{ord(char):04X})"
        for form in dict.fromkeys((other, _traditional(char))):
            if form != char and self._fonts.face(form):
                self._warn(f"no font here has {code}; its other form {form} is shown")
                return form
        self._warn(
            f"no font here has {code}; {MISSING} stands in its place: "
            "install a font that has it (Debian: fonts-hanazono), or give its file as --font"
        )
        return MISSING

    def _warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)


def _marked(title: str | None, genre: str | None) -> str:
    """A title as print has it: 《忆江南·其一》, 《诗经·蒹葭》, notes left out, a letter of a title cut short."""
    plain = title or ""
    while _NOTE.search(plain):
        plain = _NOTE.sub(" ", plain)
    if genre == "词":
        plain = plain.split("・")[0]  # behind it stands another name of the same tune
    parts = re.split(r"[\s・·]+", plain.strip(" 。，・·") or (title or "").strip())
    parts = [f"其{part}" if i and _NUMBER.fullmatch(part) else part for i, part in enumerate(parts) if part]
    if genre in _BOOKS and parts:
        parts.insert(0, str(genre))
    text = "·".join(parts).replace("《", "〈").replace("》", "〉")
    if len(text) > _TITLE:
        text = text[: _TITLE - 1].rstrip("·，〈") + "…"
        text += "〉" * (text.count("〈") - text.count("〉"))
    return f"《{text}》" if text else ""


def _signed(dynasty: str | None, author: str | None) -> str:
    return "·".join(part.strip() for part in (dynasty, author) if part and part.strip())


def _carved(name: str) -> str:
    """What a seal says: 李白, 王之涣印, 司马相如; ours where it is nobody's, or several people's."""
    if bare(name) != name:
        return OURS
    return {2: name, 3: name + "印", 4: name}.get(len(name), OURS)


@cache
def _opencc() -> OpenCC:
    from opencc import OpenCC

    return OpenCC("s2t")


def _traditional(text: str) -> str:
    return str(_opencc().convert(text)) if text else ""
