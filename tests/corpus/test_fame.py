"""The lines that everybody knows have vectors: `select`, held against a list of famous lines that it wasn't made from.

Needs a built corpus: IMAGE2POEM_TEST_CORPUS=~/.cache/image2poem/corpus.sqlite make test
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from image2poem.corpus import Corpus, open_corpus
from image2poem.corpus.convert import fold
from image2poem.corpus.fame import anthology, is_play, poem_fame, verse_fame

ROOT = Path(__file__).parents[2]
LISTS = (ROOT / "shared/data/text/famous_lines.jsonl", ROOT.parent / "shared/data/text/famous_lines.jsonl")


def _famous() -> list[str]:
    path = next((path for path in LISTS if path.is_file()), None)
    if path is None:
        pytest.skip("famous_lines.jsonl isn't here: it comes with the project's shared data")
    keys = (fold(json.loads(line)["verse"]) for line in path.read_text("utf-8").splitlines() if line.strip())
    return [key for key in dict.fromkeys(keys) if key]


def _corpus() -> Corpus:
    path = os.environ.get("IMAGE2POEM_TEST_CORPUS")
    if not path:
        pytest.skip("no built corpus: set IMAGE2POEM_TEST_CORPUS to a corpus.sqlite")
    return open_corpus(Path(path))


def _best_ids(corpus: Corpus, keys: list[str]) -> dict[str, int]:
    """key → the best-known verse that is the line, or holds it; several verses that make it up: the least known."""
    wanted = set(keys)
    lengths = sorted({len(key) for key in wanted})
    found: dict[str, int] = {}
    with closing(sqlite3.connect(f"{corpus.path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        for number, halves in database.execute("SELECT id, halves FROM verse ORDER BY id"):
            parts = [fold(half) for half in halves.split("\n")]
            whole = "".join(parts)
            starts = [sum(map(len, parts[:i])) for i in range(len(parts))]
            for start in starts:  # a famous line begins where a clause does
                for length in lengths:
                    if start + length > len(whole):
                        break
                    key = whole[start : start + length]
                    if key in wanted:
                        found.setdefault(key, number)
    return found


def test_the_famous_lines_that_the_corpus_has_are_in_select(capsys: pytest.CaptureFixture[str]) -> None:
    keys, corpus = _famous(), _corpus()
    found = _best_ids(corpus, keys)
    within = [key for key in found if found[key] < corpus.select_count]
    share = len(within) / len(found)
    missing = sorted((key for key in found if key not in set(within)), key=lambda key: found[key])
    with capsys.disabled():
        print(
            f"\n{len(keys):,} famous lines, {len(found):,} in the corpus, {len(within):,} of them in select "
            f"({share:.1%}); just outside: {'、'.join(missing[:5])}"
        )
    assert len(found) > len(keys) / 2, "the corpus lacks most famous lines; is it the whole one?"
    assert share >= 0.90


# --- the score itself; these need no corpus


def _poem(author: str = "无人知", **changes: object) -> float:
    given: dict[str, object] = {
        "genre": "诗",
        "dynasty": "唐",
        "title": "题",
        "tags": (),
        "hits": 0.0,
        "typical_hits": 1.0,
        "sources": 1,
        "noted": False,
        "verses": 4,
    }
    return poem_fame(author, **(given | changes))  # type: ignore[arg-type]


def test_what_makes_a_poem_known_raises_its_fame() -> None:
    plain = _poem()
    assert _poem(author="李白") > plain
    assert _poem(tags=("唐诗三百首",)) > _poem(tags=("花间集",)) > plain
    assert _poem(noted=True) > plain
    assert _poem(sources=3) > plain
    assert plain >= 0 and _poem("李白", tags=("唐诗三百首",), noted=True, sources=9, hits=1e9) <= 1


def test_search_counts_weigh_little_and_only_against_works_of_the_same_kind() -> None:
    generic = _poem(hits=2e6, typical_hits=2e6)
    assert generic == _poem()
    assert _poem(hits=1e9, typical_hits=1e3) < _poem(tags=("唐诗三百首",))
    assert _poem(hits=10, typical_hits=1e6) < generic < _poem(hits=1e8, typical_hits=1e6)


def test_a_place_found_by_a_program_is_no_anthology() -> None:
    assert anthology(["西湖"]) == 0.0 == anthology([])
    assert anthology(["西湖", "唐诗三百首"]) == 1.0
    assert anthology(["三年级上册(课内)"]) > anthology(["花间集"])


def test_a_quoted_verse_is_better_known_than_its_neighbours() -> None:
    def verse(**changes: int) -> float:
        return verse_fame(0.5, **({"position": 2, "quoted": 0, "length": 10} | changes))

    assert verse(quoted=7) > verse(quoted=1) > verse()
    assert verse(position=0) > verse()
    assert verse(length=21) < verse() > verse(length=6)
    assert _poem(verses=60) < _poem()


def test_a_song_is_better_known_than_an_aria_of_the_same_poet() -> None:
    assert not is_play("越调・天净沙秋思") and not is_play("天净沙") and not is_play("水仙子·夜雨")
    assert is_play("破幽梦孤雁汉宫秋・金盏儿")
    song = _poem("马致远", genre="曲", dynasty="元", title="越调・天净沙秋思")
    assert song > _poem("马致远", genre="曲", dynasty="元", title="破幽梦孤雁汉宫秋・金盏儿")


def test_what_is_left_of_a_known_poet_before_tang_is_known() -> None:
    assert _poem("曹操", dynasty="汉") > _poem("曹操", dynasty="唐")
    assert _poem("无人知", dynasty="汉") == _poem("无人知", dynasty="唐")
