"""The finished card: drawn from a sheet, encoded, saved."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

from image2poem.card.box import Box
from image2poem.card.colour import Colour, linear, luminance
from image2poem.card.fonts import Fonts
from image2poem.card.seal import seal
from image2poem.card.sheet import Sheet
from image2poem.card.typeset import Glyph
from image2poem.errors import CardError
from image2poem.index.manifest import write_whole


@dataclass(frozen=True, eq=False)
class Card:
    """A picture of photo and verse, drawn when it is first asked for."""

    sheet: Sheet
    scale: float  # pixels to the sheet's unit
    photo: Image.Image
    fonts: Fonts
    verse: str
    warnings: tuple[str, ...] = ()  # sentences: which characters couldn't be written as they should

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return round(self.sheet.width * self.scale), round(self.sheet.height * self.scale)

    @cached_property
    def glyphs(self) -> tuple[Glyph, ...]:
        """Its characters, placed in pixels."""
        return tuple(glyph.placed(self.scale, 0, 0) for glyph in self.sheet.glyphs)

    @cached_property
    def text_area(self) -> Box:
        """What the layout gave the writing, in pixels; all ink and the seal are within."""
        return self.sheet.text_area.scaled(self.scale)

    @cached_property
    def seal(self) -> Box:
        """Where the seal is, in pixels."""
        return self.sheet.stamp.box.scaled(self.scale)

    def ink(self, glyph: Glyph) -> Colour:
        """The colour in which a character is written."""
        return self.sheet.inks[0 if glyph.role == "verse" else 1]

    @property
    def background(self) -> Image.Image:
        """The card without writing and seal, RGB; painted anew each time, since it is as large as the card."""
        card = Image.new("RGB", self.size, "white")
        for layer in self.sheet.layers:
            layer.paint(card, self.photo, self.scale)
        return card

    @cached_property
    def image(self) -> Image.Image:
        """The card, RGB."""
        card = self.background
        for glyph in self.glyphs:
            mask, corner = glyph.face.mask(glyph.char, glyph.size, glyph.x, glyph.y, glyph.turned)
            card.paste(self.ink(glyph), corner, mask)
        stamp, corner = self._stamp, (round(self.seal.left), round(self.seal.top))
        card.paste(stamp, corner, stamp.getchannel("A"))
        return card

    @cached_property
    def _stamp(self) -> Image.Image:
        """The seal, RGBA."""
        stamp = self.sheet.stamp
        width, height = max(8, round(self.seal.width)), max(8, round(self.seal.height))
        red, stone = seal(stamp.text, self.fonts, width, height, stamp.raised)
        out = Image.new("RGB", (width, height), stamp.ground)
        out.paste(stamp.colour, mask=red)
        out.putalpha(stone)
        return out

    def contrast(self) -> float:
        """WCAG contrast of the writing, measured: the worst of all pixels behind any character's ink or next to it."""
        worst, background = 21.0, self.background
        for glyph in self.glyphs:
            box = glyph.box.grown(0.04 * glyph.size)
            region = int(box.left), int(box.top), int(box.right) + 1, int(box.bottom) + 1
            behind = luminance(linear(np.asarray(background.crop(region))))
            ink = float(luminance(linear(np.array(self.ink(glyph), np.uint8))))
            ratio = (np.maximum(behind, ink) + 0.05) / (np.minimum(behind, ink) + 0.05)
            worst = min(worst, float(ratio.min()))
        return worst

    def encode(self, kind: str = "png") -> bytes:
        """The card as the content of a file: "png", "jpeg", "webp", "svg" (writing as outlines) or "pdf" (a picture).

        Raises:
            CardError: no such kind, or too large for it.
        """
        encode = encoder(kind)
        try:
            return encode(self)
        except (OSError, ValueError) as error:  # 65,500 pixels are the most for a JPEG, 16,383 for a WebP
            width, height = self.size
            raise CardError(f"a card of {width} x {height} pixels can't be a {kind} file ({error}); take png") from None

    def save(self, path: str | Path) -> Path:
        """Write the card, whole or not at all, in the format that the suffix says.

        Raises:
            CardError: no such format, or the file can't be written.
        """
        path = Path(path).expanduser()
        content = self.encode(path.suffix or "png")
        try:
            write_whole(path, content)
        except FileNotFoundError:
            raise CardError(f"there is no folder '{path.parent}' for the card; make it first") from None
        except OSError as error:
            raise CardError(f"the card can't be written to '{path}' ({error.strerror or error})") from None
        return path


def encoder(kind: str) -> Callable[[Card], bytes]:
    """What makes the content of such a file: "png", ".jpg", ...

    Raises:
        CardError: no such kind.
    """
    kind = kind.lower().lstrip(".")
    if kind not in FORMATS:
        raise CardError(f"a card can't be a '{kind}' file; it can be one of {', '.join(FORMATS)}")
    return FORMATS[kind]


def _pixels(card: Card, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    card.image.save(buffer, kind, **options)
    return buffer.getvalue()


def _png(card: Card) -> bytes:
    return _pixels(card, "PNG", compress_level=4)


def _jpeg(card: Card) -> bytes:
    return _pixels(card, "JPEG", quality=93, subsampling=0, progressive=True, optimize=True)


def _webp(card: Card) -> bytes:
    return _pixels(card, "WEBP", quality=92, method=4)


def _pdf(card: Card) -> bytes:
    return _pixels(card, "PDF", quality=95, resolution=300.0, title=card.verse)


def _svg(card: Card) -> bytes:
    """The background as a JPEG, the writing as outlines, the seal as a PNG."""
    width, height = card.size
    background, stamp = io.BytesIO(), io.BytesIO()
    card.background.save(background, "JPEG", quality=93, subsampling=0)
    card._stamp.save(stamp, "PNG")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{escape(card.verse)}</title>",
        _image("jpeg", background.getvalue(), (0, 0), (width, height)),
    ]
    for glyph in card.glyphs:
        path, em = glyph.face.outline(glyph.char)
        scale = glyph.size / em
        turn = " rotate(90)" if glyph.turned else ""
        start = f"translate({-glyph.face.advance(glyph.char) * glyph.size / 2:.2f} {glyph.face.rise * glyph.size:.2f})"
        move = f"translate({glyph.x:.2f} {glyph.y:.2f}){turn} {start} scale({scale:.5f} {-scale:.5f})"
        colour = "#{:02x}{:02x}{:02x}".format(*card.ink(glyph))
        parts.append(f'<path fill="{colour}" transform="{move}" d="{path}"/>')
    corner = round(card.seal.left), round(card.seal.top)
    parts += [_image("png", stamp.getvalue(), corner, card._stamp.size), "</svg>\n"]
    return "\n".join(parts).encode()


def _image(kind: str, content: bytes, at: tuple[int, int], size: tuple[int, int]) -> str:
    data = base64.b64encode(content).decode()
    place = f'x="{at[0]}" y="{at[1]}" width="{size[0]}" height="{size[1]}"'
    return f'<image {place} href="data:image/{kind};base64,{data}"/>'


FORMATS: Mapping[str, Callable[[Card], bytes]] = {
    "png": _png,
    "jpg": _jpeg,
    "jpeg": _jpeg,
    "webp": _webp,
    "svg": _svg,
    "pdf": _pdf,
}
