"""The translator's pipeline, run small but whole: a tiny encoder, sixty made-up pairs, training, going on, evaluation."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import random
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from training.rows import Row, write_rows
from training.translator import END, PAD, START, Translator, chrf, like_lengths, main

THINGS = {"扁舟": "小船", "明月": "月亮", "落英": "花瓣", "寒鸦": "乌鸦", "垂杨": "柳树"}
PLACES = {"江浦": "江边", "层巅": "山顶", "西楼": "西边的楼上", "柴扉": "木门外"}
DOINGS = {"徐行": "慢慢地走", "独宿": "一个人过夜", "长吟": "大声地唱"}
STEPS = 120


def run(*arguments: str | Path | int) -> str:
    """The command, in this process: to import it anew takes longer than the rest; what it printed."""
    printed = io.StringIO()
    command = ["translator", *map(str, arguments)]
    with patch.object(sys, "argv", command), contextlib.redirect_stdout(printed):
        main()
    return printed.getvalue()


def rows() -> list[Row]:
    """Sixty verses, each with what it says."""
    out = []
    for thing, place, doing in itertools.product(THINGS, PLACES, DOINGS):
        said = f"{THINGS[thing]}在{PLACES[place]}{DOINGS[doing]}。"
        out.append({"query": said, "pos": [f"{thing}{place}{doing}。"], "neg": []})
    return out


def fit(folder: Path, steps: int) -> list[dict]:
    """Train, or go on; what was told of it."""
    data = ("--verses", folder / "rows.jsonl", "--prose", folder / "rows.jsonl", "--dev", folder / "rows.jsonl")
    settings = ("--layers", "0,1", "--batch", "12", "--rate", "3e-3", "--encoder-rate", "3e-3", "--warmup", "10")
    told = ("--steps", steps, "--mixed", "10", "--tell", "20", "--save-steps", "60")
    printed = run("train", "--model", folder / "encoder", *data, "--out", folder / "model", *settings, *told)
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rows and a random encoder of two layers."""
    folder = tmp_path_factory.mktemp("translator")
    write_rows(folder / "rows.jsonl", rows())
    pieces = sorted({c for row in rows() for text in (row["query"], *row["pos"]) for c in text})
    names = ["<s>", "<pad>", "</s>", "<unk>", *pieces, "龘"]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    ends = [("<s>", START), ("</s>", END)]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    config = BertConfig(vocab_size=len(names), pad_token_id=PAD, hidden_dropout_prob=0.0, **shape)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder / "encoder")
    tokenizer.save(str(folder / "encoder" / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def told(work: Path) -> list[dict]:
    """What a training told."""
    return fit(work, STEPS)


def test_what_was_learnt_by_heart_is_translated(work: Path, told: list[dict]) -> None:
    assert told[-1]["step"] == STEPS and told[-1]["loss"] < told[0]["loss"] - 1
    assert told[-1]["dev_loss"] < told[2]["dev_loss"] and told[-1]["chrf"] > 90
    translator = Translator.load(work / "model")
    verses = [row["pos"][0] for row in rows()]
    for beams in (1, 2):
        said = translator.translate(verses, beams, batch=16)
        right = sum(one == row["query"] for one, row in zip(said, rows(), strict=True))
        assert right > 0.9 * len(verses)


def test_an_interrupted_training_goes_on(work: Path, told: list[dict]) -> None:
    more = fit(work, STEPS + 20)
    assert [report["step"] for report in more] == [STEPS + 20]  # twenty steps, not a hundred and forty
    assert more[0]["loss"] < told[0]["loss"] - 1


def test_the_decoder_begins_as_layers_of_the_encoder(work: Path) -> None:
    translator = Translator.begin(work / "encoder", [1], ["小船在江边。"])
    model, pieces = translator.model, translator.pieces
    assert pieces[:4] == [0, 1, 2, 3] and len(pieces) == 10
    words = model.encoder.embeddings.word_embeddings.weight[pieces]
    assert torch.equal(model.decoder.bert.embeddings.word_embeddings.weight, words)
    assert torch.equal(model.decoder.cls.predictions.decoder.weight, words)
    taken, given = (m.encoder.layer[i].output.dense.weight for m, i in ((model.decoder.bert, 0), (model.encoder, 1)))
    assert torch.equal(taken, given)
    verse, said = translator.pair({"query": "小船在江边龘", "pos": ["扁舟龘"]})
    assert verse[0] == START and said[-1] == END and said[-2] == 3  # what it can't write is unknown


def test_retrieval_is_measured_with_the_translations(work: Path, told: list[dict]) -> None:
    (work / "pool.txt").write_text("孤舟蓑笠翁。\n\n大漠孤烟直。\n", "utf-8")
    printed = run("evaluate", work / "rows.jsonl", "--model", work / "model", "--pool", work / "pool.txt", "--limit", 1)
    assert "60 queries, 61 verses translated" in printed and "chrF" in printed
    added = [f"{of}' {kind}" for of in ("translations", "verses") for kind in ("vectors", "characters")]
    for system in ("builtin + 0.35 characters", *(f"{name} alone" for name in added), *(f"+ 0.5 {a}" for a in added)):
        assert printed.count(f"\n| {system} |") == 2, system  # in both tables
    first = printed[printed.index("NDCG@1") : printed.index("< 0.4")]
    alone = next(line for line in first.splitlines() if line.startswith("| translations' characters alone"))
    assert float(alone.split("|")[8]) > 0.8  # R@1: what was learnt by heart is found by its own words


def test_chrf_is_that_of_the_paper() -> None:
    assert chrf(["江上小船"], ["江上小船"]) == pytest.approx(100)
    assert chrf(["江 上，小船"], ["江上,小 船"]) == pytest.approx(100)  # spaces and the width of a comma don't count
    assert chrf(["明月"], ["江上小船"]) == 0.0
    # 1-grams: 2 of 2 written, 2 of 3 wanted; 2-grams: 1 of 1, 1 of 2. P = 1, R = (2/3 + 1/2) / 2 = 7/12
    assert chrf(["江上"], ["江上船"]) == pytest.approx(100 * 5 * (7 / 12) / (4 + 7 / 12))
    # 1-grams over both texts: 3 of 4, 3 of 4; 2-grams: 1 of 2, 1 of 2. P = R = 5/8, and so is F
    assert chrf(["江上", "明月"], ["江上", "月光"]) == pytest.approx(62.5)


def test_a_batch_is_of_like_lengths_and_an_epoch_of_all_pairs() -> None:
    pairs = [([i], [0] * (1 + i % 20)) for i in range(100)]
    batches = like_lengths(pairs, 10, random.Random(0))
    for _ in range(2):
        epoch = [next(batches) for _ in range(10)]
        assert sorted(verse[0] for batch in epoch for verse, _ in batch) == list(range(100))
        assert all(max(len(s) for _, s in b) - min(len(s) for _, s in b) <= 3 for b in epoch)
