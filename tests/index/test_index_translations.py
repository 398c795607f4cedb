"""The index of translations: each row points to its verse, and a verse is worth its best row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from index_fakes import HashEncoder, TinyVerses, unit

from image2poem.errors import IndexFileError
from image2poem.index import DenseIndex, LexicalIndex, TranslationIndex, tokens
from image2poem.index.lexical import lexical_arrays
from image2poem.index.translations import build_translations, is_current, open_translations, translations_folder

few = st.integers(-2, 2).map(float)


class Tiny(TinyVerses):
    """Some translations, and the verse of each."""

    def __init__(self, owners, texts, corpus_id="tiny"):
        super().__init__(0, corpus_id, list(texts))
        self.owners = np.array(owners, np.int64)


class Sides(HashEncoder):
    """Encodes what is asked and what is a verse differently."""

    def encode_query(self, texts):
        self.encoded += texts
        return np.stack([unit("asked " + text) for text in texts])


def opened(folder, encoder, corpus_id="tiny"):
    index = open_translations(folder, encoder, corpus_id)
    assert index is not None
    return index


@given(st.data())
def test_a_verse_is_worth_what_its_best_translation_is(data):
    owners = np.sort(data.draw(arrays.arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 12))))
    matrix = data.draw(arrays.arrays(np.float32, (len(owners), 3), elements=few))
    query = data.draw(arrays.arrays(np.float32, 3, elements=few))
    mask = data.draw(st.none() | arrays.arrays(np.bool_, 20))
    k = data.draw(st.integers(1, 15))
    texts = ["".join(data.draw(st.lists(st.sampled_from("月山水花"), min_size=1, max_size=4))) for _ in owners]
    index = TranslationIndex(DenseIndex(matrix), LexicalIndex(*lexical_arrays([texts]).values(), len(texts)), owners)
    scores = matrix @ query
    allowed = [v for v in sorted(set(owners.tolist())) if mask is None or mask[v]]
    best = {v: max(scores[owners == v]) for v in allowed}
    expected = sorted(allowed, key=lambda v: (-best[v], v))[:k]
    ids, found = index.search(query, k, mask)
    assert ids.tolist() == expected and found.tolist() == [best[v] for v in expected]
    ids, found = index.search_characters(tokens("月山"), k, mask)
    by_characters = {v for v, text in zip(owners.tolist(), texts, strict=True) if set(text) & set("月山")}
    assert set(ids.tolist()) <= by_characters & set(allowed) and len(ids) == min(k, len(by_characters & set(allowed)))
    assert (np.diff(found) <= 0).all() and index.translated.nonzero()[0].tolist() == sorted(set(owners.tolist()))


def test_both_sides_are_encoded_as_what_is_asked(tmp_path):
    encoder = Sides()
    folder = translations_folder(tmp_path, encoder, "select")
    build_translations(Tiny([3, 3, 7], ["月光。", "月色。", "山峰。"]), encoder, folder)
    ids, scores = opened(folder, encoder).search(encoder.encode_query(["山峰。"])[0], 5)
    assert ids.tolist() == [7, 3] and scores[0] == pytest.approx(1, abs=1e-6)


def test_only_new_rows_are_encoded_and_others_are_found_again(tmp_path):
    encoder = HashEncoder()
    folder = translations_folder(tmp_path, encoder, "select")
    build_translations(Tiny([1, 4], ["月光。", "山峰。"]), encoder, folder)
    encoder.encoded.clear()
    more = Tiny([0, 1, 4], ["花朵。", "月光。", "山峰。"])
    assert not is_current(more, encoder, folder)
    build_translations(more, encoder, folder)
    assert encoder.encoded == ["花朵。"] and is_current(more, encoder, folder)
    full = translations_folder(tmp_path, encoder, "full")
    build_translations(more, encoder, full)
    assert encoder.encoded == ["花朵。"]  # another size has them too


def test_the_same_words_of_other_verses_make_another_build(tmp_path):
    encoder = HashEncoder()
    folder = translations_folder(tmp_path, encoder, "select")
    first = build_translations(Tiny([1, 4], ["月光。", "山峰。"]), encoder, folder)
    moved = Tiny([2, 5], ["月光。", "山峰。"], "other corpus")
    with pytest.raises(IndexFileError, match="another corpus"):
        open_translations(folder, encoder, "other corpus")
    assert not is_current(moved, encoder, folder)
    encoder.encoded.clear()
    second = build_translations(moved, encoder, folder)
    assert first.build != second.build and not encoder.encoded
    assert opened(folder, encoder, "other corpus").search(unit("月光。"), 1)[0].tolist() == [2]


def test_without_any_there_is_no_index(tmp_path):
    encoder, none = HashEncoder(), Tiny([], [])
    folder = translations_folder(tmp_path, encoder, "select")
    assert build_translations(none, encoder, folder) is None and not list(tmp_path.iterdir())
    assert open_translations(folder, encoder, "tiny") is None and is_current(none, encoder, folder)
    build_translations(Tiny([1], ["月光。"]), encoder, folder)
    assert not is_current(none, encoder, folder)
    assert build_translations(none, encoder, folder) is None and not list(tmp_path.iterdir())
    assert is_current(none, encoder, folder)
