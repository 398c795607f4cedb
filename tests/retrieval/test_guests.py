"""Lines without a row in the index are judged as if they had one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from image2poem import Filters, ImageToPoem
from image2poem.compose.verify import Candidate
from image2poem.index.dense import DenseIndex
from image2poem.model import Sight
from image2poem.photo import load_photo
from image2poem.retrieval import fusion, guests, routes
from image2poem.retrieval.fusion import Fused, Weights
from image2poem.retrieval.routes import Ranked

RIVER = Path(__file__).parent.parent.parent / "examples" / "moonlit_river.png"


def seat(matcher: ImageToPoem, *texts: str, fame: float = 0.5) -> guests.Pool:
    invited = [guests.Guest(Candidate(text, None, ()), fame, guests.NO_POEM) for text in texts]
    return guests.seat(matcher.library, matcher.facets, None, invited, matcher.imagery.usual_chances)


@pytest.mark.parametrize("number", [0, 7, 20])
def test_a_guest_with_a_verses_words_gets_that_verses_score(matcher: ImageToPoem, number: int) -> None:
    verse = matcher.corpus.verse(number)
    pool = seat(matcher, verse.text, fame=verse.fame)
    sight = matcher.seer.see(load_photo(RIVER))
    sight = Sight(sight.vector, sight.imagery, "江上的月亮照着一只小船", described=True)
    found = routes.find(pool.library, routes.ask(pool.library.encoder, sight, "夜里独自一人"), pool.mask)
    fused = fusion.fuse(found, matcher.weights, pool.fame)
    scores = dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True))
    # not to the last digit: an int8 encoder's vectors depend a little on what is encoded beside
    assert scores[len(matcher.facets)] == pytest.approx(scores[number], abs=0.03)
    assert pool.library.naming.of(len(matcher.facets)).tolist() == pool.library.naming.of(number).tolist()


def test_characters_of_a_guest_count_as_those_of_verses(matcher: ImageToPoem) -> None:
    lexical = matcher.library.index.lexical
    weights = {"月": 1.0, "孤舟": 2.0, "江": 0.3, "夕阳西下": 1.5, "无": 0.7}
    texts = matcher.corpus.texts()
    assert np.allclose(lexical.scores_of(texts, weights), lexical.scores(weights), rtol=1e-4)  # type: ignore[attr-defined]
    assert lexical.scores_of(["", "，。", "moon"], weights).tolist() == [0, 0, 0]


def test_vectors_with_guests_are_searched_as_one_index() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    whole, split = DenseIndex(rows), guests.VectorsWithGuests(DenseIndex(rows[:25]), rows[25:])
    mask = rng.random(30) < 0.6
    assert len(split) == 30 and split.dimension == 8
    for k in (1, 5, 28, 50):
        for some in (None, mask):
            for a, b in zip(whole.search(rows[:4], k, some), split.search(rows[:4], k, some), strict=True):
                assert np.allclose(a, b, atol=1e-6)
    assert np.allclose(whole.scores(rows[3]), split.scores(rows[3]), atol=1e-6)
    assert np.array_equal(split.vectors(np.array([29, 0, 25])), rows[[29, 0, 25]])


class Tower:
    """The text tower of some image encoder: two numbers for a text."""

    model_id, dimension = "tower", 2

    def encode_document(self, texts: list[str]) -> np.ndarray:
        return np.array([[1.0, 0.0] if "月" in text else [0.0, 1.0] for text in texts], np.float32)


def test_guests_sit_in_the_space_of_the_photos_too(matcher: ImageToPoem) -> None:
    verses = matcher.corpus.texts()
    space = routes.PhotoSpace(DenseIndex(Tower().encode_document(verses)), Tower(), np.zeros(2, np.float32))  # type: ignore[arg-type]
    for photo_space, found in ((space, {"cross_modal"}), (None, set())):
        library = replace(matcher.library, photo_space=lambda photo_space=photo_space: photo_space)  # type: ignore[misc]
        guest = guests.Guest(Candidate("月色", None, ()), 0.5, guests.NO_POEM)
        pool = guests.seat(library, matcher.facets, None, [guest], np.zeros(len(matcher.lexicon.terms), np.float32))
        sight = Sight(np.array([1, 0], np.float32), (), "")
        ranked = routes.find(pool.library, routes.Query(sight, "", "", {}), pool.mask)
        assert set(ranked) == found
        for route in ranked.values():
            scores = dict(zip(route.ids.tolist(), route.scores.tolist(), strict=True))
            assert scores[len(verses)] == 1.0 == scores[next(i for i, verse in enumerate(verses) if "月" in verse)]


def test_a_line_isnt_its_own_witness() -> None:
    """The route of the lines' own likeness counts neither for nor against a guest."""
    found = {
        "words": Ranked(np.array([0, 5]), np.array([0.5, 0.4], np.float32)),
        "hyde": Ranked(np.array([0, 1]), np.array([0.9, 0.8], np.float32), np.ones(5, np.bool_)),
    }
    weights = Weights({"words": 1.0, "hyde": 1.0}, 0.0, 0.0, {})
    fused = fusion.fuse(found, weights, np.zeros(6, np.float32))
    scores = dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True))
    assert scores[0] == pytest.approx(1.0) and scores[1] == pytest.approx(fusion.LISTED / 2)
    assert scores[5] == pytest.approx(fusion.LISTED)


def test_only_some_keep_their_scores() -> None:
    fused = Fused(np.array([4, 2, 9]), np.array([0.9, 0.5, 0.1]), {}, {})
    some = fusion.only(fused, [9, 4, 7])
    assert some.ids.tolist() == [4, 9, 7] and some.scores.tolist() == [0.9, 0.1, 0.0]


@pytest.mark.parametrize(
    ("filters", "let_in"),
    [
        (Filters(), True),
        (Filters(form=("五言",)), True),
        (Filters(form=("5", "七言")), True),
        (Filters(form=("七言",)), False),
        (Filters(genre=("詩",)), True),
        (Filters(genre=("词",)), False),
        (Filters(author=("李白",)), False),
        (Filters(dynasty=("唐",), form=("五言",)), False),
        (Filters(tag=("送别",)), False),
    ],
)
def test_a_new_line_has_a_form_and_a_genre_but_no_author(filters: Filters, let_in: bool) -> None:
    assert filters.admit_new("孤舟凝夜色，寒月满江流。", "诗") is let_in
