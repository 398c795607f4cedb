"""The built-in reranker used alone, and what a reranker does to an answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from image2poem import ImageToPoem, Settings
from image2poem.encoders import DATA
from image2poem.errors import ModelError
from image2poem.rerank import load_reranker
from image2poem.retrieval.diversity import Favour
from image2poem.retrieval.fusion import Fused
from image2poem.retrieval.reranking import NAME, reread

VERSES = [
    "孤舟蓑笠翁，独钓寒江雪。",
    "飞流直下三千尺，疑是银河落九天。",
    "春眠不觉晓，处处闻啼鸟。",
    "大漠孤烟直，长河落日圆。",
    "停车坐爱枫林晚，霜叶红于二月花。",
]
SAID = [
    "一个披着蓑衣的老人，独自在落雪的江上钓鱼",
    "瀑布从高处直冲下来，好像银河从天上落下",
    "春天睡得很香，不知不觉天亮了，到处是鸟叫",
    "沙漠上一缕烟直直升起，太阳落到河上",
    "停下车来，因为喜爱傍晚的枫树林，红叶比春花还红",
]


@pytest.mark.parametrize("number", range(len(VERSES)))
def test_the_verse_that_says_it_is_judged_best(number: int) -> None:
    scores = load_reranker().score(SAID[number], VERSES)
    assert scores.dtype == np.float32 and scores.shape == (len(VERSES),)
    assert scores.argmax() == number


def test_a_score_hardly_depends_on_the_other_verses() -> None:
    reranker = load_reranker()
    together = reranker.score(SAID[0], VERSES)
    alone = np.concatenate([reranker.score(SAID[0], [verse]) for verse in VERSES])
    spread = together.max() - together.min()
    assert np.abs(together - alone).max() < 0.1 * spread  # int8 takes its scale from the batch


def test_scores_dont_depend_on_how_many_threads_there_are() -> None:
    verses = [verse * (1 + number % 3) for number, verse in enumerate(VERSES * 5)]
    assert np.array_equal(
        load_reranker(threads=1).score(SAID[0], verses), load_reranker(threads=3).score(SAID[0], verses)
    )


def test_no_verses_no_scores() -> None:
    assert load_reranker().score("月", []).shape == (0,)


@pytest.mark.parametrize("query", ["", "moon over the river", "月" * 500, "🌕"])
def test_any_query_gets_finite_scores(query: str) -> None:
    assert np.isfinite(load_reranker().score(query, VERSES)).all()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(DATA / "rerank", tmp_path / "rerank"))
    (folder / "tokenizer.json").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"tokenizer\.json is damaged"):
        load_reranker(str(folder))


def test_what_is_neither_a_folder_nor_a_name_of_the_hub_is_refused() -> None:
    with pytest.raises(ModelError, match=r"setting 'reranker' = '\./nowhere' can't be used"):
        load_reranker("./nowhere")


# --- in an answer ---------------------------------------------------------------------------------------------------


class Judge:
    """A reranker that knows what it wants: the verse with the highest number in its text."""

    model_id = "judge"

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []

    def score(self, query: str, verses: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append((query, list(verses)))
        return np.array([float(verse) for verse in verses], np.float32)


def list_of(**scores: float) -> Fused:
    """Verses v1=..., all of their score by the route `a`."""
    ids = np.array([int(name[1:]) for name in scores])
    values = np.array(list(scores.values()))
    return Fused(ids, values, {"a": {int(i): at for at, i in enumerate(ids, 1)}}, {"a": values})


def texts(ids: Sequence[int]) -> list[tuple[str, ...]]:
    return [(str(i),) for i in ids]


def test_a_share_of_one_leaves_the_order_to_the_reranker() -> None:
    done = reread(Judge(), "?", 1.0, list_of(v1=0.9, v2=0.8, v3=0.7), {}, texts)
    assert done.fused.ids.tolist() == [3, 2, 1]
    assert done.fused.ranks[NAME] == {3: 1, 2: 2, 1: 3}


def test_without_candidates_nobody_is_asked() -> None:
    judge, nothing = Judge(), Fused(np.zeros(0, np.int64), np.zeros(0), {}, {})
    assert reread(judge, "?", 0.5, nothing, {}, texts).fused is nothing and not judge.asked


def test_only_the_first_are_read_and_the_rest_stay_behind() -> None:
    judge = Judge()
    done = reread(judge, "?", 0.5, list_of(v1=0.9, v2=0.8, v9=0.7), {}, texts, candidates=2)
    assert judge.asked == [("?", ["1", "2"])]
    assert done.fused.ids.tolist() == [2, 1, 9]


def test_a_score_is_the_sum_of_its_parts() -> None:
    fused = reread(Judge(), "?", 0.4, list_of(v1=0.9, v2=0.8, v3=0.1), {}, texts).fused
    for verse, score in zip(fused.ids.tolist(), fused.scores.tolist(), strict=True):
        assert sum(fused.parts_of(verse).values()) == pytest.approx(score)
    assert fused.parts_of(3)[NAME] == pytest.approx(0.4)


def test_what_a_place_favours_is_read_with_the_rest() -> None:
    place = frozenset({"place"})
    favours = {7: Favour(0.5, 0.3, place), 8: Favour(0.5, 0.2, place)}
    done = reread(Judge(), "?", 0.5, list_of(v1=0.9, v2=0.8), favours, texts)
    assert done.favours[8].score == pytest.approx(0.75) and 0.25 < done.favours[7].score < 0.75
    assert done.favours[7].bonus == 0.3


def test_a_translation_may_speak_for_its_verse() -> None:
    said = {1: ("1", "9"), 2: ("2",), 3: ("3", "0")}
    done = reread(Judge(), "?", 1.0, list_of(v1=0.9, v2=0.8, v3=0.7), {}, lambda ids: [said[i] for i in ids])
    assert done.fused.ids.tolist() == [1, 3, 2]


def test_a_search_is_read_again_and_says_so(matcher: ImageToPoem) -> None:
    found = matcher.search("两只黄鹂在柳树上叫，一队白鹭飞上蓝天")[0]
    assert found.verse == "两个黄鹂鸣翠柳，一行白鹭上青天。" and found.ranks[NAME] == 1 and found.parts[NAME] > 0


def test_without_a_reranker_nothing_is_read_again(home: Path) -> None:
    answer = ImageToPoem(Settings(home=home, reranker="none")).search("月光照在床前")
    assert answer and all(NAME not in match.ranks and NAME not in match.parts for match in answer)


def test_the_card_of_the_shipped_reranker_tells_where_it_is_from() -> None:
    card = json.loads((DATA / "rerank" / "card.json").read_text("utf-8"))
    assert "CCPM" in card["data"] and card["base"] and card["recipe"]
    assert sum(path.stat().st_size for path in (DATA / "rerank").iterdir()) < 26e6
