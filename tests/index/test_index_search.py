"""Searching: the same answer as comparing everything by hand, in an order that never depends on chance."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from image2poem.index import DenseIndex, LexicalIndex, dense, tokens
from image2poem.index.lexical import K1, B, lexical_arrays

few = st.integers(-2, 2).map(float)  # small whole numbers: exact sums and many ties


def by_hand(scores, k, mask):
    allowed = [i for i in range(len(scores)) if mask is None or mask[i]]
    return sorted(allowed, key=lambda i: (-scores[i], i))[:k]


@given(st.data())
def test_dense_search_is_exact(data):
    n, d, q = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    matrix = data.draw(arrays.arrays(np.float32, (n, d), elements=few))
    queries = data.draw(arrays.arrays(np.float32, (q, d), elements=few))
    mask = data.draw(st.none() | arrays.arrays(np.bool_, n))
    k = data.draw(st.integers(0, n + 3))
    at_once, dense._SCORES_AT_ONCE = dense._SCORES_AT_ONCE, data.draw(st.sampled_from([1, 2 * n, 1000]))
    ids, scores = DenseIndex(matrix).search(queries, k, mask)
    dense._SCORES_AT_ONCE = at_once
    assert ids.dtype == np.int64 and scores.dtype == np.float32
    for row, query in enumerate(queries):
        expected = by_hand(matrix @ query, k, mask)
        assert ids[row].tolist() == expected
        assert scores[row].tolist() == (matrix @ query)[expected].tolist()


@pytest.mark.parametrize("allowed", [1, 3, 20, 500])
def test_dense_search_among_few_is_that_among_all(allowed):
    rng = np.random.default_rng(allowed)
    matrix = rng.standard_normal((500, 8)).astype(np.float32)
    mask = np.zeros(500, np.bool_)
    mask[rng.permutation(500)[:allowed]] = True
    ids, scores = DenseIndex(matrix).search(matrix[:2], 10, mask)
    for row, query in enumerate(matrix[:2]):
        all_scores = matrix @ query
        assert ids[row].tolist() == by_hand(all_scores, 10, mask)
        assert scores[row] == pytest.approx(all_scores[ids[row]], rel=1e-5)


def test_dense_shapes_that_do_not_fit_are_named():
    index = DenseIndex(np.zeros((5, 3), np.float32))
    with pytest.raises(ValueError, match=r"\(1, 4\), the index holds vectors of 3"):
        index.search(np.zeros((1, 4), np.float32), 1)
    with pytest.raises(ValueError, match=r"\(4,\), the index holds 5 verses"):
        index.search(np.zeros((1, 3), np.float32), 1, np.ones(4, bool))


def test_no_queries_no_answers():
    ids, scores = DenseIndex(np.zeros((5, 3), np.float32)).search(np.zeros((0, 3), np.float32), 2)
    assert ids.shape == scores.shape == (0, 2)


def lexical(verses, block=3):
    blocks = [verses[i : i + block] for i in range(0, len(verses), block)]
    return LexicalIndex(*lexical_arrays(blocks).values(), count=len(verses))


VERSES = [
    "月落乌啼霜满天，江枫渔火对愁眠。",
    "春江潮水连海平，海上明月共潮生。",
    "孤舟蓑笠翁，独钓寒江雪。",
    "夕阳无限好，只是近黄昏。",
    "七夕今宵看碧霄，牵牛织女渡河桥。山之阳。",
    "忽如一夜春风来，千树万树梨花开。",
    "𠀀𠀁。",
    "no Chinese at all",
    "",
]


def test_rare_characters_find_their_verse():
    index = lexical(VERSES)
    ids, scores = index.search(tokens("一个披着蓑衣的老翁，在雪天的江上钓鱼"), 3)
    assert ids[0] == 2
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_function_words_of_the_vernacular_say_nothing():
    assert tokens("我的船停在江上了") == dict.fromkeys("船停江上", 1.0)
    assert tokens("abc, 123！") == {}


def test_weights_decide():
    index = lexical(VERSES)
    assert index.search({"月": 0.3, "雪": 0.9}, 1)[0].tolist() == [2]
    assert index.search({"霜": 0.9, "雪": 0.3}, 1)[0].tolist() == [0]
    assert index.search({"雪": 0.0}, 1)[0].tolist() == []


def test_saying_a_thing_three_times_is_worth_no_more_than_once():
    thrice, once = lexical(["明月明月明月。", "明月。"]).scores({"月": 1.0})
    assert thrice <= once


def test_a_word_is_found_as_a_word():
    index = lexical(VERSES)
    assert index.search({"夕阳": 1.0}, 9)[0].tolist() == [3]  # not the verse with 夕 here and 阳 there
    assert set(index.search(tokens("夕阳"), 9)[0]) == {3, 4}
    assert index.search({"蓑笠翁": 1.0}, 9)[0].tolist() == [2]
    assert index.search({"平，": 1.0, "平海": 1.0, "": 1.0}, 9)[0].tolist() == []  # nothing spans punctuation


def test_a_character_outside_the_basic_plane():
    assert lexical(VERSES).search({"𠀁": 1.0}, 9)[0].tolist() == [6]
    assert lexical(VERSES).search({"𠀀𠀁": 1.0}, 9)[0].tolist() == [6]


def test_unknown_words_and_masks():
    index = lexical(VERSES)
    assert index.search({"鸮": 1.0, "x": 1.0}, 9)[0].tolist() == []
    assert set(index.search({"江": 1.0}, 9)[0]) == {0, 1, 2}
    mask = np.ones(len(VERSES), bool)
    mask[[0, 2]] = False
    assert index.search({"江": 1.0}, 9, mask)[0].tolist() == [1]
    with pytest.raises(ValueError, match="the index holds 9 verses"):
        index.search({"江": 1.0}, 9, mask[:3])


text = st.text(st.sampled_from("春江月花夜，a𠀀"), max_size=8)


@given(st.lists(text, min_size=1, max_size=12), st.dictionaries(text, st.floats(0, 4), max_size=4))
def test_scores_are_bm25(verses, weights):
    def words(text):
        han = [c not in "，a" for c in text]
        return [c for c, good in zip(text, han, strict=True) if good] + [
            text[i : i + 2] for i in range(len(text) - 1) if han[i] and han[i + 1]
        ]

    bags = [set(words(verse)) for verse in verses]
    assume(any(bags))
    mean = sum(map(len, bags)) / len(bags)
    expected = np.zeros(len(verses))
    for word, weight in weights.items():
        parts = [word] if len(word) == 1 else [word[i : i + 2] for i in range(len(word) - 1)]
        for part in parts:
            holders = sum(part in bag for bag in bags)
            idf = np.log(1 + (len(bags) - holders + 0.5) / (holders + 0.5))
            for i, bag in enumerate(bags):
                if part in bag:
                    expected[i] += weight / len(parts) * idf / (1 + K1 * (1 - B + B * len(bag) / mean))
    assert np.allclose(lexical(verses).scores(weights), expected, rtol=1e-4, atol=1e-6)
