"""Glosses learnt from pairs that are made up here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from image2poem.index.glosses import load_glosses
from training import glosses
from training.glosses import NONE, learnt, vocabulary

MEANING = {"犬": "狗", "衾": "被", "蟾": "月", "足": "脚", "目": "眼"}
PAIRS = [(a + b, "的" + MEANING[b] + MEANING[a]) for a in MEANING for b in MEANING if a != b]


def test_each_character_means_what_always_stands_beside_it() -> None:
    sources = {NONE: 0} | {c: i + 1 for c, i in vocabulary((verse for verse, _ in PAIRS), 1).items()}
    targets = vocabulary((said for _, said in PAIRS), 1)
    chances = learnt(PAIRS, sources, targets, rounds=20).numpy()
    assert np.allclose(chances.sum(1), 1, atol=1e-5)
    for character, everyday in MEANING.items():
        assert chances[sources[character]].argmax() == targets[everyday]
        assert chances[sources[character], targets[everyday]] > 0.8
    assert chances[sources[NONE]].argmax() == targets["的"]


def test_the_command_leaves_what_the_search_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"query": said + "。", "pos": [verse + "。"], "neg": []} for verse, said in PAIRS]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    (tmp_path / "prose").mkdir()
    (tmp_path / "prose" / "bitext.txt").write_text("古文：犬吠于门。\n现代文：狗在门口叫。\n" * 3, "utf-8")
    argv = [str(tmp_path / "rows.jsonl"), "--prose", str(tmp_path / "prose"), "--out", str(tmp_path / "made")]
    monkeypatch.setattr("sys.argv", ["glosses", *argv, "--rounds", "9", "--likelier", "2"])
    glosses.main()
    assert "1 pairs of prose, 20 of verse" in capsys.readouterr().out
    (sense,) = load_glosses(tmp_path / "made").senses("狗")
    assert chr(sense.codes[sense.gains.argmax()]) == "犬"
