"""The text encoder's pipeline, run small but whole: pairs, mine, split, train, export, evaluate on made-up verse."""

from __future__ import annotations

import itertools
import json
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from image2poem.encoders.onnx import OnnxTextEncoder
from training.extra import bitext
from training.mine import nearly_equal
from training.pairs import by_place, monotone
from training.rows import RowsError, overlap, read_rows, write_rows
from training.split import clauses

# (what stands in the verse, what the translation says)
THINGS = {
    "扁舟": "小船", "明月": "月亮", "落英": "掉下的花瓣", "征人": "远行的人", "寒鸦": "乌鸦", "暮霭": "傍晚的雾", "孤村": "偏僻的村庄",
    "垂杨": "柳树", "渔翁": "打鱼的老人", "霜叶": "红叶", "琼英": "雪花", "归鸿": "南飞的大雁",
}  # fmt: skip
PLACES = {
    "江浦": "江边",
    "溪桥": "小溪的桥旁",
    "层巅": "山顶",
    "西楼": "西边的楼上",
    "古渡": "渡口",
    "柴扉": "木门外",
    "南浦": "水边送别处",
    "石径": "石头路上",
}
DOINGS = {
    "徐行": "慢慢地走",
    "独宿": "一个人过夜",
    "纷飞": "到处飞舞",
    "低徊": "来回徘徊",
    "长吟": "大声地唱",
    "初歇": "刚停下来",
}


def run(module: str, *arguments: str | Path) -> str:
    """`python -m module arguments`; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def works(count: int) -> list[dict]:
    """Works of two made-up verses each, with their translations."""
    lines = list(itertools.product(THINGS, PLACES, DOINGS))
    random.Random(1).shuffle(lines)
    out = []
    for i in range(count):
        pair = [lines[2 * i], lines[2 * i + 1]]
        content = "\r\n".join(f"{thing}{place}{doing}。" for thing, place, doing in pair)
        said = "\r\n".join(f"{THINGS[t]}在{PLACES[p]}{DOINGS[d]}。" for t, p, d in pair)
        out.append(
            {"Kind": "诗", "Title": f"其{i}", "Author": "某", "Dynasty": "唐", "Content": content, "Translation": said}
        )
    return out


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole way once: a folder with rows, a trained model and its export."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "source").mkdir()
    (folder / "source" / "works.json").write_text(json.dumps(works(180), ensure_ascii=False), "utf-8")
    assert "360 pairs" in run("training.pairs", folder / "source", "--out", folder / "rows.jsonl")
    run("training.split", folder / "rows.jsonl", "--out", folder, "--share", "0.2")
    verses = [verse for row in read_rows(folder / "rows.jsonl") for verse in row["pos"]]
    (folder / "verses.txt").write_text("\n".join([*verses, "䕷芜盈手泣斜晖。"]), "utf-8")
    base = ("--verses", folder / "verses.txt", "--rows", folder / "rows.jsonl", "--out", folder / "base")
    run("training.base", *base, "--layers", "0,11")
    export(folder / "base", folder / "before", folder)
    for side in ("train", "dev"):
        mined = ("--encoder", folder / "before", "--pool", folder / "verses.txt", "--number", "4")
        run("training.mine", folder / f"{side}.jsonl", *mined, "--out", folder / f"{side}_mined.jsonl")
    fit(folder, "--steps", "40")
    export(folder / "model", folder / "after", folder)
    return folder


def export(model: Path, out: Path, folder: Path) -> None:
    printed = run("training.export", "--model", model, "--out", out, "--id", out.name, "--texts", folder / "verses.txt")
    assert "cosine with what was trained" in printed


def fit(folder: Path, *more: str) -> str:
    given = ("--model", folder / "base", "--train", folder / "train_mined.jsonl", "--out", folder / "model")
    settings = ("--batch", "32", "--group", "3", "--rate", "5e-4", "--save-steps", "20", "--dimensions", "384,128")
    return run("training.train", *given, *settings, *more)


def test_training_finds_verses_that_it_did_not_find_before(work: Path) -> None:
    encoders = ("--encoders", work / "before", work / "after", "--json", work / "scores.json")
    printed = run("training.evaluate", work / "dev_mined.jsonl", "--pool", work / "verses.txt", *encoders)
    scores = json.loads((work / "scores.json").read_text("utf-8"))
    before, after = scores[str(work / "before")], scores[str(work / "after")]
    assert after["recall_1"] > before["recall_1"] + 0.2
    assert after["choice"] >= before["choice"]
    for measured in scores.values():  # of one right answer each
        assert measured["P_5"] == pytest.approx(measured["recall_5"] / 5)
        assert measured["ndcg_cut_1"] == measured["P_1"] == measured["MRR_1"] == measured["map_cut_1"]
        assert measured["MRR_1"] <= measured["MRR_5"] <= measured["recall_5"]
    assert "BM25, characters" in printed and "< 0.4" in printed


def test_the_first_numbers_of_a_vector_serve_alone(work: Path) -> None:
    rows = read_rows(work / "dev.jsonl")
    encoder = OnnxTextEncoder(work / "after")
    queries = encoder.encode_query([row["query"] for row in rows])[:, :128]
    verses = encoder.encode_document([row["pos"][0] for row in rows])[:, :128]
    queries, verses = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (queries, verses))
    assert ((queries @ verses.T).argmax(1) == np.arange(len(rows))).mean() > 0.5


def test_the_export_agrees_with_the_trained_model(work: Path) -> None:
    texts = [row["query"] for row in read_rows(work / "dev.jsonl")] + (work / "verses.txt").read_text().splitlines()
    trained = SentenceTransformer(str(work / "model"), device="cpu").encode(texts, normalize_embeddings=True)
    exported = OnnxTextEncoder(work / "after").encode_document(texts)
    assert (trained * exported).sum(1).min() >= 0.99


def test_the_mean_of_two_models_lies_between_them(work: Path) -> None:
    models = ("--models", work / "base", work / "model")
    run("training.average", *models, "--weights", "0.5", "0.5", "--out", work / "mean")
    one, mean, other = (
        SentenceTransformer(str(work / name), device="cpu").state_dict() for name in ("base", "mean", "model")
    )
    assert any(not torch.equal(one[name], other[name]) for name in one)
    assert all(torch.allclose(mean[name], (one[name] + other[name]) / 2, atol=1e-6) for name in one)


def test_an_interrupted_training_goes_on(work: Path) -> None:
    assert (work / "model" / "run" / "checkpoint-40").is_dir()
    assert list((work / "model" / "run").rglob("events.out.tfevents.*"))
    printed = fit(work, "--steps", "42")
    assert "42 steps" in printed and printed.count("'loss'") == 0  # two steps, not forty-two


def test_large_batches_and_several_processes_train_too(work: Path) -> None:
    given = [
        "--model",
        work / "base",
        "--train",
        work / "train_mined.jsonl",
        "--out",
        work / "shared",
        "--threads",
        "1",
    ]
    settings = [
        "--batch",
        "16",
        "--cached",
        "8",
        "--steps",
        "2",
        "--accumulate",
        "2",
        "--pooling",
        "cls",
        "--symmetric",
    ]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "training.train"]
    done = subprocess.run([*launcher, *map(str, given + settings)], capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("2 steps of 16 rows") == 1  # one process writes
    assert SentenceTransformer(str(work / "shared"), device="cpu")[1].pooling_mode == "cls"


def test_mined_negatives_are_no_answers(work: Path) -> None:
    for row in read_rows(work / "train_mined.jsonl"):
        assert len(row["neg"]) == 4 and row["title"]
        assert row["pos"][0] not in row["neg"]


def test_no_poem_and_no_verse_stands_on_both_sides(work: Path, tmp_path: Path) -> None:
    train, dev = read_rows(work / "train.jsonl"), read_rows(work / "dev.jsonl")
    assert {r["title"] for r in train}.isdisjoint({r["title"] for r in dev})
    assert 0.1 * 360 < len(dev) <= 0.2 * 360
    # rows that don't name their poem are looked up in a corpus
    database = sqlite3.connect(tmp_path / "corpus.sqlite")
    database.execute("CREATE TABLE verse(id, text)")
    database.execute("CREATE TABLE occurrence(verse_id, poem_id)")
    rows = []
    for i, row in enumerate(train):
        database.execute("INSERT INTO verse VALUES (?, ?)", (i, row["pos"][0]))
        database.execute("INSERT INTO occurrence VALUES (?, ?)", (i, int(row["title"][1:])))
        rows.append({"query": row["query"], "pos": row["pos"], "neg": []})
    database.commit()
    write_rows(tmp_path / "nameless.jsonl", rows)
    corpus = ("--corpus", tmp_path / "corpus.sqlite", "--share", "0.3")
    run("training.split", tmp_path / "nameless.jsonl", "--out", tmp_path, *corpus)
    poem = {row["pos"][0]: row["title"] for row in train}
    sides = [{poem[r["pos"][0]] for r in read_rows(tmp_path / f"{side}.jsonl")} for side in ("train", "dev")]
    assert all(sides) and sides[0].isdisjoint(sides[1])


def test_the_vocabulary_covers_every_character_of_the_verses(work: Path) -> None:
    tokenizer = Tokenizer.from_file(str(work / "after" / "tokenizer.json"))
    unknown = tokenizer.token_to_id("<unk>")
    for verse in (work / "verses.txt").read_text("utf-8").splitlines():
        assert unknown not in tokenizer.encode(verse).ids
        assert len(tokenizer.encode(verse).ids) == len(verse) + 3  # one a character, and <s>, ▁, </s>
    assert unknown not in tokenizer.encode("a red boat, 1999").ids


def test_alignment_keeps_the_order_and_bridges_what_was_merged_or_left_out() -> None:
    content = ("床前明月光，疑是地上霜。", "举头望明月，低头思故乡。")
    said = ("明亮的月光洒在床前，好像地上起了霜。", "我抬起头望着天上的明月，低下头思念起故乡。")
    aligned = list(zip(content, said, strict=True))
    assert by_place(content, said) == aligned and monotone(content, said) == aligned
    preface = ("这首诗写于旅途之中！", *said)
    assert by_place(content, preface) == []
    assert monotone(content, preface) == aligned
    broken = ("明亮的月光洒在床前。", "好像地上起了霜。", said[1])
    assert monotone(content, broken) == [(content[0], broken[0] + broken[1]), aligned[1]]


def test_a_line_in_another_edition_is_no_negative() -> None:
    assert nearly_equal("黄河远上白云间", "黄沙远上白云间")
    assert nearly_equal("疑是地上霜", "床前明月光疑是地上霜")
    assert not nearly_equal("骚人遥驻木兰舟", "行人初上木兰舟")


def test_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"query": "月", "pos": "明月"}\n{"query": "月"}\n', "utf-8")
    with pytest.raises(RowsError, match=r"rows\.jsonl, line 2"):
        read_rows(path)
    done = subprocess.run(
        [sys.executable, "-m", "training.split", str(path), "--out", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1  # one sentence, no traceback
    path.write_text('{"query": "月", "pos": ["明月"], "source": "poetry-source"}\n', "utf-8")
    with pytest.raises(RowsError, match="kept for judging"):
        read_rows(path)
    assert overlap("明亮的月亮", "明月。") == 1.0 and clauses("明月光，疑是地上霜。") == ["疑是地上霜"]


def test_prose_is_taken_where_its_translation_uses_other_words(tmp_path: Path) -> None:
    (tmp_path / "书" / "篇").mkdir(parents=True)
    (tmp_path / "书" / "篇" / "bitext.txt").write_text(
        "古文：孤舟夜泊寒江。\n现代文：一条小船晚上停在冰冷的江面上。\n\n"
        "古文：孤舟夜泊寒江。\n现代文：同一句话再说一遍，不应当再要。\n\n"
        "古文：明月照松间。\n现代文：明月照在松树间。\n\n"
        "古文：善。\n现代文：好的，我知道了。\n",
        "utf-8",
    )
    photos = tmp_path / "photos.jsonl"
    photo = {"captions_zh": ["一只狗", "狗在跑"], "captions_en": ["a dog"], "split": "train"}
    photos.write_text(json.dumps(photo) + "\n" + json.dumps({**photo, "split": "test"}) + "\n", "utf-8")
    run("training.extra", "--prose", tmp_path, "--captions", photos, "--out", tmp_path / "extra.jsonl")
    rows = read_rows(tmp_path / "extra.jsonl")
    assert [row["pos"] for row in rows if row["source"] == "prose"] == [["孤舟夜泊寒江。"]]
    told = [(row["query"], *row["pos"]) for row in rows if row["source"] == "caption"]
    assert len(told) == 2 and all(pos in photo["captions_zh"] for _, pos in told) and {"a dog"} < {q for q, _ in told}
    with pytest.raises(RowsError, match=r"has no bitext\.txt"):
        next(bitext(tmp_path / "书" / "篇" / "nothing"))
