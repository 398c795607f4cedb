"""What is saved: formats, no trace of where the photo was taken, whole or not at all."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from card_photos import VERSES, day
from PIL import Image, ImageCms

from image2poem.card import FORMATS, fonts, make_card
from image2poem.card.fonts import open_fonts
from image2poem.card.seal import seal
from image2poem.errors import CardError
from image2poem.photo import load_photo

SECRET = b"Leica at home"


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo whose file says with what, when and where it was taken."""
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 18.0, 43.0), 3: "E", 4: (120.0, 33.0, 44.0)})
    path = tmp_path_factory.mktemp("photos") / "taken.jpg"
    day().save(path, exif=exif, comment=SECRET, xmp=b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>")
    assert "latitude" in load_photo(path).exif and path.read_bytes().count(SECRET) >= 3
    return path


@pytest.mark.parametrize("kind", list(FORMATS))
@pytest.mark.parametrize("layout", ["overlay", "poster"])
def test_nothing_but_pixels_of_the_photo_gets_into_a_card(taken: Path, kind: str, layout: str) -> None:
    for photo in (load_photo(taken), Image.open(taken)):
        data = make_card(photo, *VERSES["seven"], layout=layout, width=540).encode(kind)
        for trace in (SECRET, b"Exif", b"eXIf", b"xmpmeta", b"GPS"):
            assert trace not in data
        if kind not in ("svg", "pdf"):
            card = Image.open(io.BytesIO(data))
            assert not card.getexif() and not card.info.get("exif") and not card.info.get("xmp")


def test_each_format_is_what_its_suffix_says(tmp_path: Path) -> None:
    card = make_card(day(), *VERSES["seven"], width=540)
    for suffix, kind in ((".png", "PNG"), (".jpg", "JPEG"), (".JPEG", "JPEG"), (".webp", "WEBP")):
        path = card.save(tmp_path / f"card{suffix}")
        with Image.open(path) as saved:
            assert (saved.format, saved.size, saved.mode) == (kind, card.size, "RGB")
    with Image.open(tmp_path / "card.png") as saved:
        assert (np.asarray(saved) == np.asarray(card.image)).all()
    assert card.save(str(tmp_path / "card.pdf")).read_bytes().startswith(b"%PDF")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["card.JPEG", "card.jpg", "card.pdf", "card.png", "card.webp"]


def test_an_svg_holds_the_writing_as_outlines(tmp_path: Path) -> None:
    card = make_card(day(), *VERSES["seven"], layout="side", width=540)
    root = ET.fromstring(card.save(tmp_path / "card.svg").read_text("utf-8"))
    space = "{http://www.w3.org/2000/svg}"
    assert (root.get("width"), root.get("height")) == tuple(map(str, card.size))
    assert root.findtext(f"{space}title") == VERSES["seven"][0]
    paths = root.findall(f"{space}path")
    assert len(paths) == len(card.glyphs)
    for path, glyph in zip(paths, card.glyphs, strict=True):
        assert re.match(r"M", path.get("d") or "")
        assert path.get("fill") == "#{:02x}{:02x}{:02x}".format(*card.ink(glyph))
        assert f"translate({glyph.x:.2f} {glyph.y:.2f})" in (path.get("transform") or "")
    assert len(root.findall(f"{space}image")) == 2  # the background, the seal


def test_errors_of_saving_leave_nothing_behind(tmp_path: Path) -> None:
    card = make_card(day(), *VERSES["five"], width=540)
    with pytest.raises(CardError, match="'gif' file; it can be one of png"):
        card.save(tmp_path / "card.gif")
    with pytest.raises(CardError, match="no folder"):
        card.save(tmp_path / "nowhere" / "card.png")
    (tmp_path / "card.png").mkdir()
    with pytest.raises(CardError, match="can't be written"):
        card.save(tmp_path / "card.png")
    assert [p.name for p in tmp_path.iterdir()] == ["card.png"]


def test_a_photo_of_wide_colours_is_shown_in_those_that_files_without_profile_have() -> None:
    photo = Image.new("RGB", (600, 400), (200, 80, 80))
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    photo.info["icc_profile"] = swapped  # no RGB profile: of no use, and no reason to fail
    assert make_card(photo, *VERSES["five"], layout="poster", width=540).size[0] == 540


def test_a_picture_with_transparency_or_of_grey_will_do() -> None:
    for mode in ("RGBA", "L", "P", "CMYK"):
        assert make_card(day().convert(mode), *VERSES["five"], width=540).image.mode == "RGB"


def test_the_same_card_is_the_same_file() -> None:
    one, two = (make_card(day(), *VERSES["ci"], layout="fan", width=540).encode("png") for _ in range(2))
    assert one == two


def test_cards_may_be_made_by_several_threads() -> None:
    def made(verse: str) -> bytes:
        return make_card(day(), *VERSES[verse], layout="side", width=400).image.tobytes()

    fonts._ink.cache_clear()
    fonts._advance.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(made, list(VERSES) * 2))
    assert together == [made(verse) for verse in VERSES] * 2


@pytest.mark.parametrize("raised", [True, False])
@pytest.mark.parametrize("text", ["李白", "王之涣印", "诗"])
def test_a_seal_is_mostly_red_or_mostly_not(text: str, raised: bool) -> None:
    red, stone = (
        np.asarray(mask) / 255 for mask in seal(text, open_fonts(), 90, 150 if len(text) == 2 else 90, raised)
    )
    assert red.shape == stone.shape and stone.mean() > 0.85
    inner = red[12:-12, 12:-12].mean()
    assert 0.15 < inner < 0.6 if raised else 0.4 < inner < 0.9
    assert (red <= stone + 0.35).all()
    again = np.asarray(seal(text, open_fonts(), 90, 150 if len(text) == 2 else 90, raised)[0]) / 255
    assert (again == red).all()
