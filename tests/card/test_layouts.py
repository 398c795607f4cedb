"""Every layout, on photos of every kind, with verses of every form: nothing cut off, nothing unreadable."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from card_photos import PHOTOS, VERSES, busy, day, middling, night

from image2poem.card import LAYOUTS, Card, make_card
from image2poem.card.box import Box
from image2poem.card.typeset import MARKS, Glyph

CASES = [
    (layout, photo, list(VERSES)[(i + j) % len(VERSES)])
    for (i, layout), (j, photo) in itertools.product(enumerate(LAYOUTS), enumerate(PHOTOS))
]


def card(layout: str, photo: str, verse: str, width: int = 540, **options: object) -> Card:
    return make_card(PHOTOS[photo](), *VERSES[verse], layout=layout, width=width, **options)  # type: ignore[arg-type]


def ink_of(made: Card, glyph: Glyph) -> tuple[np.ndarray, tuple[int, int]]:
    mask, corner = glyph.face.mask(glyph.char, glyph.size, glyph.x, glyph.y, glyph.turned)
    return np.asarray(mask), corner


def luminance(pixels: np.ndarray) -> np.ndarray:
    """WCAG 2.2's relative luminance, written down once more."""
    share = pixels / 255.0
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return light @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize(("layout", "photo", "verse"), CASES)
def test_all_is_in_its_place_and_can_be_read(layout: str, photo: str, verse: str) -> None:
    made = card(layout, photo, verse)
    whole = Box(0, 0, *made.image.size)
    assert made.image.size[0] == 540 and made.image.mode == "RGB"
    assert whole.holds(made.text_area, 0.51)
    assert made.text_area.holds(made.seal)
    for glyph in made.glyphs:
        assert made.text_area.holds(glyph.box), glyph
        assert not glyph.box.meets(made.seal), glyph
    for one, other in itertools.combinations(made.glyphs, 2):
        assert not one.box.grown(-0.02 * one.size).meets(other.box), (one, other)

    before, after = np.asarray(made.background), np.asarray(made.image)
    for glyph in made.glyphs:
        mask, (left, top) = ink_of(made, glyph)
        region = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
        full = mask == 255
        assert (mask > 0).any(), f"{glyph.char} left no ink"
        assert (after[region][full] == made.ink(glyph)).all(), f"something covers {glyph.char}"
        behind = luminance(before[region].astype(float))
        ink = luminance(np.array(made.ink(glyph), float))
        ratio = (np.maximum(behind, ink) + 0.05) / (np.minimum(behind, ink) + 0.05)
        assert ratio.min() >= 4.5, f"{glyph.char}: {ratio.min():.2f}"
    assert made.contrast() >= 4.5


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("verse", list(VERSES))
def test_every_character_is_written_once_with_a_glyph_of_its_face(layout: str, verse: str) -> None:
    made = card(layout, "day", verse, punctuation="full")
    assert all(glyph.face.has(glyph.char) for glyph in made.glyphs)
    written = [glyph for glyph in made.glyphs if glyph.role == "verse"]
    assert "".join(glyph.char for glyph in written) == VERSES[verse][0]
    small = "".join(glyph.char for glyph in made.glyphs if glyph.role == "caption")
    assert VERSES[verse][2] in small and VERSES[verse][3] in small
    assert all(char in small for char in VERSES[verse][1][:10].replace("·", ""))
    assert max(g.size for g in made.glyphs if g.role == "caption") < 0.6 * written[0].size


def test_columns_run_from_right_to_left_a_clause_in_each() -> None:
    made = card("overlay", "day", "seven")
    first, second = made.glyphs[:7], made.glyphs[7:14]
    assert "".join(g.char for g in first) == "月落乌啼霜满天" and "".join(g.char for g in second) == "江枫渔火对愁眠"
    for column in (first, second):
        assert max(g.x for g in column) - min(g.x for g in column) < 0.01
        assert all(a.y < b.y for a, b in itertools.pairwise(column))
    assert first[0].x > second[0].x + first[0].size
    assert first[0].y == pytest.approx(second[0].y)
    assert made.seal.right < min(g.box.left for g in second)


def test_the_verse_stands_where_the_photo_is_calm() -> None:
    for mirrored in (False, True):
        photo = middling()
        photo.paste(busy().crop((0, 0, 330, 400)), (270 if mirrored else 0, 0))
        made = make_card(photo, *VERSES["five"], layout="overlay")
        middle = made.text_area.centre[0] / made.size[0]
        assert middle < 0.45 if mirrored else middle > 0.55


def test_ink_is_light_on_night_and_dark_on_day_and_paper_follows() -> None:
    for layout in ("overlay", "poster"):
        dark = make_card(night(), *VERSES["five"], layout=layout, width=540)
        light = make_card(day(), *VERSES["five"], layout=layout, width=540)
        assert sum(dark.ink(dark.glyphs[0])) > 600 > 200 > sum(light.ink(light.glyphs[0]))
        corner = np.asarray(dark.background)[-3, 3].sum(), np.asarray(light.background)[-3, 3].sum()
        assert layout == "overlay" or corner[0] < 200 < 680 < corner[1]


def test_where_nothing_is_calm_the_verse_gets_a_slip_of_paper() -> None:
    made = make_card(busy(), *VERSES["five"], layout="overlay", width=900)
    box = made.text_area.grown(-0.4 * made.glyphs[0].size)
    area = np.asarray(made.background.crop((round(box.left), round(box.top), round(box.right), round(box.bottom))))
    assert area.std(axis=(0, 1)).max() < 1


def test_the_photo_keeps_its_pixels_where_nothing_is_written() -> None:
    photo = day().resize((1500, 1000))
    made = make_card(photo, *VERSES["five"], layout="overlay")
    assert made.size == (1500, 1000)
    same = (np.asarray(made.image) == np.asarray(photo)).all(axis=2)
    outside = np.ones(same.shape, bool)
    box = made.text_area.grown(7 * made.glyphs[0].size)
    outside[max(0, int(box.top)) : int(box.bottom), max(0, int(box.left)) : int(box.right)] = False
    assert outside.mean() > 0.1 and same[outside].all()

    made = make_card(photo, *VERSES["five"], layout="poster")
    across = made.size[0]
    left = (across - 1500) // 2
    found = np.asarray(made.image)[left : left + 1000, left : left + 1500]
    assert (found == np.asarray(photo)).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sizes(layout: str) -> None:
    assert card(layout, "tiny", "five", width=None).size[0] == 1080  # type: ignore[arg-type]
    assert make_card(day().resize((2400, 1600)), *VERSES["five"], layout=layout).size[0] >= 1600
    square = make_card(day(), *VERSES["five"], layout="square", width=700)
    assert square.size == (700, 700)


def test_a_mark_in_a_column_stands_at_the_upper_right_of_its_place() -> None:
    made = card("side", "day", "ci")
    column = made.glyphs[:8]
    assert "".join(g.char for g in column) == "骤雨歇、极目萧疏"
    mark, before, after = column[3], column[2], column[4]
    assert mark.box.left > before.x and mark.box.right <= before.x + 0.55 * before.size
    assert before.box.bottom < mark.box.top < mark.box.bottom < after.box.top
    assert after.y - before.y < 1.9 * before.size
    assert not any(g.char in MARKS for g in card("side", "day", "seven").glyphs)
