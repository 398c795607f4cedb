"""The recipes of the built-in models, run small but whole: every step on a handful of sentences and pictures."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer

from image2poem.encoders.onnx import OnnxImageEncoder, OnnxTextEncoder
from training import e5
from training.image_tower import FEATURES, SIZE, ImageTower
from training.text_encoder import LAYERS, bert, encode_all, tokens

VERSES = (
    "床前明月光，疑是地上霜。",
    "孤舟蓑笠翁，独钓寒江雪。",
    "白日依山尽，黄河入海流。",
    "千山鸟飞绝，万径人踪灭。",
)
SAID = (
    "床前洒满明亮的月光，好像地上的霜。",
    "孤零零的小船上老翁独自钓鱼。",
    "太阳靠着山落下去。",
    "山上看不到一只鸟。",
)


def run(module: str, *arguments: str | Path) -> str:
    """`python -m module arguments`; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def write_rows(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text encoder trained for a few steps, and exported."""
    folder = tmp_path_factory.mktemp("work")
    write_rows(
        folder / "verse_vernacular_train.jsonl",
        [
            {"verse": v, "vernacular": s, "title": str(i), "author": "某"}
            for i, (v, s) in enumerate(zip(VERSES * 10, SAID * 10, strict=True))
        ],
    )
    write_rows(
        folder / "ccpm_train.jsonl",
        [
            {"vernacular": s, "verse": v, "neg": [w for w in VERSES if w != v]}
            for v, s in zip(VERSES, SAID, strict=True)
        ],
    )
    (folder / "verses.txt").write_text("\n".join([*VERSES, "䕷芜盈手泣斜晖。"]), "utf-8")
    trained = ("--text", folder, "--verses", folder / "verses.txt", "--work", folder / "text", "--batch", "4")
    printed = run("training.text_encoder", *trained, "--minutes", "0.05")
    assert "finished: pool" in printed
    # run again, it takes up the checkpoint instead of beginning anew
    assert "taken up at step" in run("training.text_encoder", *trained, "--minutes", "0.06")
    run("training.text_export", "--work", folder / "text", "--out", folder / "model", "--id", "tiny-test")
    return folder


def test_the_exported_text_encoder_agrees_with_the_trained_one(work: Path) -> None:
    tokenizer = Tokenizer.from_file(str(work / "model" / "tokenizer.json"))
    state = torch.load(work / "text" / "student.pt", weights_only=True)["student"]
    rows = state["bert.embeddings.word_embeddings.weight"].shape[0]
    model = e5.load()
    student = bert(model, LAYERS, np.zeros((rows, model.hidden), np.float32))
    student.load_state_dict(state)
    texts = [*VERSES, *SAID]
    trained = encode_all(student, tokens(tokenizer, texts), model.pad)
    exported = OnnxTextEncoder(work / "model").encode_query(texts)
    assert exported.shape == (8, 384)
    assert ((trained * exported).sum(1) > 0.97).all()  # int8 weights and activations


def test_the_vocabulary_covers_every_character_of_the_verses(work: Path) -> None:
    tokenizer = Tokenizer.from_file(str(work / "model" / "tokenizer.json"))
    unknown = tokenizer.token_to_id("<unk>")
    for verse in [*VERSES, "䕷芜盈手泣斜晖。"]:
        assert unknown not in tokenizer.encode(verse).ids
        assert len(tokenizer.encode(verse).ids) == len(verse) + 3  # one a character, and <s>, ▁, </s>
    assert unknown not in tokenizer.encode("a red boat, 1999").ids


def test_characters_that_the_corpus_gained_later_get_rows_of_their_own(work: Path) -> None:
    verses = work / "later.txt"
    verses.write_text("\n".join([*VERSES, "龘龘飞龙上九天。"]), "utf-8")
    later = work / "later"
    arguments = ("--work", work / "text", "--out", later, "--id", "tiny-later", "--verses", verses)
    assert "1 characters added" in run("training.text_export", *arguments)
    before, after = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (work / "model", later))
    assert before.token_to_id("<unk>") in before.encode("龘").ids
    assert after.encode("龘").ids[2] == before.get_vocab_size()
    assert after.encode(VERSES[0]).ids == before.encode(VERSES[0]).ids
    vectors = [OnnxTextEncoder(folder).encode_document([VERSES[0]])[0] for folder in (work / "model", later)]
    assert float(vectors[0] @ vectors[1]) > 0.99


def test_the_image_encoder_is_trained_exported_and_agrees(work: Path) -> None:
    rng = np.random.default_rng(0)
    photos, names = work / "photos", ("flickr8k", "scenes", "bench")
    photos.mkdir()
    pictures = [Image.fromarray(rng.integers(0, 255, (40, 60, 3), np.uint8)) for _ in range(12)]
    for name in names:
        rows = []
        with zipfile.ZipFile(photos / f"{name}.zip", "w") as archive:
            for i, picture in enumerate(pictures):
                with archive.open(f"{i:05}.jpg", "w") as file:
                    picture.save(file, "JPEG")
                split = "bench" if name == "bench" else "dev" if i < 3 else "train"
                labels = ["river"] if i % 2 else ["mountain"]
                captions = ["江河"] if i % 2 else ["高山"]
                rows.append({"file": f"{i:05}.jpg", "captions_zh": captions, "labels": labels, "split": split})
        write_rows(photos / f"{name}.jsonl", rows)
    tags = [{"set": "scenes", "file": f"{i:05}.jpg", "tags": ["江河"], "caption": "一条江"} for i in range(4, 12)]
    write_rows(work / "tags.jsonl", tags)
    run("training.image_features", "--photos", photos, "--out", work / "features", "--views", "2")
    features = np.load(work / "features" / "scenes.npy")
    assert features.shape == (12, 2, FEATURES) and np.isfinite(features).all()
    head = ("--features", work / "features", "--tags", work / "tags.jsonl", "--text", work / "model")
    printed = run("training.image_encoder", "--photos", photos, *head, "--out", work / "head.pt", "--batch", "8")
    assert "scenes 3: top-1" in printed
    run(
        "training.image_export",
        "--head",
        work / "head.pt",
        "--text",
        work / "model",
        "--data",
        work / "data",
        "--id",
        "x",
    )
    encoder = OnnxImageEncoder(work / "data" / "image")
    assert encoder.space == "tiny-test"
    vectors = encoder.encode_image(pictures)
    assert vectors.shape == (12, 384) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    # what ships, int8 weights and all, must be what was trained
    from training.image_encoder import Head

    saved = torch.load(work / "head.pt", weights_only=True)["head"]
    whole = Head(saved["mean"], saved["deviation"], 384, saved["deep.1.weight"].shape[0], 0.0).eval()
    whole.load_state_dict(saved)
    pixels = torch.from_numpy(
        np.stack([np.asarray(p.resize((SIZE, SIZE), Image.Resampling.BILINEAR)) for p in pictures])
    )
    with torch.no_grad():
        trained = whole(ImageTower()(pixels.permute(0, 3, 1, 2).float())).numpy()
    assert ((trained * vectors).sum(1) > 0.95).all()  # int8 weights, and pictures of noise
