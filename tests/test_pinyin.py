"""How verse is read."""

from __future__ import annotations

import pytest

from image2poem.pinyin import pinyin


@pytest.mark.parametrize(
    ("verse", "read"),
    [
        ("千里江陵一日还", "qiān lǐ jiāng líng yī rì huán"),
        ("轻舟已过万重山", "qīng zhōu yǐ guò wàn chóng shān"),
        ("一行白鹭上青天", "yī háng bái lù shàng qīng tiān"),
        ("孤帆远影碧空尽", "gū fān yuǎn yǐng bì kōng jìn"),
        ("唯见长江天际流", "wéi jiàn cháng jiāng tiān jì liú"),
        ("风吹草低见牛羊", "fēng chuī cǎo dī xiàn niú yáng"),
        ("绿", "lǜ"),
    ],
)
def test_famous_verse_is_read_as_it_is_taught(verse: str, read: str) -> None:
    assert " ".join(str(syllable) for _, syllable in pinyin(verse)) == read


def test_every_character_has_its_place_and_punctuation_no_reading() -> None:
    read = pinyin("月。—— a，星")
    assert [character for character, _ in read] == list("月。—— a，星")
    assert [character for character, syllable in read if syllable] == ["月", "星"]
