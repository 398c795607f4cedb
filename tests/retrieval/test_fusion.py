"""How lists become one list, and what is shown of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image2poem.retrieval.diversity import choose
from image2poem.retrieval.fusion import LISTED, Fused, Weights, fuse, load_weights, rate
from image2poem.retrieval.naming import Naming, name_verses
from image2poem.retrieval.routes import Ranked
from image2poem.sight.lexicon import load_lexicon

PLAIN = Weights(routes={"a": 1.0, "b": 1.0}, fame=0.0, repetition=0.3, rerank={})


def ranked(*ids: int) -> Ranked:
    return Ranked(np.array(ids, np.int64), np.linspace(1, 0.1, len(ids)).astype(np.float32))


def test_first_everywhere_is_best_and_scores_one() -> None:
    fused = fuse({"a": ranked(7, 1, 2), "b": ranked(7, 3)}, PLAIN, np.zeros(8, np.float32))
    assert fused.ids[0] == 7 and fused.scores[0] == pytest.approx(1.0)
    assert fused.ranks["a"][2] == 3 and 2 not in fused.ranks["b"]


def test_two_routes_outweigh_one() -> None:
    fused = fuse({"a": ranked(1, 2, 4), "b": ranked(3, 2, 5)}, PLAIN, np.zeros(6, np.float32))
    assert fused.ids[0] == 2


def test_a_heavier_route_decides() -> None:
    heavy = Weights(routes={"a": 1.0, "b": 3.0}, fame=0.0, repetition=0.0, rerank={})
    assert fuse({"a": ranked(1, 2), "b": ranked(2, 1)}, heavy, np.zeros(3, np.float32)).ids[0] == 2


def test_a_route_that_has_but_a_share_of_its_weight_counts_less() -> None:
    found = {"a": ranked(1, 2), "b": replace(ranked(2, 1), share=0.5)}
    fused = fuse(found, PLAIN, np.zeros(3, np.float32))
    assert fused.ids.tolist() == [1, 2] and fused.scores[0] == pytest.approx((1 + 0.5 * LISTED) / 1.5)
    assert rate(np.array([1, 2]), found, found, PLAIN, np.zeros(3, np.float32)) == pytest.approx(fused.scores)


def test_fame_breaks_a_tie() -> None:
    fond = Weights(routes={"a": 1.0, "b": 1.0}, fame=0.1, repetition=0.0, rerank={})
    fame = np.array([0.0, 0.1, 0.9], np.float32)
    assert fuse({"a": ranked(1, 2), "b": ranked(2, 1)}, fond, fame).ids[0] == 2


def test_what_a_route_cant_judge_is_judged_by_the_others_alone() -> None:
    known = np.array([True, True, False, True])  # nobody translated verse 2, nor any from 4 on
    found = {
        "a": Ranked(np.array([2, 1, 5]), np.array([0.9, 0.9, 0.9], np.float32)),
        "b": Ranked(np.array([0, 3]), np.array([0.8, 0.1], np.float32), known),
    }
    fused = fuse(found, PLAIN, np.zeros(6, np.float32))
    scores = dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True))
    assert scores[2] == scores[5] == pytest.approx(1)  # all that is known of them fits
    assert scores[1] == pytest.approx(0.5)  # its translation says something else
    assert scores[0] == pytest.approx(0.5) and scores[3] == pytest.approx(LISTED / 2)


def test_verses_of_an_occasion_arent_blamed_for_having_no_translation() -> None:
    known = np.array([True, True, False])
    found = {"a": ranked(0, 1, 2), "b": Ranked(np.array([0, 1]), np.array([0.9, 0.1], np.float32), known)}
    fame = np.zeros(3, np.float32)
    ids = np.array([0, 1, 2])
    scores = rate(ids, found, found, PLAIN, fame)
    fused = fuse(found, PLAIN, fame)
    assert scores == pytest.approx([dict(zip(fused.ids, fused.scores, strict=True))[i] for i in ids])


@given(st.lists(st.permutations(range(12)), min_size=1, max_size=2))
def test_every_verse_of_every_route_is_there_once(lists: list[list[int]]) -> None:
    routes = {name: ranked(*ids) for name, ids in zip("ab", lists, strict=False)}
    fused = fuse(routes, PLAIN, np.zeros(12, np.float32))
    assert sorted(fused.ids.tolist()) == list(range(12))
    assert (np.diff(fused.scores) <= 0).all() and 0 < fused.scores.min() <= fused.scores.max() <= 1


def test_agreement_is_the_f1_one_may_expect() -> None:
    naming = Naming(np.array([0, 1, 3, 3], np.int32), np.array([0, 0, 1], np.int16))
    chances = np.array([1.0, 0.0], np.float32)
    # names just what is there; names it and something that isn't; names nothing
    assert naming.agreement(chances) == pytest.approx([1.0, 2 / 3, 0.0])


def test_verses_are_named_by_the_lexicon() -> None:
    lexicon = load_lexicon()
    naming = name_verses(lexicon, ["孤舟蓑笠翁，独钓寒江雪。", "人生七十古来稀。"])
    assert [lexicon.terms[i].term for i in naming.of(0)] == list(lexicon.named("孤舟蓑笠翁，独钓寒江雪。"))
    assert len(naming) == 2


def test_a_poem_gives_one_verse_and_the_same_things_arent_said_twice() -> None:
    # verses 0 and 1 are of one poem; 2 names what 0 names, 3 names something else and is a little worse
    fused = Fused(np.array([0, 1, 2, 3]), np.array([1.0, 0.99, 0.9, 0.85]), {}, {})
    naming = Naming(np.array([0, 1, 2, 3, 4], np.int32), np.array([5, 6, 5, 7], np.int16))
    poem = np.array([10, 10, 11, 12], np.int32)
    assert [v for v, _ in choose(fused, 3, poem, naming, repetition=0.3)] == [0, 3, 2]
    assert [v for v, _ in choose(fused, 3, poem, naming, repetition=0.0)] == [0, 2, 3]
    assert len(choose(fused, 10, poem, naming, repetition=0.3)) == 4  # when nothing else is left


def test_the_shipped_weights_know_every_route() -> None:
    weights = load_weights()
    routes = (
        "cross_modal imagery lexical vernacular description description_glosses words words_glosses hyde named "
        "translation translation_lexical words_translation words_translation_lexical"
    )
    assert set(weights.routes) == set(routes.split())
    assert max(weights.routes[r] for r in ("words", "words_glosses")) == max(weights.routes.values())
