"""Modern readings (拼音) of verse, character by character, by pypinyin and a few readings that verse has of its own."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from image2poem.errors import ExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

# Where pypinyin's phrases, made for modern prose, read famous verse wrongly. 尽 is 盡 far more often than 儘.
_SINGLE = {"尽": "jìn,jǐn"}
_PHRASES = (
    "朝辞 zhāo cí|一行白 yī háng bái|一行雁 yī háng yàn|一行征雁 yī háng zhēng yàn|几行 jǐ háng|数行 shù háng|两行 liǎng háng|"
    "万重 wàn chóng|千重 qiān chóng|几重 jǐ chóng|九重 jiǔ chóng|三重 sān chóng|重云 chóng yún|重山 chóng shān|"
    "还来就 huán lái jiù|一日还 yī rì huán|未还 wèi huán|不还 bù huán|几人还 jǐ rén huán|何时还 hé shí huán|"
    "何日还 hé rì huán|知还 zhī huán|飞还 fēi huán|生还 shēng huán|草低见 cǎo dī xiàn|溪桥忽见 xī qiáo hū xiàn|"
    "燕然 yān rán|燕山 yān shān|幽燕 yōu yān|燕赵 yān zhào|燕草 yān cǎo|燕台 yān tái|飞将 fēi jiàng|"
    "塞下 sài xià|塞上 sài shàng|塞外 sài wài|塞北 sài běi|出塞 chū sài|紫塞 zǐ sài|绝塞 jué sài|未勒 wèi lè|勒石 lè shí|"
    "种豆 zhòng dòu|轻骑 qīng jì|一骑 yī jì|千骑 qiān jì|铁骑 tiě jì|万骑 wàn jì|少小 shào xiǎo|年少 nián shào|"
    "不教 bù jiào|肯教 kěn jiào|教妾 jiào qiè|无重数 wú chóng shù|间关 jiān guān|为谁 wèi shuí|为君 wèi jūn|草盛 cǎo shèng|"
    "鬓毛衰 bìn máo shuāi|相思 xiāng sī|乐游 lè yóu|参差 cēn cī|浣纱 huàn shā|可怜 kě lián|似个长 sì gè cháng|见长江 jiàn cháng jiāng|见长安 jiàn cháng ān|"
    "还酹 huán lèi|华发 huá fà|初嫁了 chū jià liǎo|"
    "无为在 wú wéi zài|朝如 zhāo rú|朝雨 zhāo yǔ|今朝 jīn zhāo|明朝散发 míng zhāo sàn fà|散发 sàn fà"
)


@cache
def _reader() -> Callable[[str], list[str | None]]:
    try:
        import pypinyin
    except ImportError:
        raise ExtraError("readings need pypinyin; install it with: pip install 'image2poem[web]'") from None
    pypinyin.load_single_dict({ord(character): readings for character, readings in _SINGLE.items()})
    phrases = (entry.split(" ", 1) for entry in _PHRASES.split("|"))
    pypinyin.load_phrases_dict({word: [[reading] for reading in readings.split()] for word, readings in phrases})

    def read(text: str) -> list[str | None]:
        def blank(run: str) -> list[str]:  # one for each character: what pypinyin takes, though its types don't say so
            return [""] * len(run)

        syllables = pypinyin.lazy_pinyin(text, pypinyin.Style.TONE, errors=blank, v_to_u=True)  # type: ignore[arg-type]
        return [syllable or None for syllable in syllables]

    return read


def pinyin(text: str) -> list[tuple[str, str | None]]:
    """Each character of a simplified text with its reading, None for punctuation and what has no reading known.

    Readings are those of modern Mandarin. A character with several is read by the phrase it stands in, or by its
    commonest reading, which may not be the poet's.

    Raises:
        ExtraError: pypinyin isn't installed.
    """
    return list(zip(text, _reader()(text), strict=True))
