"""The recipe of the built-in image encoder, run small but whole: every step on a handful of pictures."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from image2poem.encoders import DATA
from image2poem.encoders.onnx import OnnxImageEncoder, read_card
from training.image_tower import FEATURES, SIZE, ImageTower


def run(module: str, *arguments: str | Path) -> str:
    """`python -m module arguments`; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def write_rows(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def test_the_image_encoder_is_trained_exported_and_agrees(tmp_path: Path) -> None:
    work, text = tmp_path, DATA / "text"
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
    head = ("--features", work / "features", "--tags", work / "tags.jsonl", "--text", text)
    printed = run("training.image_encoder", "--photos", photos, *head, "--out", work / "head.pt", "--batch", "8")
    assert "scenes 3: top-1" in printed
    run(
        "training.image_export",
        "--head",
        work / "head.pt",
        "--text",
        text,
        "--data",
        work / "data",
        "--id",
        "x",
    )
    encoder = OnnxImageEncoder(work / "data" / "image")
    assert encoder.space == read_card(text)["id"]
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
