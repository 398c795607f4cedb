"""make_card: from a photo and a verse to the finished card."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, get_args

from PIL import Image, ImageCms

from image2poem.card.card import Card
from image2poem.card.fonts import open_fonts
from image2poem.card.layouts import BY_NAME
from image2poem.card.scene import Scene
from image2poem.card.typeset import Punctuation
from image2poem.card.wording import Script, Spelling, words
from image2poem.errors import CardError
from image2poem.model import Photo
from image2poem.photo import load_photo

if TYPE_CHECKING:
    from image2poem.settings import Settings

LAYOUTS: tuple[str, ...] = tuple(BY_NAME)
SMALLEST = 1080  # pixels across, unless a width is asked for: what feeds show
NARROWEST = 320  # the least that may be asked for, for previews
MOST = 200_000_000  # pixels of a card; beyond that its memory is a machine's


def make_card(
    photo: Photo | Image.Image,
    verse: str,
    title: str | None = None,
    author: str | None = None,
    dynasty: str | None = None,
    layout: str = LAYOUTS[0],
    width: int | None = None,
    script: Script = "simplified",
    composed: bool = False,
    *,
    genre: str | None = None,
    original: Spelling | None = None,
    font: str = "serif",
    punctuation: Punctuation = "pauses",
    settings: Settings | None = None,
) -> Card:
    """Compose photo and verse into one picture. What was in the photo's file besides its pixels (EXIF) isn't in it.

    Args:
        photo: upright, in full resolution.
        verse: as a match holds it; a line or a few, 160 characters at most.
        title, author, dynasty, genre: where it comes from, in smaller type; the author's name is also the seal's.
        layout: one of LAYOUTS.
        width: of the card in pixels. None: the photo's pixels are kept as they are, and the card is 1080 wide at least.
        script: simplified, or traditional: the source's own spelling where `original` says it, else converted.
        composed: nobody wrote it before: it is labelled 新作, bears no poet's seal and may have no source.
        original: how the source spells verse, title and author.
        font: serif (宋体), kai (楷体) or a font file; what it lacks is taken from the others.
        punctuation: "pauses" leaves out a mark where a column ends, "full" sets all, "none" none.
        settings: for the limits of photos.

    Raises:
        CardError: no such layout, script or font; nothing to write, or too much; a size out of range.
        PhotoError: the picture can't be used.
    """
    check(layout, width, punctuation)
    fonts = open_fonts(font)
    text = words(
        verse,
        fonts,
        title=title,
        author=author,
        dynasty=dynasty,
        genre=genre,
        script=script,
        composed=composed,
        original=original,
    )
    image = _in_srgb(photo.image if isinstance(photo, Photo) else load_photo(photo, settings).image)
    sheet = BY_NAME[layout](Scene(image, text, fonts, punctuation))
    wide = width or max(SMALLEST, round(sheet.width))
    if wide * wide * sheet.height / sheet.width > MOST:
        raise CardError(
            f"a card {wide:,} pixels wide would have more than {MOST:,} pixels; ask for less: --width {SMALLEST}"
        )
    return Card(sheet, wide / sheet.width, image, fonts, verse, text.warnings)


def check(layout: str, width: int | None, punctuation: str) -> None:
    """Raise CardError if there is no such layout or punctuation, or the width is too small to read."""
    if layout not in BY_NAME:
        raise CardError(f"there is no layout '{layout}'; there are {', '.join(LAYOUTS)}")
    if punctuation not in get_args(Punctuation):
        raise CardError(f"there is no punctuation '{punctuation}'; there are {', '.join(get_args(Punctuation))}")
    if width is not None and width < NARROWEST:
        raise CardError(f"a card of {width} pixels can't be read; ask for {NARROWEST} or more")


def _in_srgb(image: Image.Image) -> Image.Image:
    """The picture in the colours that a file without a profile is shown in; phones photograph in wider ones."""
    profile = image.info.get("icc_profile")
    if image.mode != "RGB":
        image = image.convert("RGB")
    if not profile:
        return image
    with contextlib.suppress(ImageCms.PyCMSError, OSError):  # a broken profile: the pixels as they are
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" not in ImageCms.getProfileDescription(source):
            target = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, source, target, outputMode="RGB") or image
    return image
