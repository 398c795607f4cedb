"""Let the upper blocks of the image tower learn too, together with a head that was trained on frozen features.

usage: python -m training.image_finetune --photos DIR [DIR ...] --features DIR --tags FILE ... --text FOLDER
       --head FILE.pt --out FILE.pt [--steps 250]

--features  what training.image_features --below wrote
--head      what training.image_encoder wrote: where head and imagery begin
The other arguments are training.image_encoder's. Losses and photos are the same. The blocks below the cut and all batch
norms' means stay as ImageNet left them, so what the lower blocks make of each view is computed once, before. Writes a file
like --head's, the tower's weights in it.
"""

from __future__ import annotations

import math
import random
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from image2poem.encoders import load_text_encoder
from image2poem.sight.lexicon import load_lexicon
from training.image_encoder import ABSENT, Head, Imagery, Lessons, arguments, load_photos, remembering, term_vectors
from training.image_tower import ImageTower

RATES = {"tower": 0.15, "head": 0.5, "moved": 0.3, "scales": 2.0}  # of --rate


class Views:
    """What the lower blocks made of photos, read off the disk when it is asked for."""

    def __init__(self, folder: Path, names: set[str]) -> None:
        self._features = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names}
        self._below = {name: np.load(folder / f"{name}.below.npy", mmap_mode="r") for name in names}

    def of(self, photos: list[dict], rng: random.Random | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """What `ImageTower.top` takes: of the whole photos, or with `rng` of some view of each."""
        places = [(p["set"], p["place"], rng.randrange(self._below[p["set"]].shape[1]) if rng else 0) for p in photos]
        x = torch.from_numpy(np.stack([self._below[name][*at] for name, *at in places])).float()
        features = torch.from_numpy(np.stack([self._features[name][*at] for name, *at in places])).float()
        return x.contiguous(memory_format=torch.channels_last), ImageTower.pooled_below(features)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--features", type=Path, required=True)
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
    photos = load_photos(args.photos, args.tags, args.verses)
    lessons = Lessons(photos, lexicon, remembering(text), args.tagged, args.classes)
    views = Views(args.features, {p["set"] for p in photos})
    saved = torch.load(args.head, weights_only=True)
    head = Head.of(saved["head"], args.dropout)
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
    start = time.time()
    for step in range(args.steps):
        rows = lessons.rows(args.batch, draw)
        seen = views.of([lessons.train[r] for r in rows], rng)
        head.train()
        contrast, seeing = lessons.loss(head(tower.top(*seen)), rows, imagery, temperature, draw)
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
            with torch.no_grad():
                parts.append(head(tower.top(*views.of(some[at : at + 32]))).numpy())
        return np.concatenate(parts)

    usual = [lessons.train[i] for i in lessons.usual]
    vectors = torch.from_numpy(see(random.Random(0).sample(usual, min(len(usual), 1000))))
    lessons.save(args.out, head, imagery, vectors, temperature=temperature.detach(), tower=tower.state_dict())
    lessons.report(see, imagery)


if __name__ == "__main__":
    main()
