"""What a photo's colours and light give away."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from image2poem.sight.light import clues, measure

SKY, SEA, GRASS, LEAVES, SNOW, NIGHT, FOG = (
    (110, 170, 230), (30, 60, 110), (60, 130, 40), (190, 110, 30), (235, 238, 240), (8, 12, 28), (150, 152, 155),
)  # fmt: skip


def bands(*colours: tuple[int, int, int], grain: int = 0, size: tuple[int, int] = (300, 200)) -> Image.Image:
    """A picture of stripes from top to bottom, with some grain."""
    width, height = size
    rows = np.array([colours[i * len(colours) // height] for i in range(height)])
    pixels = np.repeat(rows[:, None], width, 1) + np.random.default_rng(0).normal(0, grain, (height, width, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("picture", "shown", "hidden"),
    [
        (bands(SKY, SKY, SEA), "上方蓝天", "画面昏暗"),
        (bands(NIGHT), "画面昏暗", "上方蓝天"),
        (bands(SNOW), "画面明亮", "画面昏暗"),
        (bands(SKY, SNOW, SNOW), "地面发白", "满幅青绿"),
        (bands(GRASS), "满幅青绿", "满幅金红"),
        (bands(LEAVES), "满幅金红", "满幅青绿"),
        (bands((250, 160, 60), (240, 140, 50), NIGHT), "天边暖光", "色调偏冷"),
        (bands(FOG), "灰蒙蒙", "满幅金红"),
        (bands(SKY), "色调偏冷", "色调偏暖"),
        (bands(LEAVES), "色调偏暖", "色调偏冷"),
    ],
)
def test_the_light_gives_away_what_is_plain(picture: Image.Image, shown: str, hidden: str) -> None:
    found = clues(measure(picture))
    assert found[shown] > 0.5 and found[hidden] == 0


def test_every_clue_is_a_share_whatever_the_size_of_the_picture() -> None:
    for size in ((640, 427), (64, 64), (3, 900), (1, 1)):
        found = clues(measure(bands(SKY, GRASS, grain=20, size=size)))
        assert all(0 <= value <= 1 for value in found.values()) and len(found) > 8


def test_a_larger_copy_of_a_photo_has_the_same_light() -> None:
    picture = bands(SKY, LEAVES, SEA, grain=8)
    one, other = clues(measure(picture)), clues(measure(picture.resize((900, 600))))
    assert all(abs(one[clue] - other[clue]) < 0.15 for clue in one)


def test_rustling_leaves_are_no_evening_glow() -> None:
    smooth, rough = bands((250, 160, 60), LEAVES), bands((250, 160, 60), LEAVES, grain=400)
    assert clues(measure(smooth))["天边暖光"] > 0.5 > clues(measure(rough))["天边暖光"]
