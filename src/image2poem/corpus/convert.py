"""Traditional to simplified, with the care that verse and names need.

OpenCC's t2s is made for modern prose. Where it takes away a distinction that a reader of verse needs (餘 "remain" and
余 "I" both become 余; the note 徵 becomes 征; the water plant 蘋 becomes an apple's 苹), the characters are lifted
out before the conversion and put back after it. Graphic variants that it leaves (牎 窓 → 窗) are then folded by the
first table of variant characters (第一批异体字整理表, 1955). Simplified forms outside the basic plane, which few fonts
draw (𪩘, 𫚥), go back to the form that printed books keep (巘, 鰕). The source's own spelling is kept in its own column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opencc import OpenCC

# 乾 stays where it is the trigram, heaven, a reign or a name; elsewhere it is dry and becomes 干.
_QIAN_BEFORE = "坤元隆道符德封象綱文乾淳祐佑興化寧統陽維樞曜光位剛旋運宮陵儀穹靈策貞鑑卦健闥父竺紐極"
_QIAN_AFTER = "乾竺西連握承乘純坤象李源"
# 沈 is sunk (沉) in verse, except as the surname of those whom verse speaks of.
_SHEN_BEFORE = "約郎腰侯家園謝宋范詩公生尹東隱諸休詮期佺傳括帶令賦叔丈尉簿卿"
_SHEN_AFTER = "姓何任謝瘦范"
_YU_BEFORE = "菟潛潜陵戲穆乎皇鑠昭越邑赫粲粢戯"

# (what to find in the traditional text, what stands there in the simplified one)
_CONTEXTS: tuple[tuple[str, str], ...] = (
    (f"乾(?=[{_QIAN_BEFORE}])|(?<=[{_QIAN_AFTER}])乾", "乾"),
    ("徵(?=[羽角宮音聲調])|(?<=[宮商角羽流變嚼魏清下])徵", "徵"),
    ("餘|馀", "馀"),
    ("蘋(?!果)", "蘋"),
    ("麴", "麴"),
    ("么", "幺"),
    ("瞭", "瞭"),
    (f"於(?=[{_YU_BEFORE}])|(?<=商)於", "於"),
    ("於", "于"),
)
_IN_VERSE: tuple[tuple[str, str], ...] = (
    (f"沈(?=[{_SHEN_BEFORE}])|(?<=[{_SHEN_AFTER}])沈", "沈"),
    ("沈", "沉"),
)
_SURNAME = ("沈", "沈")  # a title names people; t2s alone would sink some of them (沈下賢 → 沉下贤)
_IN_NAMES: tuple[tuple[str, str], ...] = (("乾", "乾"), ("徵", "徵"), ("於", "於"), _SURNAME, *_CONTEXTS)

_VARIANTS = (
    "窓窗 牎窗 牕窗 窻窗 邨村 踈疏 疎疏 覩睹 煑煮 畧略 隄堤 鴈雁 猨猿 蝯猿 暎映 躭耽 鷰燕 麤粗 麄粗 楳梅 桺柳 朶朵 栢柏 "
    "簷檐 闚窥 槩概 廻回 囘回 遯遁 蹔暂 椀碗 盌碗 艪橹 艣橹 㬉暖 煗暖 煖暖 荅答 虗虚 恠怪 忰悴 徧遍 烱炯 燄焰 崕崖 "
    "嵓岩 喦岩 巗岩 𪨷岩 糚妆 粧妆 蘂蕊 蕋蕊 檝楫 櫂棹 帬裙 鞵鞋 韈袜 靑青 眞真 飡餐 冐冒 氷冰 甎砖 鏁锁 鎻锁 臯皋 "
    "皐皋 枏楠 筯箸 籐藤 箒帚 輭软 鬬斗 鬭斗 鬪斗 鬦斗 髩鬓 鬂鬓 鵞鹅 螘蚁 蚉蚊 蠧蠹 讌宴 醼宴 豓艳 嬾懒 孏懒 慼戚 慙惭 "
    "愬诉 憇憩 擕携 揷插 挿插 攷考 昬昏 曵曳 槀槁 稾稿 毬球 澂澄 濶阔 灋法 爗烨 犂犁 瓈璃 甞尝 疉叠 皃貌 眎视 碁棋 "
    "秔粳 秊年 穨颓 竚伫 緫总 縁缘 罇樽 聦聪 膓肠 臈腊 舩船 葢盖 蔕蒂 虵蛇 蜨蝶 衘衔 啣衔 襍杂 覔觅 觧解 詶酬 諌谏 賖赊 "
    "賸剩 趂趁 躳躬 轝舆 逰游 遡溯 鐡铁 閙闹 闘斗 隂阴 隣邻 靣面 鞌鞍 韮韭 頋顾 頼赖 飜翻 騣鬃 鬰郁 鳯凤 鴬莺 鸎莺 鵶鸦 "
    "麐麟 黒黑 黙默 鼃蛙 逈迥 呪咒 埽扫 峩峨 徃往 恡吝 旹时 晧皓 棊棋 椶棕 欝郁 歛敛 歴历 淂得 猂悍 珎珍 畆亩 疎疏 盃杯 "
    "碪砧 礼礼 穏稳 簮簪 絶绝 緑绿 羣群 耉耇 脗吻 脣唇 苐第 莭节 萧萧 葯药 蒭刍 蓱萍 薝薝 虬虬 蛍萤 蟁蚊 衂衄 裌夹 褭袅 "
    "覉羁 觴觞 説说 譌讹 貎貌 賔宾 跥跺 踪踪 軄职 輙辄 辝辞 迯逃 遶绕 鉏锄 銕铁 鎌镰 閴阒 閧哄 隠隐 隷隶 雑杂 鞦秋 韵韵 "
    "頥颐 頳赪 顔颜 飱飧 餚肴 馿驴 騐验 髣仿 髴佛 鬛鬣 鱻鲜 鳬凫 鵰雕 鷄鸡 鹻碱 麪面 黄黄 鼇鳌 龝秋 锺钟 佇伫 墖塔 "
    "寃冤 寳宝 尅克 岅坂 峯峰 嵗岁 巌岩 帋纸 幷并 庽寓 彊强 恱悦 悤匆 怱匆 惪德 戯戏 戱戏 抝拗 捄救 搥捶 摠总 撦扯 "
    "旣既 昻昂 晹旸 暠皓 曺曹 杇圬 桮杯 梹槟 楥楦 檇槜 欵款 歎叹 殀夭 殭僵 氊毡 汚污 沍冱 洩泄 浄净 淛浙 湻淳 溼湿 滛淫 "
    "潄漱 澁涩 濬浚 灾灾 炤照 煇辉 熈熙 狥徇 猪猪 瑠琉 甯宁 畵画 疿痱 痺痹 癡痴 皷鼓 盇盍 矴碇 砲炮 祕秘 秈籼 稺稚 穉稚 "
    "窰窑 竢俟 笋笋 筍笋 筴策 箇个 粦磷 糉粽 紥扎 絃弦 綵彩 緐繁 繮缰 纎纤 罸罚 翫玩 聨联 肎肯 肻肯 肧胚 胷胸 脃脆 舘馆 "
    "艸草 芲花 茘荔 荘庄 菓果 菴庵 蓆席 蔴麻 薑姜 蘤花 蚘蛔 蝨虱 衹只 袟帙 袴裤 裠裙 詠咏 諠喧 讁谪 豔艳 貍狸 贊赞 贋赝 "
    "踰逾 蹟迹 迆迤 逩奔 遊游 醖酝 釼剑 鉢钵 鑑鉴 闇暗 陗峭 雝雍 鞾靴 韁缰 餱糇 饍膳 駞驼 驘骡 髒脏 鬀剃 鯗鲞 鴂鴃 "
    "鼔鼓 齩咬 齶腭"
)

_HOLD = 0xF0000  # plane 15: no source uses it


def _lifter(rules: Sequence[tuple[str, str]]) -> re.Pattern[str]:
    return re.compile("|".join(f"({pattern})" for pattern, _ in rules))


_LIFTED = re.compile("[乾徵餘馀蘋麴么瞭於沈]")
_ALL = _IN_NAMES + _IN_VERSE
_NAMES = (_lifter(_IN_NAMES), [_HOLD + i for i in range(len(_IN_NAMES))])
_VERSES = (
    _lifter(_CONTEXTS + _IN_VERSE),
    [_HOLD + _ALL.index(rule) for rule in _CONTEXTS + _IN_VERSE],
)
_TITLES = (_lifter((*_CONTEXTS, _SURNAME)), [_HOLD + _ALL.index(rule) for rule in (*_CONTEXTS, _SURNAME)])


@cache
def _opencc() -> OpenCC:
    from opencc import OpenCC

    return OpenCC("t2s")


@cache
def _after_conversion() -> dict[int, str]:
    """What characters become once OpenCC has done its part."""
    ideographs = "".join(map(chr, (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000))))
    converted: str = _opencc().convert(ideographs)
    table = {ord(new): old for old, new in zip(ideographs, converted, strict=True) if new > "\uffff"}
    table |= {ord(pair[0]): pair[1] for pair in _VARIANTS.split() if pair[0] != pair[1]}
    return table | {_HOLD + i: simplified for i, (_, simplified) in enumerate(_IN_NAMES + _IN_VERSE)}


def _lift(text: str, rules: tuple[re.Pattern[str], list[int]]) -> str:
    pattern, holders = rules
    out: list[str] = []
    end = 0
    for found in _LIFTED.finditer(text):  # one character class: far faster than looking around at every character
        if rule := pattern.match(text, found.start()):
            out += (text[end : found.start()], chr(holders[(rule.lastindex or 1) - 1]))
            end = found.end()
    return "".join(out) + text[end:]


def _convert(texts: Iterable[str], rules: tuple[re.Pattern[str], list[int]]) -> list[str]:
    lifted = _lift("\x1e".join(texts), rules)
    converted: str = _opencc().convert(lifted)
    return converted.translate(_after_conversion()).split("\x1e")


def simplify_verse(texts: Sequence[str]) -> list[str]:
    """Texts of poems in simplified characters, one for one. Give many at once: that is what makes it fast."""
    return _convert(texts, _VERSES) if texts else []


def simplify_titles(titles: Sequence[str]) -> list[str]:
    """Titles likewise; 沈 is left alone, since a title names people."""
    return _convert(titles, _TITLES) if titles else []


def simplify_names(names: Sequence[str]) -> list[str]:
    """People's names likewise: 李乾, 魏徵 and 杨於陵 keep the character that they are written with."""
    return _convert(names, _NAMES) if names else []


# Characters that two editions of the same line may disagree on; folded for finding and comparing only.
_FOLD = str.maketrans(
    "馀於乾徵蘋麴幺瞭沈麽後着锺陽閒迴藉裏裡樽彷祗祇霑欹倘濛悽飃她翦捲纔珮碪谿飖甦縧拼騃",
    "余于干征苹曲么了沉么后著钟阳闲回借里里尊仿只只沾攲傥蒙凄飘他剪卷才佩砧溪摇苏绦拚呆",
)
_FOLDS_TO = frozenset(map(chr, _FOLD.values()))
_FOLDED = re.compile("[" + "".join(map(chr, _FOLD)) + "]")
_NOT_HAN_NOR_BREAK = re.compile(r"[^\n\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff〇]+")
_NOT_HAN = re.compile(r"[^\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff〇]")


def bare(text: str) -> str:
    """The characters of a line without its punctuation."""
    return _NOT_HAN.sub("", text)


def fold(text: str) -> str:
    """The form by which two spellings of the same line are found equal: no punctuation, no editorial variants."""
    return _NOT_HAN.sub("", text).translate(_FOLD)


def fold_differs(char: str) -> bool:
    """Whether another character may stand for this one, or this one for another, when lines are compared."""
    return ord(char) in _FOLD or char in _FOLDS_TO


def fold_all(texts: Sequence[str]) -> list[str]:
    """`fold` of each text, for all at once; the texts hold no line breaks."""
    if not texts:
        return []
    joined = _NOT_HAN_NOR_BREAK.sub("", "\n".join(texts))
    return (joined.translate(_FOLD) if _FOLDED.search(joined) else joined).split("\n")
