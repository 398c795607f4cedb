"""Whether a line is real: what a person, or a model, half remembers is found, and what is new is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from image2poem import ImageToPoem, Settings
from image2poem.corpus import Corpus, build_corpus, open_corpus
from image2poem.corpus.grams import buckets, gram_rows, read_row


@pytest.fixture(scope="module")
def corpus(matcher: ImageToPoem) -> Corpus:
    return matcher.corpus


@pytest.mark.parametrize(
    ("line", "title", "edits"),
    [
        ("举头望明月，低头思故乡。", "静夜思", 0),
        ("舉頭望明月 低頭思故鄉", "静夜思", 0),
        ("低头思故乡，举头望明月。", "静夜思", 0),
        ("举头望明月", "静夜思", 0),
        ("疑是地上霜，举头望明月。", "静夜思", 0),  # goes from one verse into the next
        ("举头望山月，低头思故人。", "静夜思", 2),
        ("月落鸟啼霜满天，江风渔火对愁眠。", "枫桥夜泊", 2),
        ("停车坐爱枫叶晚", "山行", 1),
        ("大漠孤烟直，长河落日。", "使至塞上", 0),
        ("常记溪亭日暮，沉醉不知道归路", "如梦令", 1),
        ("枯藤老树昏鸦，小桥流水人家。", "天净沙·秋思", 0),
        ("接天莲叶无穷碧，映日荷花分外红！", "晓出净慈寺送林子方", 2),
    ],
)
def test_a_line_half_remembered_is_found_with_its_source(corpus: Corpus, line: str, title: str, edits: int) -> None:
    found = corpus.look_up(line)
    assert found.same is not None and corpus.poem(found.same.poem_id).title == title
    assert found.edits == edits and found.quotes == ()
    assert found.same.text in corpus.poem(found.same.poem_id).verses


@pytest.mark.parametrize(
    "line",
    [
        "远浦归帆暮，平沙落雁秋。",
        "霜枫映水红如火，钓叟收纶过小桥。",
        "明月照高树，清风入小窗。",
        "举头看飞雪，闭门读旧书。",  # two characters of five
        "",
        "。，！",
        "moon over the river",
        "明月光",
    ],
)
def test_a_new_line_is_nobodys(corpus: Corpus, line: str) -> None:
    assert corpus.look_up(line) == corpus.look_up("")
    assert corpus.look_up(line).same is None


def test_two_clauses_of_two_poems_are_a_new_line_that_quotes(corpus: Corpus) -> None:
    found = corpus.look_up("举头望明月，独钓寒江雪。")
    assert found.same is None
    assert [(q.clause, corpus.poem(q.line.poem_id).title) for q in found.quotes] == [
        ("举头望明月", "静夜思"),
        ("独钓寒江雪", "江雪"),
    ]


def test_a_real_clause_with_another_ending_is_a_quote(corpus: Corpus) -> None:
    found = corpus.look_up("停车坐爱枫林晚，炊烟袅袅过前溪。")
    assert found.same is None
    assert [q.line.text for q in found.quotes] == ["停车坐爱枫林晚，霜叶红于二月花。"]


def test_a_sentence_that_is_no_verse_is_known_too(tmp_path: Path) -> None:
    poem = {
        "title": "残篇",
        "author": "某人",
        "dynasty": "宋",
        "content": "追凉□□□，避暑移琴席。明月照积雪，北风劲且哀。",
    }
    (tmp_path / "own.jsonl").write_text(json.dumps(poem, ensure_ascii=False), "utf-8")
    settings = Settings(home=tmp_path)
    build_corpus(settings, [str(tmp_path / "own.jsonl")])
    corpus = open_corpus(settings.corpus_file)
    assert len(corpus) == 1
    found = corpus.look_up("避暑移琴席")
    assert found.same is not None and found.same.verse_id is None
    assert found.same.text == "追凉□□□，避暑移琴席。" and corpus.poem(found.same.poem_id).title == "残篇"
    found = corpus.look_up("明月照积雪，朔风劲且哀")
    assert found.same is not None and found.same.verse_id == 0 and found.edits == 1


def test_grams_say_which_lines_hold_a_pair() -> None:
    lines = ["明月光", "", "月光明月", "霜"]
    rows = {bucket: read_row(bytes(data)).tolist() for bucket, data in gram_rows(lines)}
    assert list(rows) == sorted(rows)
    assert rows[buckets("明月")[0]] == [0, 2]
    assert rows[buckets("光明")[0]] == [2]
    assert set(rows) == {bucket for line in lines for bucket in buckets(line)}
