"""Dynasties by one name each, in the order of time: 唐, 唐代 and 唐朝 are the same."""

from __future__ import annotations

ORDER = ("先秦", "秦", "汉", "三国", "晋", "南北朝", "隋", "唐", "五代", "宋", "辽", "金", "元", "明", "清", "近现代")
_OTHER_NAMES = {
    "周": "先秦", "春秋": "先秦", "战国": "先秦", "商": "先秦", "西周": "先秦", "东周": "先秦", "两汉": "汉", "西汉": "汉",
    "东汉": "汉", "汉末": "汉", "魏": "三国", "蜀": "三国", "吴": "三国", "三国魏": "三国", "曹魏": "三国", "魏晋": "晋",
    "西晋": "晋", "东晋": "晋", "两晋": "晋", "南朝": "南北朝", "北朝": "南北朝", "刘宋": "南北朝", "南朝宋": "南北朝",
    "齐": "南北朝", "南齐": "南北朝", "梁": "南北朝", "陈": "南北朝", "北魏": "南北朝", "北齐": "南北朝", "北周": "南北朝",
    "五代十国": "五代", "南唐": "五代", "后唐": "五代", "前蜀": "五代", "后蜀": "五代", "北宋": "宋", "南宋": "宋",
    "唐末宋初": "五代", "宋末元初": "宋", "元末明初": "明", "明末清初": "清", "清末近现代初": "清", "民国": "近现代",
    "民国末当代初": "近现代", "近代": "近现代", "现代": "近现代", "当代": "近现代",
    "tang": "唐", "song": "宋", "yuan": "元", "ming": "明", "qing": "清",
}  # fmt: skip


def dynasty_name(name: str) -> str:
    """The name by which the corpus knows a dynasty; "" for none, an unknown name as it is."""
    name = name.strip()
    for end in ("", "代", "朝", "时期"):
        short = name.removesuffix(end) if end else name
        if short in ORDER:
            return short
        if short in _OTHER_NAMES:
            return _OTHER_NAMES[short]
    return name


def when(dynasty: str) -> int:
    """A dynasty's place in time, for sorting; unknown ones come last."""
    return ORDER.index(dynasty) if dynasty in ORDER else len(ORDER)
