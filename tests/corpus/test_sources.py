"""Every layout that is read, as a small real copy of it; what isn't a poem stays out; several sources become one."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from image2poem import Settings
from image2poem.corpus import Corpus, Filters, build_corpus, mask, open_corpus
from image2poem.errors import CorpusError

LUNYU = [{"chapter": "学而篇", "paragraphs": ["子曰：“学而时习之，不亦说乎？有朋自远方来，不亦乐乎？”"]}]
SANZIJING = [
    {"title": "三字經", "author": "王應麟", "tags": "新版", "paragraphs": ["人之初，性本善，性相近，習相遠。"]}
]
GUANJU = ["关关雎鸠，在河之洲。窈窕淑女，君子好逑。", "参差荇菜，左右流之。窈窕淑女，寤寐求之。"]
JINGYESI = ["牀前看月光，疑是地上霜。", "舉頭望山月，低頭思故鄉。"]
TONGXUE = ["青裙縞袂於潛女，兩足如霜不穿屨。"]

# file in the package → its content; the comments say what must come of it
PACKAGE: dict[str, Any] = {
    "quantangshi/poet.tang.0.json": [
        {"author": "李白", "title": "靜夜思", "paragraphs": JINGYESI, "id": "a"},
        {"author": "孟浩然", "title": "春曉", "paragraphs": ["春眠不覺曉，處處聞啼鳥。", "夜來風雨聲，花落知多少。"]},
        {"author": "魏徵", "title": "述懷", "paragraphs": ["中原初逐鹿，投筆事戎軒。"]},
        {"author": "佚名", "title": "存目", "paragraphs": []},
    ],
    "rank/poet/poet.tang.rank.0.json": [
        {"author": "李白", "title": "靜夜思", "baidu": 2060000, "so360": 1120, "google": 504000},
        *[{"author": "", "title": "", "baidu": 1}] * 3,
    ],
    "quantangshi/poet.song.0.json": [{"author": "蘇軾", "title": "於潛女", "paragraphs": TONGXUE}],
    "quantangshi/唐诗三百首.json": [
        {"author": "李白", "title": "靜夜思", "paragraphs": JINGYESI, "tags": ["唐诗三百首", "五言绝句"]}
    ],
    "quantangshi/error/poet.tang.0.json": [{"author": "误", "title": "误", "paragraphs": ["此篇可疑不当收录中。"]}],
    "quantangshi/authors.tang.json": [{"name": "李白", "desc": "字太白。"}],
    "yudingquantangshi/json/001.json": [
        {"author": "李白", "title": "靜夜思", "paragraphs": ["牀前看月光，疑是地上霜。舉頭望山月，低頭思故鄉。"]},
        {"author": "李隆基", "title": "獨有", "paragraphs": ["劍閣橫雲峻，鑾輿出狩回。"]},
    ],
    "strains/json/poet.tang.0.json": [{"id": "a", "strains": ["平平仄仄平"]}],
    "mengxue/qianjiashi.json": {
        "title": "千家詩",
        "content": [
            {
                "type": "五言絕句",
                "content": [
                    {
                        "chapter": "春眠",
                        "author": "（唐）孟浩然",
                        "paragraphs": ["春眠不覺曉，處處聞啼鳥。", "夜來風雨聲，花落知多少。"],
                    }
                ],
            }
        ],
    },
    "mengxue/sanzijing-new.json": SANZIJING,
    "lunyu/lunyu.json": LUNYU,
    "sishuwujing/daxue.json": [{"chapter": "大学", "paragraphs": ["大学之道，在明明德。"]}],
    "youmengying/youmengying.json": [{"content": "读经宜冬，其神专也；读史宜夏，其时久也。", "comment": []}],
    "songci/ci.song.0.json": [
        {"author": "李清照", "rhythmic": "如梦令", "paragraphs": ["常记溪亭日暮，沉醉不知归路。"]}
    ],
    "songci/宋词三百首.json": [
        {
            "author": "李清照",
            "rhythmic": "如梦令",
            "paragraphs": ["常记溪亭日暮，沉醉不知归路。"],
            "tags": ["宋词三百首"],
        }
    ],
    "wudaishici/huajianji/huajianji-1-juan.json": [
        {"title": "菩萨蛮 其一", "author": "温庭筠", "paragraphs": ["小山重叠金明灭，鬓云欲度香腮雪。"], "notes": []}
    ],
    "wudaishici/huajianji/huajianji-0-preface.json": [
        {"title": "花间集序", "paragraphs": ["镂玉雕琼，拟化工而迥巧。"]}
    ],
    "wudaishici/nantang/poetrys.json": [
        {
            "title": "虞美人",
            "rhythmic": "虞美人",
            "author": "李煜",
            "paragraphs": ["问君能有几多愁？恰似一江春水向东流。"],
        }
    ],
    "wudaishici/nantang/intro.json": [{"title": "introduction", "author": "", "paragraphs": ["南唐二主词者也。"]}],
    "yuanqu/yuanqu.json": [
        {"dynasty": "yuan", "author": "马致远", "title": "天净沙・秋思", "paragraphs": ["枯藤老树昏鸦，小桥流水人家。"]}
    ],
    "shijing/shijing.json": [{"title": "关雎", "chapter": "国风", "section": "周南", "content": GUANJU}],
    "chuci/chuci.json": [
        {"title": "离骚", "section": "离骚", "author": "屈原", "content": ["帝高阳之苗裔兮，朕皇考曰伯庸。"]},
        {"title": "惜誓", "section": "惜誓", "author": "贾谊", "content": ["惜余年老而日衰兮，岁忽忽而不反。"]},
    ],
    "nalanxingde/纳兰性德诗集.json": [
        {"title": "长相思", "author": "纳兰性德", "para": ["山一程，水一程，身向榆关那畔行，夜深千帐灯"]}
    ],
    "caocaoshiji/caocao.json": [{"title": "短歌行", "paragraphs": ["对酒当歌，人生几何！", "譬如朝露，去日苦多。"]}],
    "shuimotangshi/shuimotangshi.json": [
        {
            "author": "刘禹锡",
            "title": "蜀先主庙",
            "paragraphs": ["天地英雄气，千秋尚凛然。"],
            "prologue": "此诗歌颂刘备。",
        }
    ],
}
# the package's folder → the repository's
REPOSITORY = {
    "quantangshi": "全唐诗",
    "yudingquantangshi": "御定全唐詩",
    "mengxue": "蒙学",
    "songci": "宋词",
    "wudaishici": "五代诗词",
    "yuanqu": "元曲",
    "shijing": "诗经",
    "chuci": "楚辞",
    "nalanxingde": "纳兰性德",
    "caocaoshiji": "曹操诗集",
    "shuimotangshi": "水墨唐诗",
    "lunyu": "论语",
    "sishuwujing": "四书五经",
    "youmengying": "幽梦影",
}
NO_POEMS = ("子曰", "人之初", "大学之道", "读经宜冬", "此篇可疑", "镂玉雕琼", "南唐二主词者", "字太白")


def _dump(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def _tgz(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def _zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def _folder(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def _package(changes: Mapping[str, Any] | None = None) -> dict[str, bytes]:
    return {f"package/dist/{name}": _dump(content) for name, content in (PACKAGE | dict(changes or {})).items()}


def _repository() -> dict[str, bytes]:
    files = {}
    for name, content in PACKAGE.items():
        top, rest = name.split("/", 1)
        files[f"chinese-poetry-master/{REPOSITORY.get(top, top)}/{rest}"] = _dump(content)
    return files


def _build(tmp_path: Path, *sources: Path) -> Corpus:
    settings = Settings(home=tmp_path / "home")
    build_corpus(settings, [str(source) for source in sources])
    return open_corpus(settings.corpus_file)


def _jsonl(path: Path, *records: Mapping[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records), "utf-8")
    return path


def _at(corpus: Corpus, line: str) -> int:
    found = corpus.find(line)
    assert found is not None, line
    return found


# --- chinese-poetry

LAYOUTS: list[Any] = [
    pytest.param(lambda p: _tgz(p / "chinese-poetry-2.0.1.tgz", _package()), id="npm package"),
    pytest.param(lambda p: _tgz(p / "master.tgz", _repository()), id="GitHub archive"),
    pytest.param(lambda p: _zip(p / "master.zip", _repository()), id="GitHub zip"),
    pytest.param(lambda p: _folder(p / "clone", _repository()), id="a clone"),
]


@pytest.mark.parametrize("make", LAYOUTS)
def test_every_collection_of_poems_is_read_and_nothing_else(make: Callable[[Path], Path], tmp_path: Path) -> None:
    corpus = _build(tmp_path, make(tmp_path))
    assert corpus.stats.by_source == {
        "全唐诗": 4,
        "全宋诗": 1,
        "唐诗三百首": 1,
        "御定全唐诗": 2,
        "水墨唐诗": 1,
        "千家诗": 1,
        "全宋词": 1,
        "宋词三百首": 1,
        "花间集": 1,
        "南唐二主词": 1,
        "元曲": 1,
        "诗经": 1,
        "楚辞": 2,
        "纳兰性德": 1,
        "曹操诗集": 1,
    }
    everything = "\n".join(corpus.texts())
    assert not [text for text in NO_POEMS if text in everything]


def test_each_collection_says_its_dynasty_and_genre(tmp_path: Path) -> None:
    corpus = _build(tmp_path, _tgz(tmp_path / "p.tgz", _package()))
    expected = {
        "中原初逐鹿，投笔事戎轩。": ("述怀", "魏徵", "唐", "诗"),
        "青裙缟袂於潜女，两足如霜不穿屦。": ("於潜女", "苏轼", "宋", "诗"),
        "常记溪亭日暮，沉醉不知归路。": ("如梦令", "李清照", "宋", "词"),
        "小山重叠金明灭，鬓云欲度香腮雪。": ("菩萨蛮 其一", "温庭筠", "唐", "词"),
        "恰似一江春水向东流。": ("虞美人", "李煜", "五代", "词"),
        "枯藤老树昏鸦，小桥流水人家。": ("天净沙・秋思", "马致远", "元", "曲"),
        "窈窕淑女，君子好逑。": ("关雎", "佚名", "先秦", "诗经"),
        "帝高阳之苗裔兮，朕皇考曰伯庸。": ("离骚", "屈原", "先秦", "楚辞"),
        "惜余年老而日衰兮，岁忽忽而不反。": ("惜誓", "贾谊", "汉", "楚辞"),
        "山一程，水一程，身向榆关那畔行，夜深千帐灯。": ("长相思", "纳兰性德", "清", "词"),
        "譬如朝露，去日苦多。": ("短歌行", "曹操", "汉", "诗"),
    }
    found = {line: corpus.verse(_at(corpus, line)) for line in expected}
    assert {line: (v.title, v.author, v.dynasty, v.genre) for line, v in found.items()} == expected


def test_an_anthology_is_a_tag_and_every_source_is_kept(tmp_path: Path) -> None:
    corpus = _build(tmp_path, _tgz(tmp_path / "p.tgz", _package()))
    poem = corpus.poem(corpus.verse(_at(corpus, "举头望山月，低头思故乡。")).poem_id)
    assert poem.source.split("、") == ["全唐诗", "唐诗三百首"]
    assert poem.tags == ("唐诗三百首", "五言绝句")
    assert poem.original_verses == tuple(JINGYESI) and poem.original_title == "靜夜思"
    spring = corpus.poem(corpus.verse(_at(corpus, "春眠不觉晓，处处闻啼鸟。")).poem_id)
    assert (spring.title, spring.author, spring.tags) == ("春晓", "孟浩然", ("千家诗",))
    facets = corpus.facets()
    tagged = mask(facets, Filters(tag=("唐诗三百首",))).nonzero()[0].tolist()
    assert [corpus.verse(i).title for i in tagged] == ["静夜思", "静夜思"]


def test_an_overlapping_collection_adds_only_what_the_others_lack(tmp_path: Path) -> None:
    corpus = _build(tmp_path, _tgz(tmp_path / "p.tgz", _package()))
    assert corpus.stats.repairs["already in an overlapping collection"] == 1
    assert corpus.verse(_at(corpus, "剑阁横云峻，銮舆出狩回。")).author == "李隆基"


@pytest.mark.parametrize(
    "damaged",
    [b"[{", b"\xff\xfe\x00", b'{"title": 1}', b"[1, 2]", b"[" * 200_000],
    ids=["cut", "binary", "dict", "no", "deep"],
)
def test_a_broken_file_gets_one_sentence_that_names_it(damaged: bytes, tmp_path: Path) -> None:
    files = _package() | {"package/dist/songci/ci.song.0.json": damaged}
    with pytest.raises(CorpusError, match=r"^package/dist/songci/ci\.song\.0\.json .*fetch the source again[^\n]*$"):
        _build(tmp_path, _tgz(tmp_path / "p.tgz", files))
    assert not (tmp_path / "home" / "corpus.sqlite").exists()


def test_a_cut_archive_gets_one_sentence_that_names_it(tmp_path: Path) -> None:
    whole = _tgz(tmp_path / "p.tgz", _package()).read_bytes()
    (tmp_path / "p.tgz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorpusError, match=r"p\.tgz can't be read as a folder, \.tgz or \.zip [^\n]*$"):
        _build(tmp_path, tmp_path / "p.tgz")


@pytest.mark.parametrize("name", ["nowhere", "empty", "notes.txt", "void.tgz"])
def test_what_is_no_source_gets_one_sentence(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("床前明月光", "utf-8")
    (tmp_path / "void.tgz").write_bytes(b"")
    with pytest.raises(CorpusError, match=rf"^[^\n]*{name}[^\n]*; [^\n]*$"):
        _build(tmp_path, tmp_path / name)


# --- works*.json

SPRING = {
    "Title": "春晓",
    "Author": "孟浩然",
    "Dynasty": "唐代",
    "Kind": "诗",
    "Content": "春眠不觉晓，处处闻啼鸟。\r\n夜来风雨声，花落知多少。",
    "Translation": "春夜酣睡天亮了也不知道，到处可以听见鸟儿的鸣叫。\r\n昨夜风雨声一直不断，不知有多少娇美的春花被吹落？",
    "PostsCount": 14,
}
ESSAY = {"Title": "陋室铭", "Author": "刘禹锡", "Dynasty": "唐", "Kind": "文", "Content": "山不在高，有仙则名。"}
PARAGRAPH = {
    "Title": "江雪",
    "Author": "柳宗元",
    "Dynasty": "唐",
    "Kind": "诗",
    "Content": "千山鸟飞绝，万径人踪灭。\r\n\r\n孤舟蓑笠翁，独钓寒江雪。\r\n",
    "Translation": "所有的山，飞鸟全都断绝。江上孤舟，渔翁披蓑戴笠，独自垂钓。",
}


def test_works_are_read_with_their_translations_as_pairs(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "w", {"works_1.json": _dump([SPRING, ESSAY]), "works_2.json": _dump([PARAGRAPH])})
    corpus = _build(tmp_path, folder)
    assert corpus.translations(_at(corpus, "夜来风雨声，花落知多少。")) == [
        "昨夜风雨声一直不断，不知有多少娇美的春花被吹落？"
    ]
    assert corpus.translations(_at(corpus, "千山鸟飞绝，万径人踪灭。")) == ["所有的山，飞鸟全都断绝。"]
    assert corpus.stats.pairs == 4 and corpus.find("山不在高，有仙则名。") is None
    pairs = corpus.pairs()
    assert [number for number, _, _ in pairs] == [0, 1, 2, 3] and {source for _, _, source in pairs} == {"works"}
    assert corpus.pairs(2, 3) == [pairs[2]] and corpus.pairs(4) == []
    lines = ["夜来风雨声花落知多少", "千山鸟飞绝，万径人踪灭。", "山不在高，有仙则名。", ""]
    assert corpus.numbers(lines) == {line: _at(corpus, line) for line in lines[:2]}
    assert corpus.verse(0).dynasty == "唐"
    assert corpus.poem(0).verses == ("春眠不觉晓，处处闻啼鸟。", "夜来风雨声，花落知多少。")


def test_a_translation_that_does_not_line_up_makes_no_pair(tmp_path: Path) -> None:
    loose = SPRING | {"Translation": "春夜里我睡得很香。\r\n天亮了。\r\n鸟叫了。"}
    corpus = _build(tmp_path, _folder(tmp_path / "w", {"works.json": _dump([loose])}))
    assert corpus.stats.pairs == 0 and len(corpus) == 2


def test_a_broken_work_gets_one_sentence_that_names_it(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "w", {"works_1.json": _dump([SPRING, {"Title": "无"}])})
    with pytest.raises(CorpusError, match=r"^works_1\.json, work 2, has no Content; [^\n]*$"):
        _build(tmp_path, folder)


# --- poetry-source

POETRY_SOURCE = {
    "source/诗/晋/poetry.晋.0000.json": [
        {
            "title": "饮酒·其五",
            "authorName": "陶渊明",
            "dynasty": "东晋",
            "content": ["采菊东篱下，悠然见南山。"],
            "translation": ["在东篱之下采摘菊花，悠然间那远处的南山映入眼帘。"],
            "annotation": ["悠然：自得的样子。"],
        }
    ],
    "source/诗/晋/poetry.晋.0000.base.json": [{"title": "x", "content": ["此为重出之本不当再读。"]}],
    "source/诗/晋/poetry.晋.0000.pinyin.json": [{"title": "x", "content": ["此为拼音之本不当再读。"]}],
    "source/词/清/ci.清.0000.json": [
        {"title": "浣溪沙", "authorName": "纳兰性德", "content": ["【其一】", "当时只道是寻常。"]}
    ],
    "source/其他/诗经.json": [{"title": "关雎", "chapter": "国风", "section": "周南", "content": GUANJU}],
}


def test_poetry_source_is_read_without_its_translations(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "ps.zip", {f"poetry-source-master/{n}": _dump(c) for n, c in POETRY_SOURCE.items()})
    corpus = _build(tmp_path, archive)
    verse = corpus.verse(_at(corpus, "采菊东篱下，悠然见南山。"))
    assert (verse.author, verse.dynasty, verse.genre) == ("陶渊明", "晋", "诗")
    assert corpus.verse(_at(corpus, "当时只道是寻常。")).dynasty == "清"
    assert "不当再读" not in "".join(corpus.texts()) and "其一" not in "".join(corpus.texts())
    assert corpus.stats.pairs == 0
    assert "映入眼帘".encode() not in corpus.path.read_bytes()  # not in any table, translations are kept aside


# --- a person's own poems


def test_own_poems_are_read_line_by_line(tmp_path: Path) -> None:
    own = _jsonl(
        tmp_path / "mine.jsonl",
        {"content": "春江潮水连海平，海上明月共潮生。"},
        {
            "title": "於潛女",
            "author": "蘇軾",
            "dynasty": "宋代",
            "script": "traditional",
            "lines": TONGXUE,
            "tags": "女子",
            "translation": ["於潜的女子穿着青裙白衣，两只脚洁白如霜不穿鞋。"],
        },
        {"content": "无可奈何花落去，似曾相识燕归来。", "genre": "词", "tags": ["春", "春", 7, None]},
    )
    own.write_bytes(b"\xef\xbb\xbf" + own.read_bytes() + b"\r\n\r\n")  # as an editor on Windows leaves it
    corpus = _build(tmp_path, own)
    plain = corpus.verse(_at(corpus, "春江潮水连海平，海上明月共潮生。"))
    assert (plain.title, plain.author, plain.genre) == ("", "佚名", "诗")
    number = _at(corpus, "青裙缟袂於潜女，两足如霜不穿屦。")
    assert corpus.translations(number) == ["於潜的女子穿着青裙白衣，两只脚洁白如霜不穿鞋。"]
    assert [p.tags for p in corpus.sources(number)] == [("女子",)]
    assert corpus.poem(2).tags == ("春", "7")
    assert corpus.stats.by_source == {"mine.jsonl": 3}


@pytest.mark.parametrize("line", ['{"content": ', '["床前明月光"]', '{"title": "无"}', '{"content": 5}', "[" * 100_000])
def test_a_broken_line_of_own_poems_is_named_with_its_number(line: str, tmp_path: Path) -> None:
    own = tmp_path / "mine.jsonl"
    own.write_text('{"content": "春江潮水连海平，海上明月共潮生。"}\n' + line, "utf-8")
    with pytest.raises(CorpusError, match=r"mine\.jsonl, line 2, [^\n]*; a line looks like [^\n]*$"):
        _build(tmp_path, own)


def test_own_poems_in_another_encoding_get_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_bytes('{"content": "床前明月光。"}'.encode("gb18030"))
    with pytest.raises(CorpusError, match=r"mine\.jsonl can't be read as UTF-8 text [^\n]*$"):
        _build(tmp_path, tmp_path / "mine.jsonl")


# --- several


def test_several_sources_merge_into_one_corpus(tmp_path: Path) -> None:
    package = _tgz(tmp_path / "p.tgz", _package())
    works = _folder(tmp_path / "w", {"works.json": _dump([SPRING])})
    own = _jsonl(tmp_path / "own.jsonl", {"content": "我有一壶酒，足以慰风尘。", "author": "某人"})
    corpus = _build(tmp_path, package, works, own)
    number = _at(corpus, "夜来风雨声，花落知多少。")
    (poem,) = corpus.sources(number)
    assert poem.source == "全唐诗、千家诗、works"  # the same poem: one row, all its sources
    assert corpus.translations(number) == [str(SPRING["Translation"]).split("\r\n")[1]]
    with sqlite3.connect(corpus.path) as database:
        assert database.execute("SELECT DISTINCT source FROM pair").fetchall() == [("works",)]  # whose translation
    assert corpus.find("我有一壶酒，足以慰风尘。") is not None


def test_a_line_in_several_poems_is_one_verse_with_all_of_them(tmp_path: Path) -> None:
    line = "此曲只应天上有，人间能得几回闻。"
    own = _jsonl(
        tmp_path / "own.jsonl",
        {"title": "集句", "author": "后人", "dynasty": "清", "content": line + "落花时节又逢君，岐王宅里寻常见。"},
        {"title": "赠花卿", "author": "杜甫", "dynasty": "唐", "content": "锦城丝管日纷纷，半入江风半入云。" + line},
        {"title": "题画", "author": "后人", "dynasty": "明", "content": "此曲祗应天上有，人间能得几回闻！"},
    )
    corpus = _build(tmp_path, own)
    number = _at(corpus, line)
    assert [corpus.verse(number).title, *(poem.title for poem in corpus.sources(number))][:2] == ["赠花卿", "赠花卿"]
    assert {poem.title for poem in corpus.sources(number)} == {"集句", "赠花卿", "题画"}
    assert len(corpus) == 3 and corpus.stats.repairs["verse kept once for several places"] == 2


def test_the_same_text_under_another_author_is_kept_and_counted(tmp_path: Path) -> None:
    text = "近水楼台先得月，向阳花木易为春。"
    own = _jsonl(
        tmp_path / "own.jsonl",
        {"title": "断句", "author": "苏麟", "dynasty": "宋", "content": text},
        {"title": "断句", "author": "某甲", "dynasty": "明", "content": text},
        {"title": "断句", "author": "苏麟", "dynasty": "宋", "content": text},
    )
    corpus = _build(tmp_path, own)
    assert [poem.author for poem in corpus.sources(_at(corpus, text))] == ["苏麟", "某甲"]
    assert len(corpus) == 1 and corpus.stats.poems == 2
    assert corpus.stats.repairs["same text under another author"] == 1 == corpus.stats.repairs["same poem again"]
