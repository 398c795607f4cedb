"""Typefaces: which one has a character, where its ink lies, and its outline.

The serif (宋体) ships with us as a dependency, Noto Serif SC; LXGW WenKai (楷体) is used where it is installed or given.
A character that the chosen face lacks is taken from the next one that has it: never a box in place of a character.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from image2poem.card.box import Box
from image2poem.errors import CardError

# In order of liking. A name of a file, without its suffix, in any of the folders of fonts.
_KAI = ("LXGWWenKai-Regular", "LXGWWenKaiGB-Regular", "LXGWWenKaiTC-Regular", "simkai", "Kaiti", "ukai")
_RARE = (  # faces with many rare characters
    *("LXGWWenKai-Regular", "NotoSerifCJK-Regular", "SourceHanSerif-Regular", "SourceHanSerifSC-Regular"),
    *("simsunb", "SimsunExtG", "Songti", "PlangothicP1-Regular", "PlangothicP2-Regular", "BabelStoneHan"),
    *("HanaMinA", "HanaMinB", "uming", "NotoSansCJK-Regular", "Hiragino Sans GB", "PingFang"),
)
_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_reading = threading.Lock()  # fontTools reads a font's file bit by bit, when something of it is asked for
_CENTRED = "国國田中"  # characters that fill their square evenly


class Face:
    """One font file (and number within a collection)."""

    def __init__(self, path: Path, number: int, names: Mapping[int, str]) -> None:
        self.path = path
        self.number = number
        self.names = names  # code point -> name of the glyph

    def __repr__(self) -> str:
        return f"Face({self.path.name})"

    def has(self, char: str) -> bool:
        """Whether the font's character map names a glyph for this character."""
        return ord(char) in self.names

    def at(self, size: float) -> ImageFont.FreeTypeFont:
        """The font for drawing at `size` pixels to the em."""
        return _font(self.path, self.number, size)

    def advance(self, char: str) -> float:
        """How wide a character is set, in em."""
        return _advance(self, char)

    @property
    def rise(self) -> float:
        """How far the middle of a character's square stands above the baseline, in em."""
        return _rise(self)

    def ink(self, char: str) -> Box:
        """Where a character's ink lies, in em, seen from the middle of its square."""
        return _ink(self, char)

    def bounds(self, char: str) -> Box:
        """The ink as seen from where the pen starts, on the baseline, in em."""
        from fontTools.pens.boundsPen import BoundsPen

        with _reading:
            em, glyphs = _glyphs(self.path, self.number)
            pen = BoundsPen(glyphs)
            glyphs[self.names[ord(char)]].draw(pen)
        left, bottom, right, top = pen.bounds or (0, 0, 0, 0)
        return Box(left / em, -top / em, right / em, -bottom / em)

    def mask(self, char: str, size: float, x: float, y: float, turned: bool) -> tuple[Image.Image, tuple[int, int]]:
        """A character with the middle of its square at (x, y), in pixels.

        Args:
            turned: by 90° clockwise, as a bracket is in a column.

        Returns:
            How much ink is in each pixel ("L"), and where on the canvas its corner belongs.
        """
        half = max(1, round(size))  # ample: no font's ink reaches so far beyond its square
        left, top = int(x) - half, int(y) - half
        square = Image.new("L", (2 * half + 1, 2 * half + 1))
        draw = ImageDraw.Draw(square)
        at, rise = self.at(size), self.rise * size
        across, down = x - left, y - top
        if turned:  # draw it upright where the turn will carry it from
            across, down = down, square.height - across
        draw.text((across - self.advance(char) * size / 2, down + rise), char, 255, font=at, anchor="ls")
        if turned:
            square = square.transpose(Image.Transpose.ROTATE_270)
        box = square.getbbox() or (0, 0, 1, 1)
        return square.crop(box), (left + box[0], top + box[1])

    def outline(self, char: str) -> tuple[str, float]:
        """The character's outline as an SVG path, y upwards from the baseline, and the units in an em."""
        from fontTools.pens.svgPathPen import SVGPathPen

        with _reading:
            em, glyphs = _glyphs(self.path, self.number)
            pen = SVGPathPen(glyphs, ntos=lambda number: f"{number:.1f}".rstrip("0").rstrip("."))
            glyphs[self.names[ord(char)]].draw(pen)
        return pen.getCommands(), float(em)


@lru_cache(maxsize=64)
def _font(path: Path, number: int, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, index=number, layout_engine=ImageFont.Layout.BASIC)


@cache
def _advance(face: Face, char: str) -> float:
    with _reading:
        em, glyphs = _glyphs(face.path, face.number)
        return float(glyphs[face.names[ord(char)]].width / em)


@cache
def _rise(face: Face) -> float:
    for char in _CENTRED:
        if face.has(char):
            bounds = face.bounds(char)
            return -(bounds.top + bounds.bottom) / 2
    return 0.38


@cache
def _ink(face: Face, char: str) -> Box:
    return face.bounds(char).moved(-face.advance(char) / 2, face.rise)


class Fonts:
    """The chosen face, and behind it those to fall back on."""

    def __init__(self, faces: tuple[Face, ...]) -> None:
        self.faces = faces

    def face(self, char: str) -> Face | None:
        """The first face that has a character; None where no font on this machine has it."""
        for face in self.faces:
            if face.has(char):
                return face
        return _rare(char)


def open_fonts(name: str = "serif") -> Fonts:
    """The faces for a card.

    Args:
        name: "serif" (宋体), "kai" (楷体), or a font file (.ttf, .otf, .ttc).

    Raises:
        CardError: no such font here, or the file isn't one.
    """
    if name == "serif":
        return Fonts((_serif(),))
    if name == "kai":
        for found in _installed(_KAI):
            return Fonts((open_face(found), _serif()))
        raise CardError(
            "the font LXGW WenKai (楷体) isn't installed; on Debian and Ubuntu: sudo apt install fonts-lxgw-wenkai, "
            "elsewhere download it and give the file: --font LXGWWenKai-Regular.ttf"
        )
    return Fonts((open_face(Path(name).expanduser()), _serif()))


def _serif() -> Face:
    from pylopdf_fonts_zh_cn import serif_path

    return open_face(serif_path())


@cache
def open_face(path: Path) -> Face:
    """A font file; of a collection the simplified Chinese face where it has one.

    Raises:
        CardError: it doesn't exist, or isn't a font.
    """
    if not path.exists():
        raise CardError(f"there is no font '{path}'; give serif, kai or the path of a .ttf, .otf or .ttc file")
    try:
        with _reading:
            number = _number(path)
            names = _open(path, number).getBestCmap() or {}
        if not any(0x4E00 <= code <= 0x9FFF for code in names):
            raise CardError(f"the font '{path}' has no Chinese characters; give one that has")
        ImageFont.truetype(path, 20, index=number)
    except CardError:
        raise
    except Exception as error:  # a damaged font can raise nearly anything
        raise CardError(f"'{path}' can't be read as a font ({error}); give a .ttf, .otf or .ttc file") from None
    return Face(path, number, names)


@cache
def _open(path: Path, number: int):  # type: ignore[no-untyped-def]  # a fontTools TTFont, which has no types
    from fontTools.ttLib import TTFont

    return TTFont(path, fontNumber=number, lazy=True)


@cache
def _glyphs(path: Path, number: int):  # type: ignore[no-untyped-def]  # units to the em, and the outlines by name
    font = _open(path, number)
    return font["head"].unitsPerEm, font.getGlyphSet()


def _number(path: Path) -> int:
    if path.suffix.lower() not in (".ttc", ".otc"):
        return 0
    from fontTools.ttLib import TTCollection

    with TTCollection(path, lazy=True) as collection:
        names = [str(font["name"].getDebugName(1)) for font in collection.fonts]
    return next((i for i, name in enumerate(names) if name.endswith((" SC", " CN"))), 0)


@cache
def _rare(char: str) -> Face | None:
    for path in _installed(_RARE):
        try:
            face = open_face(path)
        except CardError:  # nobody named this one: the next may do
            continue
        if face.has(char):
            return face
    return None


def _installed(names: tuple[str, ...]) -> Iterator[Path]:
    files = _font_files()
    return (files[name.lower()] for name in names if name.lower() in files)


@cache
def _font_files() -> dict[str, Path]:
    """Every font on this machine by the name of its file in lower case."""
    found: dict[str, Path] = {}
    for folder in _folders():
        for root, _, names in os.walk(folder):
            for name in names:
                path = Path(root, name)
                if path.suffix.lower() in _SUFFIXES:
                    found.setdefault(path.stem.lower(), path)
    return found


def _folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "darwin":
        return [home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")]
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA") or home / "AppData/Local")
        return [local / "Microsoft/Windows/Fonts", Path(os.environ.get("WINDIR") or "C:/Windows") / "Fonts"]
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    return [data / "fonts", home / ".fonts", Path("/usr/local/share/fonts"), Path("/usr/share/fonts")]
