"""What verse means in everyday Chinese, and the search by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2poem import ImageToPoem
from image2poem.errors import ModelError
from image2poem.index import LexicalIndex
from image2poem.index.glosses import FILE, SMOOTHING, Glosses, load_glosses
from image2poem.index.lexical import lexical_arrays

VERSES = ["锦衾寒。", "犬吠。", "蟾光满。", "蟾蜍蟾。", "no Chinese at all", ""]
WRITTEN, EVERYDAY = list("衾犬蟾光"), list("被狗月光冷")
USUAL = np.array([0.3, 0.1, 0.2, 0.2, 0.2])
#                    被    狗    月    光    冷
CHANCES = np.array(
    [[0.8, 0.0, 0.0, 0.0, 0.2], [0.0, 0.9, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.1, 0.0], [0, 0, 0.2, 0.7, 0]]
)


def made() -> Glosses:
    return Glosses.made(WRITTEN, EVERYDAY, CHANCES, USUAL)


def lexical(verses: list[str]) -> LexicalIndex:
    return LexicalIndex(*lexical_arrays([verses]).values(), count=len(verses))


def likelihood(verse: str, text: str) -> float:
    """As it is defined, one character after another."""
    characters, total = {c for c in verse if c in "锦衾寒犬吠蟾光满蜍"}, 0.0
    for character in dict.fromkeys(text):
        meaning = [
            CHANCES[WRITTEN.index(c), EVERYDAY.index(character)]
            for c in characters
            if c in WRITTEN and character in EVERYDAY
        ]
        usual = USUAL[EVERYDAY.index(character)] if character in EVERYDAY else USUAL.min()
        mean = sum(meaning) if character in EVERYDAY else float(character in characters)
        total += np.log((1 - SMOOTHING) * mean / max(len(characters), 1) + SMOOTHING * usual) - np.log(
            SMOOTHING * usual
        )
    return total


@given(
    st.lists(st.sampled_from([*VERSES, "寒光。", "衾。"]), min_size=1, max_size=9),
    st.text("被狗月光冷锦，a", max_size=6),
)
def test_a_score_is_the_likelihood_of_the_text(verses: list[str], text: str) -> None:
    verses = [*verses, "犬吠。"]  # an index has some character
    said = "".join(c for c in text if c not in "，a")
    expected = [likelihood(verse, said) for verse in verses]
    index, senses = lexical(verses), made().senses(text)
    assert np.allclose(index.likelihoods(senses), expected, atol=1e-4)
    assert np.allclose(index.likelihoods_of(verses, senses), expected, atol=1e-4)


def test_a_verse_is_found_that_shares_no_character() -> None:
    index, senses = lexical(VERSES), made().senses("狗")
    assert index.search_senses(senses, 9)[0].tolist() == [1]
    assert index.search(dict.fromkeys("狗", 1.0), 9)[0].tolist() == []
    mask = np.array([True, False, True, True, True, True])
    assert index.search_senses(senses, 9, mask)[0].tolist() == []
    with pytest.raises(ValueError, match="the index holds 6 verses"):
        index.search_senses(senses, 9, mask[:2])


def test_the_verse_that_means_it_comes_before_one_that_may() -> None:
    assert lexical(VERSES).search_senses(made().senses("月光"), 9)[0].tolist() == [2, 3]


def test_a_character_that_is_not_known_means_itself() -> None:
    assert made().senses("，moon") == []
    (sense,) = made().senses("锦")
    assert sense.codes.tolist() == [ord("锦")] and sense.gains[0] > 1


def test_they_are_kept_to_a_hundredth(tmp_path: Path) -> None:
    made().save(tmp_path / FILE)
    kept = Glosses.load(tmp_path / FILE)
    assert len(kept) == len(made()) == np.count_nonzero(CHANCES)
    for one, other in zip(made().senses("被狗月光冷"), kept.senses("被狗月光冷"), strict=True):
        assert one.codes.tolist() == other.codes.tolist() and np.allclose(one.gains, other.gains, rtol=0.02)


@pytest.mark.parametrize(("everyday", "verse"), ["被衾", "狗犬", "月蟾", "酒酤", "眉黛", "船舸"])
def test_the_glosses_that_ship_know_what_verse_says(everyday: str, verse: str) -> None:
    (sense,) = load_glosses().senses(everyday)
    gains = dict(zip(sense.codes.tolist(), sense.gains.tolist(), strict=True))
    assert gains[ord(verse)] > 5 * np.median(list(gains.values()))


def test_damaged_ones_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="install image2poem again"):
        load_glosses(tmp_path)


def test_a_search_finds_a_verse_in_other_words(matcher: ImageToPoem) -> None:
    index, glosses = matcher.library.index.lexical, load_glosses()
    ids, _ = index.search_senses(glosses.senses("竹子"), 3)
    assert matcher.corpus.verse(int(ids[0])).text == "独坐幽篁里，弹琴复长啸。"
