"""Translations for the small corpus, and a server that makes them up."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from vlm_server import Server

from image2poem import ImageToPoem, Settings
from image2poem.corpus import build_corpus

BRIDE = "妆罢低声问夫婿，画眉深浅入时无。"
SAID = "我把考卷写成这个样子，您这位主考官喜欢吗？"
ASKED = "考卷写得如何，主考官喜欢吗"  # shares no character with the verse
WORKS = [
    {
        "Title": "近试上张水部",
        "Author": "朱庆馀",
        "Dynasty": "唐代",
        "Kind": "诗",
        "Content": f"洞房昨夜停红烛，待晓堂前拜舅姑。\r\n{BRIDE}",
        "Translation": f"新婚的屋子昨晚一直亮着灯火，等天亮了要去见公婆。\r\n{SAID}",
    }
]
_WORDS = "大家都说这里那个样子很好看又安静得出奇叫人忘不了只想慢些走再留一会儿听听风声看看远处"


def build_home(folder: Path, own: Path, works: list[dict[str, Any]]) -> Path:
    """A home with the small corpus, a person's own poems, and works beside it, indexed."""
    (folder / "works").mkdir(parents=True, exist_ok=True)
    (folder / "works" / "works1.json").write_text(json.dumps(works, ensure_ascii=False), "utf-8")
    settings = Settings(home=folder)
    build_corpus(settings, [str(own), str(folder / "works")])
    ImageToPoem(settings).build_index(lambda stage, done, total: None)
    return folder


def made_up(verse: str) -> str:
    """Everyday words in an order of their own for each verse."""
    return "".join(_WORDS[byte % len(_WORDS)] for byte in hashlib.sha256(verse.encode()).digest()[:20]) + "。"


def asking(server: Server, home: Path, **settings: Any) -> ImageToPoem:
    """A matcher that has this server translate."""
    return ImageToPoem(Settings(home=home, vlm_base_url=server.url, vlm_model="translator-7b", **settings))


def nobody(stage: str, done: int, total: int) -> None:
    """No bar."""
