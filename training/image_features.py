"""Run the frozen image tower once over every photo, several views each, and keep the features.

usage: python -m training.image_features --photos DIR [DIR ...] --out DIR [--views 3] [--threads 1] [--below | --tower FOLDER]

Each DIR of --photos holds sets: NAME.zip and NAME.jsonl ({"file", "captions_zh", "labels", "split"} a line).
Writes NAME.npy, float16[photos, views, FEATURES]; view 0 is the whole photo, the others are random crops
with mirrored sides and a shaken aspect ratio (some of the sets are squashed squares). With --below also
NAME.below.npy, float16[photos, views, *BELOW], 70 kB a view: what training.image_finetune starts from.
--tower takes the tower of a model folder, which has learnt from photos already, in place of ImageNet's.
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
import onnx
import onnxruntime
from PIL import Image

from training.image_tower import BELOW, FEATURES, SIZE, Seen, export, shipped


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


def pixels(photos: list[Image.Image]) -> np.ndarray:
    """float32[n, 3, SIZE, SIZE], 0..255."""
    return np.stack([np.asarray(p, dtype=np.float32).transpose(2, 0, 1) for p in photos])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--below", action="store_true")
    parser.add_argument("--tower", type=Path, help="a model folder, as src/image2poem/data/image")
    args = parser.parse_args()
    if args.below and args.tower:
        parser.error("--below goes with ImageNet's tower alone; leave out --tower")
    args.out.mkdir(parents=True, exist_ok=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    # three times as fast as torch on a CPU
    path = args.out / "tower.onnx"
    if args.tower:
        onnx.save(shipped(args.tower), path)
    else:
        export(Seen(), path, ("features", "below"))
    tower, wanted = onnxruntime.InferenceSession(path, options), ["features", "below"][: 1 + args.below]
    for archive_file in sorted(file for folder in args.photos for file in folder.glob("*.zip")):
        name = archive_file.stem
        out = args.out / f"{name}.npy"
        if out.exists() and (not args.below or out.with_suffix(".below.npy").exists()):
            continue
        rows = [json.loads(line) for line in archive_file.with_suffix(".jsonl").read_text("utf-8").splitlines()]
        shape = (len(rows), args.views)
        features = np.zeros((*shape, FEATURES), np.float16)
        if args.below:
            below = np.lib.format.open_memmap(out.with_suffix(".below.npy"), "w+", np.float16, (*shape, *BELOW))
        start = time.time()
        with zipfile.ZipFile(archive_file) as archive:
            for i, row in enumerate(rows):
                photo = Image.open(io.BytesIO(archive.read(row["file"]))).convert("RGB")
                rng = random.Random(f"{name}/{row['file']}")
                views = pixels([view(photo, v, rng) for v in range(args.views)])
                features[i], *more = tower.run(wanted, {"pixels": views})
                if more:
                    (below[i],) = more
                if i % 500 == 499:
                    print(
                        f"{name} {i + 1}/{len(rows)} {(time.time() - start) / (i + 1) * 1e3:.0f} ms a photo", flush=True
                    )
        np.save(out.with_suffix(".tmp.npy"), features)
        out.with_suffix(".tmp.npy").rename(out)


if __name__ == "__main__":
    main()
