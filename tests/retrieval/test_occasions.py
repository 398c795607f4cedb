"""Which verses belong to which place and festival, and what that does in a search."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from image2poem.corpus import Corpus, build_corpus, open_corpus
from image2poem.model import Context
from image2poem.retrieval.diversity import Favour, choose
from image2poem.retrieval.fusion import Fused, Weights, fuse, rate
from image2poem.retrieval.naming import Naming
from image2poem.retrieval.occasions import (
    Occasions,
    find_occasions,
    occasions_file,
    open_occasions,
    read_occasions,
    write_occasions,
)
from image2poem.retrieval.routes import Ranked
from image2poem.settings import Settings

POEMS = (
    ("登鹳雀楼", "王之涣", "诗", "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"),
    ("枫桥夜泊", "张继", "诗", "月落乌啼霜满天，江枫渔火对愁眠。姑苏城外寒山寺，夜半钟声到客船。"),
    ("九月九日忆山东兄弟", "王维", "诗", "独在异乡为异客，每逢佳节倍思亲。遥知兄弟登高处，遍插茱萸少一人。"),
    ("独立", "某人", "诗", "伫立春风里，闲看落花飞。"),
    ("青玉案", "某人", "词", "春衫曾湿西湖雨。三年枕上吴中路。"),
    ("武陵春", "李清照", "词", "风住尘香花已尽，日晚倦梳头。"),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("occasions")
    rows = (
        {"title": title, "author": author, "genre": genre, "dynasty": "唐", "content": content}
        for title, author, genre, content in POEMS
    )
    own = folder / "own.jsonl"
    own.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    settings = Settings(home=folder)
    build_corpus(settings, [str(own)])
    return open_corpus(settings.corpus_file)


@pytest.fixture(scope="module")
def found(corpus: Corpus) -> Occasions:
    return find_occasions(corpus, corpus.facets())


def of(corpus: Corpus, found: Occasions, *, places: tuple[str, ...] = (), festivals: tuple[str, ...] = ()) -> set[str]:
    belongs = np.maximum(*found.belonging(Context(places=places, festivals=festivals), len(corpus)))
    return {verse.text for verse in corpus.verses(np.flatnonzero(belongs).tolist())}


def test_a_verse_belongs_to_what_it_or_its_title_or_its_poem_names(corpus: Corpus, found: Occasions) -> None:
    assert of(corpus, found, places=("鹳雀楼",)) == {"白日依山尽，黄河入海流。", "欲穷千里目，更上一层楼。"}
    assert of(corpus, found, places=("寒山寺",)) >= {"月落乌啼霜满天，江枫渔火对愁眠。"}
    assert of(corpus, found, festivals=("重阳",)) == {
        "独在异乡为异客，每逢佳节倍思亲。",
        "遥知兄弟登高处，遍插茱萸少一人。",
    }


def test_to_be_named_by_the_verse_itself_counts_most(corpus: Corpus, found: Occasions) -> None:
    belongs, _ = found.belonging(Context(places=("寒山寺",)), len(corpus))
    named = corpus.find("姑苏城外寒山寺，夜半钟声到客船。")
    beside = corpus.find("月落乌啼霜满天，江枫渔火对愁眠。")
    assert named is not None and beside is not None and belongs[named] > belongs[beside] > 0


def test_a_tune_names_no_place_and_a_chance_pair_of_characters_no_day(corpus: Corpus, found: Occasions) -> None:
    assert of(corpus, found, places=("常德",)) == set()  # 武陵春 is a tune
    assert of(corpus, found, places=("西湖",)) == {"春衫曾湿西湖雨。"}  # and of a 词 only the verse that names it
    assert of(corpus, found, festivals=("立春",)) == set()  # 伫立春风


def test_a_verse_may_belong_to_the_place_and_the_day() -> None:
    three = np.array([3, 3, 3], np.int32)
    both = Occasions({"济南": 0, "大明湖": 1, "重阳": 2}, np.array([0, 1, 2, 3], np.int32), three, three)
    context = Context(festivals=("重阳",), places=("大明湖", "济南"))
    place, day = both.belonging(context, 5)
    assert place.tolist() == day.tolist() == [0, 0, 0, 1, 0]
    assert both.belonging(Context(places=("孤山", "济南")), 5)[0][3] < 1
    assert both.named(3, context) == ("大明湖", "重阳") and both.named(2, context) == ()


def test_a_solar_term_counts_where_there_is_no_festival_and_less() -> None:
    one = np.array([1], np.int32)
    term = Occasions({"白露": 0}, np.array([0, 1], np.int32), one, 3 * one)
    assert 0 < term.belonging(Context(solar_term="白露"), 5)[1][1] < 1
    assert not term.belonging(Context(solar_term="白露", festivals=("中秋",)), 5)[1].any()


def test_what_is_unknown_belongs_to_nothing(corpus: Corpus, found: Occasions) -> None:
    for context in (Context(), Context(places=("巴黎",), festivals=("圣诞",))):
        assert not np.any(found.belonging(context, len(corpus)))


def test_they_are_written_and_read_again(corpus: Corpus, found: Occasions, tmp_path: Path) -> None:
    path = occasions_file(tmp_path, "build")
    old = tmp_path / "occasions-old.npy"
    old.write_bytes(b"")
    assert read_occasions(path) is None
    write_occasions(path, found)
    again = read_occasions(path)
    assert again is not None and not old.exists()
    assert [a.tolist() for a in again.of("鹳雀楼")] == [a.tolist() for a in found.of("鹳雀楼")]
    assert occasions_file(tmp_path, "other build") != path


@pytest.mark.parametrize("damaged", [b"", b"nothing", None])
def test_a_missing_or_damaged_file_is_made_anew(corpus: Corpus, tmp_path: Path, damaged: bytes | None) -> None:
    path = occasions_file(tmp_path, "build")
    if damaged is not None:
        path.write_bytes(damaged)
    opened = open_occasions(path, corpus, corpus.facets())
    assert len(opened.of("鹳雀楼")[0]) == 2
    assert read_occasions(path) is not None


def test_a_folder_that_cant_be_written_is_no_hindrance(corpus: Corpus, tmp_path: Path) -> None:
    nowhere = occasions_file(tmp_path / "a file in the way", "build")
    nowhere.parent.write_bytes(b"")
    assert len(open_occasions(nowhere, corpus, corpus.facets()).of("鹳雀楼")[0]) == 2


# --- what it does in a search --------------------------------------------------------------------------------------

PLAIN = Weights(routes={"a": 1.0, "b": 3.0}, fame=0.0, repetition=0.0, rerank={})
NOTHING = Naming(np.zeros(51, np.int32), np.zeros(0, np.int16))
POEM = np.arange(50, dtype=np.int32)
PLACE, DAY = frozenset({"place"}), frozenset({"day"})


def ranked(**scores: float) -> Ranked:
    ids = np.array([int(name[1:]) for name in scores], np.int64)
    return Ranked(ids, np.array(list(scores.values()), np.float32))


def test_rating_agrees_with_fusion_and_goes_on_below_it() -> None:
    found = {"a": ranked(v1=0.9, v2=0.6, v3=0.5), "b": ranked(v2=5.0, v1=4.0, v3=3.0)}
    fused = fuse(found, PLAIN, np.zeros(50, np.float32))
    deeper = {"a": ranked(v1=0.9, v3=0.5, v7=0.4), "b": ranked(v1=4.0, v3=3.0, v7=2.5)}
    scores = rate(np.array([1, 3, 7, 8]), deeper, found, PLAIN, np.zeros(50, np.float32))
    of = dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True))
    assert scores[:2] == pytest.approx([of[1], of[3]])
    assert -1 <= scores[3] < scores[2] < scores[1]


def list_of(*scores: float) -> Fused:
    return Fused(np.arange(len(scores)), np.array(scores), {}, {})


def test_a_favour_lifts_what_nearly_fits_and_nothing_else() -> None:
    fused = list_of(0.9, 0.8, 0.7, 0.6, 0.5)
    favours = {30: Favour(0.3, 0.5, PLACE), 31: Favour(-0.4, 0.5, PLACE)}
    chosen = choose(fused, 5, POEM, NOTHING, 0.0, favours)
    assert [verse for verse, _ in chosen] == [0, 1, 30, 2, 3]
    assert [score for _, score in chosen] == pytest.approx([0.9, 0.8, 0.8, 0.7, 0.6])


def test_favours_help_two_of_five() -> None:
    fused = list_of(*np.linspace(0.6, 0.4, 20))
    favours = {30 + i: Favour(0.3, 0.5, frozenset({str(i)})) for i in range(10)}
    chosen = [verse for verse, _ in choose(fused, 10, POEM, NOTHING, 0.0, favours)]
    assert chosen == [30, 31, 0, 1, 2, 32, 33, 3, 4, 5]
    for top in range(1, 10):  # to ask for fewer gives the first of them
        assert [verse for verse, _ in choose(fused, top, POEM, NOTHING, 0.0, favours)] == chosen[:top]


def test_after_a_verse_of_the_place_one_of_the_day_is_better_than_another_of_the_place() -> None:
    favours = {30: Favour(0.5, 0.5, PLACE), 31: Favour(0.49, 0.5, PLACE), 32: Favour(0.4, 0.5, DAY)}
    assert [verse for verse, _ in choose(list_of(0.6), 5, POEM, NOTHING, 0.0, favours)][:2] == [30, 32]


def test_a_verse_that_would_be_shown_anyway_rises() -> None:
    assert choose(list_of(0.9, 0.8, 0.7), 3, POEM, NOTHING, 0.0, {2: Favour(0.7, 0.4, PLACE)})[0] == (2, 1.0)


def test_without_favours_nothing_changes() -> None:
    fused = list_of(0.9, 0.8, 0.7)
    assert choose(fused, 3, POEM, NOTHING, 0.0) == choose(fused, 3, POEM, NOTHING, 0.0, {})
