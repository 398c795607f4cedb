"""Run the frozen image tower once over every photo, several views each, and keep the features.

usage: python -m training.image_features --photos DIR --out DIR [--views 3] [--threads 1]

DIR of --photos holds NAME.zip and NAME.jsonl ({"file", "captions_zh", "labels", "split"} a line).
Writes NAME.npy, float16[photos, views, FEATURES]; view 0 is the whole photo, the others are random crops
with mirrored sides and a shaken aspect ratio (some of the sets are squashed squares).
"""

from __future__ import annotations

import argparse
import io
import json
import random
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.image_tower import FEATURES, SIZE, ImageTower

SETS = ("bench", "flickr8k", "weather", "flowers", "scenes")


def view(photo: Image.Image, number: int, rng: random.Random) -> Image.Image:
    """View 0: the whole photo squeezed into the square. Others: a random window of it."""
    if number == 0:
        return photo.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    width, height = photo.size
    area, ratio = rng.uniform(0.45, 1.0), rng.uniform(0.7, 1.4)
    w = min(1.0, (area * ratio) ** 0.5)
    h = min(1.0, (area / ratio) ** 0.5)
    x, y = rng.uniform(0, 1 - w), rng.uniform(0, 1 - h)
    window = (x * width, y * height, (x + w) * width, (y + h) * height)
    photo = photo.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=window)
    return photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else photo


def pixels(photos: list[Image.Image]) -> torch.Tensor:
    """float32[n, 3, SIZE, SIZE], 0..255."""
    return torch.from_numpy(np.stack([np.asarray(p, dtype=np.float32) for p in photos])).permute(0, 3, 1, 2)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    tower = ImageTower()
    for name in SETS:
        out = args.out / f"{name}.npy"
        if out.exists():
            continue
        rows = [json.loads(line) for line in (args.photos / f"{name}.jsonl").read_text("utf-8").splitlines()]
        features = np.zeros((len(rows), args.views, FEATURES), np.float16)
        start = time.time()
        with zipfile.ZipFile(args.photos / f"{name}.zip") as archive:
            for i, row in enumerate(rows):
                photo = Image.open(io.BytesIO(archive.read(row["file"]))).convert("RGB")
                rng = random.Random(f"{name}/{row['file']}")
                features[i] = tower(pixels([view(photo, v, rng) for v in range(args.views)])).numpy()
                if i % 500 == 499:
                    print(f"{name} {i + 1}/{len(rows)} {(time.time() - start) / (i + 1) * 1e3:.0f} ms a photo", flush=True)
        np.save(out.with_suffix(".tmp.npy"), features)
        out.with_suffix(".tmp.npy").rename(out)


if __name__ == "__main__":
    main()
