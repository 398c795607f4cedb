"""A small home for the whole run of tests: a corpus of a few dozen well-known verses, indexed by the built-in models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from image2poem import ImageToPoem, Settings
from image2poem.corpus import build_corpus

# title, author, dynasty, genre, content
POEMS = (
    ("静夜思", "李白", "唐", "诗", "床前明月光，疑是地上霜。举头望明月，低头思故乡。"),
    ("早发白帝城", "李白", "唐", "诗", "朝辞白帝彩云间，千里江陵一日还。两岸猿声啼不住，轻舟已过万重山。"),
    ("枫桥夜泊", "张继", "唐", "诗", "月落乌啼霜满天，江枫渔火对愁眠。姑苏城外寒山寺，夜半钟声到客船。"),
    ("江雪", "柳宗元", "唐", "诗", "千山鸟飞绝，万径人踪灭。孤舟蓑笠翁，独钓寒江雪。"),
    ("山行", "杜牧", "唐", "诗", "远上寒山石径斜，白云生处有人家。停车坐爱枫林晚，霜叶红于二月花。"),
    ("登鹳雀楼", "王之涣", "唐", "诗", "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"),
    ("竹里馆", "王维", "唐", "诗", "独坐幽篁里，弹琴复长啸。深林人不知，明月来相照。"),
    ("鸟鸣涧", "王维", "唐", "诗", "人闲桂花落，夜静春山空。月出惊山鸟，时鸣春涧中。"),
    ("使至塞上", "王维", "唐", "诗", "大漠孤烟直，长河落日圆。"),
    ("望庐山瀑布", "李白", "唐", "诗", "日照香炉生紫烟，遥看瀑布挂前川。飞流直下三千尺，疑是银河落九天。"),
    ("春夜喜雨", "杜甫", "唐", "诗", "好雨知时节，当春乃发生。随风潜入夜，润物细无声。"),
    ("绝句", "杜甫", "唐", "诗", "两个黄鹂鸣翠柳，一行白鹭上青天。窗含西岭千秋雪，门泊东吴万里船。"),
    ("晓出净慈寺送林子方", "杨万里", "宋", "诗", "接天莲叶无穷碧，映日荷花别样红。"),
    ("梅花", "王安石", "宋", "诗", "墙角数枝梅，凌寒独自开。遥知不是雪，为有暗香来。"),
    ("如梦令", "李清照", "宋", "词", "常记溪亭日暮，沉醉不知归路。兴尽晚回舟，误入藕花深处。"),
    ("天净沙·秋思", "马致远", "元", "曲", "枯藤老树昏鸦，小桥流水人家，古道西风瘦马。夕阳西下，断肠人在天涯。"),
)


def write_poems(path: Path) -> Path:
    """POEMS as a person's own JSON Lines."""
    keys = ("title", "author", "dynasty", "genre", "content")
    rows = (json.dumps(dict(zip(keys, poem, strict=True)), ensure_ascii=False) for poem in POEMS)
    path.write_text("\n".join(rows), "utf-8")
    return path


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that holds the small corpus and its index. Not to be changed: copy it first."""
    folder = tmp_path_factory.mktemp("home")
    settings = Settings(home=folder)
    build_corpus(settings, [str(write_poems(folder / "own.jsonl"))])
    ImageToPoem(settings).build_index(lambda stage, done, total: None)
    return folder


@pytest.fixture(scope="session")
def matcher(home: Path) -> ImageToPoem:
    """The matcher over the small corpus."""
    return ImageToPoem(Settings(home=home))
