"""Small made-up photos, one for each thing that a card may meet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw


def _sky(top: tuple[int, int, int], bottom: tuple[int, int, int], size: tuple[int, int]) -> Image.Image:
    share = np.linspace(0, 1, size[1])[:, None, None]
    rows = np.array(top) * (1 - share) + np.array(bottom) * share
    return Image.fromarray(np.broadcast_to(rows, (size[1], size[0], 3)).round().astype(np.uint8))


def day() -> Image.Image:
    """A light sky over dark hills."""
    photo = _sky((120, 180, 230), (235, 240, 245), (600, 400))
    ImageDraw.Draw(photo).polygon([(0, 400), (0, 330), (200, 270), (420, 340), (600, 290), (600, 400)], (50, 70, 50))
    return photo


def night() -> Image.Image:
    """Dark, with a bright moon."""
    photo = _sky((8, 12, 30), (25, 35, 60), (600, 400))
    ImageDraw.Draw(photo).ellipse((430, 50, 500, 120), (250, 245, 220))
    return photo


def middling() -> Image.Image:
    """Neither light nor dark: no ink can be read on it as it is."""
    return _sky((110, 120, 125), (130, 125, 118), (600, 400))


def busy() -> Image.Image:
    """Texture all over, from black to white."""
    noise = np.random.default_rng(7).integers(0, 256, (40, 60, 3), np.uint8)
    return Image.fromarray(noise).resize((600, 400), Image.Resampling.NEAREST)


def sparkling() -> Image.Image:
    """A dark sea with single white pixels."""
    sea = np.asarray(_sky((20, 50, 70), (30, 60, 80), (600, 400))).copy()
    sea[np.random.default_rng(1).random((400, 600)) < 0.01] = 255
    return Image.fromarray(sea)


def portrait() -> Image.Image:
    """Taller than wide."""
    return day().resize((400, 600)).crop((0, 0, 360, 600))


def panorama() -> Image.Image:
    """Much wider than high."""
    return day().resize((1500, 400))


def tiny() -> Image.Image:
    """A few pixels."""
    return day().resize((60, 40))


def strip() -> Image.Image:
    """Wider than any card."""
    return _sky((200, 180, 150), (120, 90, 80), (2000, 20))


PHOTOS: dict[str, Callable[[], Image.Image]] = {
    made.__name__: made for made in (day, night, middling, busy, sparkling, portrait, panorama, tiny, strip)
}

# verse, title, author, dynasty
VERSES = {
    "five": ("大漠孤烟直，长河落日圆。", "使至塞上", "王维", "唐"),
    "seven": ("月落乌啼霜满天，江枫渔火对愁眠。", "枫桥夜泊", "张继", "唐"),
    "four": ("蒹葭苍苍，白露为霜。", "蒹葭", "佚名", "先秦"),
    "ci": ("骤雨歇、极目萧疏，塞柳万株，掩映箭波千里。", "定风波", "柳永", "宋"),
    "one": ("归梦寄吴樯。", "南乡子", "陆游", "宋"),
    "aria": ("枯藤老树昏鸦，小桥流水人家，古道西风瘦马。夕阳西下，断肠人在天涯。", "天净沙·秋思", "马致远", "元"),
    "letter": (
        "江碧鸟逾白，山青花欲燃。",
        "潘邠老尝得诗云满城风雨近重阳文章之妙至此极矣后托谢无逸缀成",
        "南唐嗣主李璟",
        "五代",
    ),
    "poem": (
        "风急天高猿啸哀，渚清沙白鸟飞回。无边落木萧萧下，不尽长江滚滚来。"
        "万里悲秋常作客，百年多病独登台。艰难苦恨繁霜鬓，潦倒新停浊酒杯。",
        "登高",
        "杜甫",
        "唐",
    ),
}
