"""Train the built-in image encoder: a head on frozen features, into the space of the text encoder.

usage: python -m training.image_encoder --photos DIR [DIR ...] --features DIR --tags FILE --text FOLDER --out FILE.npz

--photos    folders of NAME.jsonl, as for training.image_features
--features  what training.image_features wrote
--tags      photos whose imagery was written down completely: {"set", "file", "tags": [terms], "caption"} a line
--text      model folder of the text encoder
--out       weights of the head and of the imagery scores, for training.image_export

Two losses, added. A photo's vector must find its caption among the batch's, and the other way round; photos of one
class share their captions. And scale * (photo . term) + bias, through a sigmoid, must be the chance that a term is
to be seen: on the tagged photos a missing tag means that it isn't there, on the others (terms their captions
mention) only what is there is known, and absence counts little.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from image2poem.encoders import load_text_encoder
from image2poem.sight.lexicon import Lexicon, load_lexicon

PHRASINGS = ("{}", "一张{}的照片", "照片里有{}", "{}的风景", "眼前是{}", "远处的{}", "美丽的{}", "{}，风光")
ABSENT = 0.05  # weight of what a caption doesn't mention, against what it does


class Head(nn.Module):
    """Features float32[n, f] -> vectors float32[n, d], rows of unit length."""

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor, out: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.deep = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(len(mean), hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, out)
        )
        self.straight = nn.Sequential(nn.Dropout(dropout), nn.Linear(len(mean), out))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        x = ((features - self.mean) / self.deviation).clamp(-6, 6)
        return functional.normalize(self.deep(x) + self.straight(x), dim=-1)


class Imagery(nn.Module):
    """How sure we are to see each term: float32[n, d] -> logits float32[n, t].

    A term begins where its phrases lie in the text space, without what all terms have in common, and may move from
    there where photos say so; terms that no photo shows stay where the words put them.
    """

    def __init__(self, terms: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("start", functional.normalize(terms - terms.mean(0), dim=-1))
        self.moved = nn.Parameter(torch.zeros_like(terms))
        self.scale = nn.Parameter(torch.tensor(8.0))
        self.bias = nn.Parameter(torch.full((len(terms),), -4.0))

    @property
    def terms(self) -> torch.Tensor:
        return self.start + self.moved

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return self.scale * vectors @ self.terms.T + self.bias


def term_vectors(lexicon: Lexicon, encode) -> np.ndarray:
    """float32[t, d]: the mean of what a term's phrases say, of unit length."""
    phrases = [(i, p) for i, term in enumerate(lexicon.terms) for p in (term.term, *term.phrases)]
    vectors = encode([p for _, p in phrases])
    sums = np.zeros((len(lexicon.terms), vectors.shape[1]), np.float32)
    np.add.at(sums, [i for i, _ in phrases], vectors)
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--tags", type=Path, required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--seeing", type=float, default=1.0, help="weight of the imagery loss")
    parser.add_argument("--tagged", type=float, default=3.0, help="how much oftener a tagged photo is drawn")
    parser.add_argument("--classes", type=float, default=0.3, help="weight of what a photo's class says of it")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    draw = np.random.default_rng(0)

    lexicon = load_lexicon()
    number = {term.term: i for i, term in enumerate(lexicon.terms)}
    text = load_text_encoder(args.text)
    encoded: dict[str, np.ndarray] = {}

    def encode(texts: list[str]) -> np.ndarray:
        new = [t for t in dict.fromkeys(texts) if t not in encoded]
        if new:
            encoded.update(zip(new, text.encode_query(new), strict=True))
        return np.stack([encoded[t] for t in texts])

    tagged = {(r["set"], r["file"]): r for r in map(json.loads, args.tags.read_text("utf-8").splitlines())}
    photos = []
    for path in sorted(p for folder in args.photos for p in folder.glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        table = np.load(args.features / f"{path.stem}.npy")
        for row, views in zip(rows, table, strict=True):
            captions = [*row["captions_zh"], *row.get("captions_zh_mt", [])[:2]]
            if not captions:
                continue
            labels = row.get("labels", [])
            is_class = path.stem in ("scenes", "flowers", "weather", "places")
            record = tagged.get((path.stem, row["file"])) if row["split"] != "bench" else None
            photos.append({
                "set": path.stem, "file": row["file"], "split": row["split"], "views": views,
                "class": f"{path.stem}/{labels[0]}" if is_class else f"{path.stem}/{row['file']}",
                "captions": [p.format(c) for c in captions for p in PHRASINGS] if is_class else captions,
                "plain": captions, "tags": record["tags"] if record else None,
                "own": record["caption"] if record else None,
            })  # fmt: skip
    train = [p for p in photos if p["split"] == "train"]
    held = set(random.Random(5).sample(sorted(f"{s}/{f}" for s, f in tagged), len(tagged) // 8))
    seen_dev = [p for p in train if f"{p['set']}/{p['file']}" in held]
    train = [p for p in train if f"{p['set']}/{p['file']}" not in held]
    encode([c for p in train for c in [*p["captions"], *([p["own"]] if p["own"] else [])]])

    known = np.zeros((len(train), len(lexicon.terms)), np.float32)
    sure = np.zeros(len(train), bool)
    for i, p in enumerate(train):
        terms = p["tags"] if p["tags"] is not None else [t for c in p["plain"] for t in lexicon.mentioned(c)]
        sure[i] = p["tags"] is not None
        for t in terms:
            if t in number:
                known[i, number[t]] = 1
                for broader in lexicon.terms[number[t]].implies:
                    known[i, number[broader]] = 1
    coverage = np.array([known[sure, i].any() for i in range(len(lexicon.terms))])  # terms that taggers used
    # a class is known by its tagged photos: how many show a term is the chance that another one does
    weight = np.where(sure[:, None] & coverage, 1.0, np.where(known > 0, 1.0, ABSENT)).astype(np.float32)
    by_class: dict[str, list[int]] = {}
    for i, p in enumerate(train):
        by_class.setdefault(p["class"], []).append(i)
    for members in map(np.array, by_class.values()):
        seen = members[sure[members]]
        if len(seen) >= 8:
            others = members[~sure[members]]
            known[np.ix_(others, coverage)] = (known[seen].sum(0) + 0.1)[coverage] / (len(seen) + 0.5)
            weight[np.ix_(others, coverage)] = args.classes
    print(f"{len(train)} photos, {sure.sum()} tagged, {coverage.sum()} terms tagged, {len(seen_dev)} tagged dev")

    views = torch.from_numpy(np.stack([p["views"] for p in train]))
    whole = views[:, 0].float()
    mean, deviation = whole.mean(0), whole.std(0) + 1e-3
    head = Head(mean, deviation, text.dimension, args.hidden, args.dropout)
    imagery = Imagery(torch.from_numpy(term_vectors(lexicon, encode)))
    temperature = nn.Parameter(torch.tensor(2.7))
    optimizer = torch.optim.AdamW(
        [
            {"params": list(head.parameters()), "weight_decay": 0.1},
            {"params": [imagery.scale, imagery.bias, temperature], "weight_decay": 0.0},
            {"params": [imagery.moved], "weight_decay": 0.1},
        ]
    )
    classes = {c: i for i, c in enumerate(sorted({p["class"] for p in train}))}
    class_of = np.array([classes[p["class"]] for p in train])
    # balanced: a captioned photo, a tagged photo and a class each get their share of a batch
    share = np.where(sure, args.tagged, 1.0) / np.sqrt(np.bincount(class_of)[class_of])
    share /= share.sum()
    steps = max(2, args.epochs * len(train) // args.batch)
    rates = [args.rate, 20 * args.rate, args.rate]  # the scales are few numbers, and have far to go
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps)
    known_t, weight_t = torch.from_numpy(known), torch.from_numpy(weight)
    for step in range(steps):
        rows = draw.choice(len(train), min(args.batch, len(train)), replace=False, p=share)
        view = draw.integers(views.shape[1], size=len(rows))
        x = views[rows, view].float()
        captions = [
            train[r]["own"]
            if train[r]["own"] and draw.random() < 0.5
            else train[r]["captions"][draw.integers(len(train[r]["captions"]))]
            for r in rows
        ]
        head.train()
        vectors = head(x)
        texts = torch.from_numpy(encode(captions))
        scores = vectors @ texts.T * temperature.exp()
        same = torch.tensor([[train[a]["class"] == train[b]["class"] for b in rows] for a in rows]).float()
        same /= same.sum(1, keepdim=True)
        contrast = -((same * scores.log_softmax(1)).sum(1).mean() + (same * scores.T.log_softmax(1)).sum(1).mean()) / 2
        logits, truth = imagery(vectors), known_t[rows]
        seeing = (
            (functional.binary_cross_entropy_with_logits(logits, truth, reduction="none") * weight_t[rows]).sum()
            / len(rows)
            / 8
        )
        loss = contrast + args.seeing * seeing
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 199:
            print(
                f"step {step + 1}/{steps} contrast {contrast.item():.3f} seeing {seeing.item():.3f} scale {imagery.scale.item():.1f}",
                flush=True,
            )

    head.eval()
    with torch.no_grad():
        # the absence of these counted ABSENT only, so their odds came out too high by that
        imagery.bias[~torch.from_numpy(coverage)] += math.log(ABSENT)
        usual = head(whole[torch.from_numpy(sure)])
        chances = imagery(usual).sigmoid()
    torch.save(
        {
            "head": head.state_dict(),
            "imagery": {
                "terms": imagery.terms.detach(),
                "scale": imagery.scale.detach(),
                "bias": imagery.bias.detach(),
            },
            "usual": {"vector": usual.mean(0), "chances": chances.mean(0)},
            "terms": [t.term for t in lexicon.terms],
        },
        args.out,
    )
    with torch.no_grad():
        report(head, imagery, photos, seen_dev, encode, lexicon, number, coverage)


def report(head, imagery, photos, seen_dev, encode, lexicon, number, coverage) -> None:
    """Print what the head finds of the photos it was not trained on."""

    def vectors(some: list[dict]) -> np.ndarray:
        return head(torch.from_numpy(np.stack([p["views"][0] for p in some])).float()).numpy()

    for name, split in (("flickr8k", "dev"), ("bench", "bench")):
        some = [p for p in photos if p["set"] == name and p["split"] == split]
        scores = vectors(some) @ encode([p["plain"][0] for p in some]).T
        own = np.diag(scores)
        there = (scores > own[:, None]).sum(1)
        back = (scores > own[None]).sum(0)
        print(f"{name} {len(some)}: photo -> caption R@1 {(there < 1).mean():.3f} R@10 {(there < 10).mean():.3f}, "
              f"caption -> photo R@1 {(back < 1).mean():.3f} R@10 {(back < 10).mean():.3f}")  # fmt: skip
    some = [p for p in photos if p["set"] == "scenes" and p["split"] == "dev"]
    names = sorted({p["plain"][0] for p in some})
    best = (vectors(some) @ encode(names).T).argmax(1)
    print(
        f"scenes {len(some)}: top-1 {np.mean([names[b] == p['plain'][0] for b, p in zip(best, some, strict=True)]):.3f}"
    )
    logits = imagery(torch.from_numpy(vectors(seen_dev))).numpy()
    truth = np.array([[t.term in p["tags"] for t in lexicon.terms] for p in seen_dev])
    chance = 1 / (1 + np.exp(-logits))
    for threshold in (0.2, 0.35, 0.5):
        said = (chance > threshold) & coverage
        hit = (said & truth).sum()
        print(
            f"tagged dev, seen at {threshold}: precision {hit / max(said.sum(), 1):.3f} recall {hit / truth[:, coverage].sum():.3f}"
        )


if __name__ == "__main__":
    main()
