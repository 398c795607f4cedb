"""The reranker's training, small but whole: restore, train, export, candidates, evaluate, on made-up verse."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer

from image2poem.encoders import load_text_encoder
from image2poem.rerank import load_reranker
from training.candidates import asking_for_halves
from training.mine import by_characters
from training.reranker import padded
from training.reranker_evaluate import same_line
from training.reranker_export import load
from training.rows import read_rows, write_rows
from training.tests.test_text import DOINGS, PLACES, THINGS, run


def made_up(count: int) -> list[dict]:
    """Rows whose negatives differ from the verse in one word."""
    draw = random.Random(2)
    things, places, doings = list(THINGS), list(PLACES), list(DOINGS)
    rows = []
    for _ in range(count):
        thing, place, doing = draw.choice(things), draw.choice(places), draw.choice(doings)
        wrong = [
            f"{draw.choice([t for t in things if t != thing])}{place}{doing}。",
            f"{thing}{draw.choice([p for p in places if p != place])}{doing}。",
            f"{thing}{place}{draw.choice([d for d in doings if d != doing])}。",
        ]
        said = f"{THINGS[thing]}在{PLACES[place]}{DOINGS[doing]}。"
        rows.append({"query": said, "pos": [f"{thing}{place}{doing}。"], "neg": wrong})
    return rows


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole way once."""
    folder = tmp_path_factory.mktemp("reranker")
    rows = made_up(400)
    write_rows(folder / "train.jsonl", rows[:300])
    write_rows(folder / "dev.jsonl", rows[300:])
    (folder / "told").write_text(run("training.restore", "--out", folder / "base"), "utf-8")
    trained = ("--model", folder / "base", "--train", folder / "train.jsonl", "--dev", folder / "dev.jsonl",
               "--out", folder / "model", "--batch", 16, "--negatives", 3, "--rate", 5e-4, "--save-steps", 15, "--threads", 1)  # fmt: skip
    log = run("training.reranker", *trained, "--steps", 15)
    (folder / "log").write_text(log + run("training.reranker", *trained, "--steps", 45), "utf-8")
    run(
        "training.reranker_export", "--model", folder / "model", "--out", folder / "rerank", "--id", "test",
        "--rows", folder / "dev.jsonl",
    )  # fmt: skip
    by_encoder = ("--glosses", 0.1, "--depth", 20)  # the made-up verses are too easy for the glosses
    run("training.candidates", folder / "dev.jsonl", *by_encoder, "--out", folder / "candidates.jsonl")
    return folder


def test_the_restored_encoder_gives_the_shipped_ones_vectors(work: Path) -> None:
    verses = ["孤舟蓑笠翁，独钓寒江雪。", "一个老人在江上钓鱼"]
    restored = SentenceTransformer(str(work / "base"), device="cpu").encode(verses)
    assert ((restored * load_text_encoder().encode_document(verses)).sum(1) > 0.97).all()


def test_training_goes_on_where_it_stopped_and_learns(work: Path) -> None:
    told = re.findall(r"step (\d+): loss ([\d.]+), right of four ([\d.]+)", (work / "log").read_text("utf-8"))
    assert [int(step) for step, _, _ in told] == [15, 30, 45]
    assert float(told[-1][1]) < float(told[0][1])
    assert float(told[-1][2]) >= 0.8  # a quarter by chance


def test_the_export_judges_as_the_trained_model_does(work: Path) -> None:
    model, tokenizer = load(work / "model")
    exported, agree = load_reranker(str(work / "rerank")), []
    for row in read_rows(work / "dev.jsonl")[:40]:
        verses = [*row["pos"], *row["neg"]]
        query, said = (padded([tokenizer.encode(text).ids for text in texts]) for texts in ([row["query"]], verses))
        with torch.no_grad():
            trained = model(query, said)[0].numpy()
        agree.append(np.corrcoef(trained, exported.score(row["query"], verses))[0, 1])
    assert np.mean(agree) > 0.9
    card = json.loads((work / "rerank" / "card.json").read_text("utf-8"))
    assert card["id"] == "test" and set(card["files"]) == {"reranker.onnx", "tokenizer.json"}


def test_candidates_and_what_the_reranker_makes_of_them(work: Path) -> None:
    rows = read_rows(work / "candidates.jsonl")
    assert all(len(row["candidates"]) == 20 and row["scores"] == sorted(row["scores"], reverse=True) for row in rows)
    table = run(
        "training.reranker_evaluate", work / "candidates.jsonl", "--rerankers", work / "rerank", "--depths", 20,
        "--shares", 0.9,
    )  # fmt: skip
    cells = {row.split("|")[1].strip(): row.split("|")[4].strip() for row in table.splitlines() if row.count("|") > 8}
    before, after = float(cells["none"]), float(cells[str(work / "rerank")])
    assert after >= before
    assert float(re.search(r"1 of 4 ([\d.]+)", table)[1]) >= 0.8  # type: ignore[index]


def test_who_asks_for_half_a_verse_is_answered_by_the_whole() -> None:
    pool = ["孤舟蓑笠翁，独钓寒江雪。", "春眠不觉晓，处处闻啼鸟。", "独钓寒江雪。"]
    rows = [
        {"query": q, "pos": [v], "neg": []} for q, v in (("钓", "孤舟蓑笠翁"), ("雪", "独钓寒江雪"), ("无", "不在其中"))
    ]
    assert [(row["query"], row["pos"]) for row in asking_for_halves(rows, pool)] == [("钓", [pool[0]])]


def test_characters_alone_find_what_shares_them() -> None:
    nearest = by_characters(["孤舟蓑笠翁", "独钓寒江雪", "春眠不觉晓"], 3)(["寒江上的雪", "一二三"])
    assert nearest[0].tolist() == [1, -1, -1] and nearest[1].tolist() == [-1, -1, -1]


def test_a_cross_encoder_learns_goes_on_and_opens_as_a_reranker(work: Path) -> None:
    out = work / "cross"
    write_rows(work / "few.jsonl", read_rows(work / "dev.jsonl")[:40])
    trained = ("--model", work / "base", "--train", work / "train.jsonl", "--dev", work / "few.jsonl", "--out", out,
               "--batch", 8, "--rate", 5e-4, "--threads", 1)  # fmt: skip
    run("training.cross_encoder", *trained, "--steps", 4)
    log = run("training.cross_encoder", *trained, "--steps", 30, "--save-steps", 30)
    assert "30 steps of 8 queries" in log and "step 4:" not in log  # it went on from there
    assert float(re.findall(r"right of four ([\d.]+)", log)[-1]) > 0.35  # by chance .25
    tokenizer = AutoTokenizer.from_pretrained(out)
    query, verse = (tokenizer(text)["input_ids"][1:-1] for text in ("月", "江"))
    first, last = tokenizer.bos_token_id, tokenizer.eos_token_id
    assert tokenizer("月", "江")["input_ids"] == [first, *query, last, *verse, last]
    reranker = load_reranker(str(out))
    row = read_rows(work / "dev.jsonl")[0]
    scores = reranker.score(row["query"], [*row["pos"], *row["neg"]])
    assert scores.shape == (4,) and np.isfinite(scores).all()


def test_a_line_in_another_edition_is_the_same_line() -> None:
    assert same_line("孤舟蓑笠翁", "孤舟蓑笠翁独钓寒江雪")  # the couplet that holds it
    assert not same_line("孤舟蓑笠翁独钓寒江雪", "孤舟蓑笠翁")  # but half of what was asked for
    assert same_line("半匹红绡一丈绫系向牛头充炭直", "半匹红纱一丈绫系向牛头充炭值")
    assert not same_line("离别自堪悲", "离别正堪悲")  # another poem's
