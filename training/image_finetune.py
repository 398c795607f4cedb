"""Let the upper blocks of the image tower learn too, together with a head that was trained on frozen features.

usage: python -m training.image_finetune --photos DIR [DIR ...] --tags FILE ... --text FOLDER --head FILE.pt --out FILE.pt

--head  what training.image_encoder wrote: where head and imagery begin
The other arguments are training.image_encoder's. Losses and photos are the same; each photo is looked at anew in every
batch, a random window of it, mirrored or not, lighter or darker. The blocks below the cut and all batch norms' means
stay as ImageNet left them. Writes a file like --head's, the tower's weights in it.
"""

from __future__ import annotations

import io
import math
import random
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from image2poem.encoders import load_text_encoder
from image2poem.sight.lexicon import load_lexicon
from training.image_encoder import ABSENT, Head, Imagery, Lessons, arguments, load_photos, remembering, term_vectors
from training.image_features import pixels, view
from training.image_tower import ImageTower

RATES = {"tower": 0.15, "head": 0.5, "moved": 0.3, "scales": 2.0}  # of --rate


class Album:
    """Photos out of their archives, each of which is opened once."""

    def __init__(self) -> None:
        self._archives: dict[Path, zipfile.ZipFile] = {}

    def open(self, photo: dict) -> Image.Image:
        """A photo as it is."""
        path = photo["path"].with_suffix(".zip")
        if path not in self._archives:
            self._archives[path] = zipfile.ZipFile(path)
        return Image.open(io.BytesIO(self._archives[path].read(photo["file"]))).convert("RGB")


def shaken(photo: Image.Image, rng: random.Random) -> NDArray[np.float32]:
    """float32[3, SIZE, SIZE], 0..255: a window of the photo, the whole of it once in four times, its light changed."""
    square = np.asarray(view(photo, rng.randrange(4), rng), np.float32)
    grey = square.mean(2, keepdims=True)
    square = grey + (square - grey) * rng.uniform(0.7, 1.2)
    return np.clip((square - 128) * rng.uniform(0.85, 1.15) + 128 * rng.uniform(0.85, 1.1), 0, 255).transpose(2, 0, 1)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--head", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.4)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    draw, rng = np.random.default_rng(0), random.Random(0)
    lexicon, text = load_lexicon(), load_text_encoder(args.text)
    lessons = Lessons(
        load_photos(args.photos, args.tags, args.verses), lexicon, remembering(text), args.tagged, args.classes
    )
    saved = torch.load(args.head, weights_only=True)
    weights = saved["head"]
    hidden = weights["deep.1.weight"].shape[0]
    head = Head(weights["mean"], weights["deviation"], text.dimension, hidden, args.dropout)
    head.load_state_dict(weights)
    imagery = Imagery(torch.from_numpy(term_vectors(lexicon, lessons.encode)))
    with torch.no_grad():
        imagery.moved += saved["imagery"]["terms"] - imagery.start
        imagery.scale.copy_(saved["imagery"]["scale"])
        absent = torch.from_numpy(lessons.coverage).logical_not() * math.log(ABSENT)
        imagery.bias.copy_(saved["imagery"]["bias"] - absent)
    temperature = nn.Parameter(saved["temperature"])
    tower = ImageTower().to(memory_format=torch.channels_last)
    for parameter in tower.parameters():
        parameter.requires_grad_(False)
    for parameter in tower.learning():
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(
        [
            {"params": tower.learning(), "weight_decay": 1e-4},
            {"params": list(head.parameters()), "weight_decay": 0.1},
            {"params": [imagery.moved], "weight_decay": 0.1},
            {"params": [imagery.scale, imagery.bias, temperature], "weight_decay": 0.0},
        ]
    )
    rates = [args.rate * RATES[part] for part in ("tower", "head", "moved", "scales")]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=args.steps, pct_start=0.15)
    album, start = Album(), time.time()
    for step in range(args.steps):
        rows = lessons.rows(args.batch, draw)
        x = torch.from_numpy(np.stack([shaken(album.open(lessons.train[r]), rng) for r in rows]))
        with torch.no_grad():
            below = tower.bottom(x.contiguous(memory_format=torch.channels_last))
        head.train()
        contrast, seeing = lessons.loss(head(tower.top(*below)), rows, imagery, temperature, draw)
        loss = contrast + args.seeing * seeing
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 10 == 9 or step == 0:
            pace = (time.time() - start) / (step + 1)
            print(f"step {step + 1}/{args.steps} contrast {contrast:.3f} seeing {seeing:.3f} {pace:.1f} s", flush=True)
    head.eval()

    def see(some: list[dict]) -> NDArray[np.float32]:
        parts = []
        for at in range(0, len(some), 32):
            whole = [view(album.open(p), 0, rng) for p in some[at : at + 32]]
            with torch.no_grad():
                x = torch.from_numpy(pixels(whole)).contiguous(memory_format=torch.channels_last)
                parts.append(head(tower(x)).numpy())
        return np.concatenate(parts)

    usual = [lessons.train[i] for i in lessons.usual]
    vectors = torch.from_numpy(see(random.Random(0).sample(usual, min(len(usual), 1000))))
    lessons.save(args.out, head, imagery, vectors, temperature=temperature.detach(), tower=tower.state_dict())
    lessons.report(see, imagery)


if __name__ == "__main__":
    main()
