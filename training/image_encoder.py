"""Train the built-in image encoder: a head on frozen features, into the space of the text encoder.

usage: python -m training.image_encoder --photos DIR [DIR ...] --features DIR --tags FILE ... --text FOLDER --out FILE.pt

--photos    folders of NAME.jsonl, as for training.image_features
--features  what training.image_features wrote
--tags      photos whose imagery was written down: {"set", "file", "tags": [terms], "caption"} a line. Whoever wrote a
            file knew the terms that stand anywhere in it, and left out what isn't there. Those of the set `drawn`
            (training.image_drawn) are only trained on
--verses    verses that say what tagged photos show, as training.image_verses writes them
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
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from image2poem.encoders import TextEncoder, load_text_encoder
from image2poem.sight.lexicon import Lexicon, load_lexicon
from training.image_tower import NAMED, POOLED

PHRASINGS = ("{}", "一张{}的照片", "照片里有{}", "{}的风景", "眼前是{}", "远处的{}", "美丽的{}", "{}，风光")
Encode = Callable[[list[str]], NDArray[np.float32]]
VERSES = 0.3  # how often a photo is shown a verse instead of a caption, where it has one
PULL = 0.4  # how far a term that the tower is sure of pulls a vector of length 1, before training
LATER = ("far",)  # sets whose held-back photos are told by their names
ABSENT = 0.05  # weight of what a caption doesn't mention, against what it does


class Head(nn.Module):
    """Features float32[n, POOLED + t] -> vectors float32[n, d], rows of unit length.

    What the tower has names for pulls the vector towards the vectors of these terms, by its `pull` where it is sure: so
    animals and things that hardly any photo here shows are seen all the same.
    """

    def __init__(
        self, mean: torch.Tensor, deviation: torch.Tensor, named: torch.Tensor, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.register_buffer("named", named)
        self.pull = nn.Parameter(torch.full((len(named),), PULL))
        out = named.shape[1]
        self.deep = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(len(mean), hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, out)
        )
        self.straight = nn.Sequential(nn.Dropout(dropout), nn.Linear(len(mean), out))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        pooled, chances = features.split([len(self.mean), len(self.named)], dim=1)
        x = ((pooled - self.mean) / self.deviation).clamp(-6, 6)
        seen = functional.normalize(self.deep(x) + self.straight(x), dim=-1)
        return functional.normalize(seen + (self.pull * chances) @ self.named, dim=-1)

    @classmethod
    def of(cls, weights: dict[str, torch.Tensor], dropout: float = 0.0) -> Head:
        """The head whose state these weights are."""
        hidden = weights["deep.1.weight"].shape[0]
        head = cls(weights["mean"], weights["deviation"], weights["named"], hidden, dropout)
        head.load_state_dict(weights)
        return head


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


def term_vectors(lexicon: Lexicon, encode: Encode) -> NDArray[np.float32]:
    """float32[t, d]: the mean of what a term's phrases say, of unit length."""
    phrases = [(i, p) for i, term in enumerate(lexicon.terms) for p in (term.term, *term.phrases)]
    vectors = encode([p for _, p in phrases])
    sums = np.zeros((len(lexicon.terms), vectors.shape[1]), np.float32)
    np.add.at(sums, [i for i, _ in phrases], vectors)
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def shown(lexicon: Lexicon, terms: list[str]) -> NDArray[np.float32]:
    """What a photo shows that was tagged with these terms, and what they imply: float32[t], 0 or 1."""
    row = np.zeros(len(lexicon.terms), np.float32)
    numbers = [lexicon.number[t] for t in terms if t in lexicon.number]
    row[numbers] = 1
    row[[lexicon.number[broader] for i in numbers for broader in lexicon.terms[i].implies]] = 1
    return row


def name_of(photo: dict) -> str:
    """What a photo is called among all sets."""
    return f"{photo['set']}/{photo['file']}"


def held_back(photos: list[dict]) -> set[str]:
    """An eighth of the tagged photos, which is never trained on; not those drawn upon, which are not as photos are.

    Of the sets that were tagged first, drawn by lot among all their photos; of later ones by name, so that it stays the
    same whatever is added.
    """
    tagged = [(p["set"], name_of(p)) for p in photos if p["tags"] is not None and p["set"] != "drawn"]
    first = sorted(name for of, name in tagged if of not in LATER)
    later = {name for of, name in tagged if of in LATER and zlib.crc32(name.encode()) % 8 == 0}
    return later.union(random.Random(5).sample(first, len(first) // 8))


def told(lexicon: Lexicon, photos: list[dict]) -> NDArray[np.float32]:
    """How often people tell of what they see: of the photos tagged with a term, the share whose caption has it, float32[t]."""
    tagged, said = np.zeros((2, len(lexicon.terms)), np.float32)
    for photo in photos:
        if photo["tags"] is not None and photo["set"] != "drawn":
            there = shown(lexicon, photo["tags"])
            tagged += there
            said += there * shown(lexicon, list(lexicon.mentioned(photo["own"])))
    return (said + 1) / (tagged + 2)


class Lessons:
    """The photos to learn from, and what is known of each.

    photos: all, of every split: {"set", "file", "split", "class", "captions", "plain", "tags", "list", "own", "verses"}
    train, seen_dev: those to train on, and tagged ones held back
    known, weight: float32[train, t], the chance that a term is to be seen, and how much that counts
    usual: numbers of the tagged photos in train, without those drawn upon
    """

    def __init__(self, photos: list[dict], lexicon: Lexicon, encode: Encode, tagged: float, classes: float) -> None:
        self.photos, self.lexicon, self.encode = photos, lexicon, encode
        held = held_back(photos)
        train = [p for p in photos if p["split"] == "train"]
        self.seen_dev = [p for p in train if name_of(p) in held]
        self.train = train = [p for p in train if name_of(p) not in held]
        encode([c for p in train for c in [*p["captions"], *p["verses"], *([p["own"]] if p["own"] else [])]])

        known = np.zeros((len(train), len(lexicon.terms)), np.float32)
        self.sure = sure = np.zeros(len(train), bool)
        for i, p in enumerate(train):
            terms = p["tags"] if p["tags"] is not None else [t for c in p["plain"] for t in lexicon.mentioned(c)]
            sure[i] = p["tags"] is not None
            known[i] = shown(lexicon, terms)
        # terms that each list's taggers used, and so would have written down
        lists = {p["list"] for p in train if p["tags"] is not None}
        self.used = {name: known[[i for i, p in enumerate(train) if p["list"] == name]].any(0) for name in lists}
        asked = np.stack([self.used[p["list"]] if p["list"] else np.zeros(len(lexicon.terms), bool) for p in train])
        self.coverage = coverage = asked.any(0)
        self.usual = [i for i, p in enumerate(train) if sure[i] and p["set"] != "drawn"]
        # a class is known by its tagged photos: how many show a term is the chance that another one does
        weight = np.where(asked | (known > 0), 1.0, ABSENT).astype(np.float32)
        by_class: dict[str, list[int]] = {}
        for i, p in enumerate(train):
            by_class.setdefault(p["class"], []).append(i)
        for members in map(np.array, by_class.values()):
            seen, others = members[sure[members]], members[~sure[members]]
            answers = asked[seen].sum(0)
            enough = answers >= 8
            rate = ((known[seen] * asked[seen]).sum(0) + 0.1) / (answers + 0.5)
            known[np.ix_(others, enough)] = rate[enough]
            weight[np.ix_(others, enough)] = classes
        self.known, self.weight = torch.from_numpy(known), torch.from_numpy(weight)
        numbers = {c: i for i, c in enumerate(sorted(by_class))}
        self.class_of = np.array([numbers[p["class"]] for p in train])
        # balanced: a captioned photo, a tagged photo and a class each get their share of a batch
        share = np.where(sure, tagged, 1.0) / np.sqrt(np.bincount(self.class_of)[self.class_of])
        self.share = share / share.sum()
        print(
            f"{len(train)} photos, {sure.sum()} tagged, {coverage.sum()} terms tagged, {len(self.seen_dev)} held back"
        )

    def rows(self, count: int, draw: np.random.Generator) -> NDArray[np.int64]:
        """Numbers of photos for a batch."""
        return draw.choice(len(self.train), min(count, len(self.train)), replace=False, p=self.share)

    def loss(
        self,
        vectors: torch.Tensor,
        rows: NDArray[np.int64],
        imagery: Imagery,
        temperature: torch.Tensor,
        draw: np.random.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(how badly photos and captions find each other, how badly the terms are read off the photos)."""
        captions = []
        for p in (self.train[r] for r in rows):
            told = p["captions"]
            if p["own"] and draw.random() < 0.5:
                told = [p["own"]]
            if p["verses"] and draw.random() < VERSES:
                told = p["verses"]
            captions.append(told[draw.integers(len(told))])
        scores = vectors @ torch.from_numpy(self.encode(captions)).T * temperature.exp()
        of = torch.from_numpy(self.class_of[rows])
        same = (of[:, None] == of[None]).float()
        same /= same.sum(1, keepdim=True)
        contrast = -((same * scores.log_softmax(1)).sum(1).mean() + (same * scores.T.log_softmax(1)).sum(1).mean()) / 2
        wrong = functional.binary_cross_entropy_with_logits(imagery(vectors), self.known[rows], reduction="none")
        return contrast, (wrong * self.weight[rows]).sum() / len(rows) / 8

    def save(self, path: Path, head: Head, imagery: Imagery, vectors: torch.Tensor, **more: object) -> None:
        """Write what training.image_export needs; `vectors` are those of tagged photos as they are."""
        with torch.no_grad():
            # the absence of these counted ABSENT only, so their odds came out too high by that
            bias = imagery.bias + torch.where(torch.from_numpy(self.coverage), 0.0, math.log(ABSENT))
            logits = imagery(vectors) - imagery.bias + bias
        torch.save(
            {
                "head": head.state_dict(),
                "imagery": {"terms": imagery.terms.detach(), "scale": imagery.scale.detach(), "bias": bias},
                "usual": {"vector": vectors.mean(0), "chances": logits.sigmoid().mean(0)},
                "told": torch.from_numpy(told(self.lexicon, self.train)),
                "terms": [t.term for t in self.lexicon.terms],
                **more,
            },
            path,
        )

    def report(self, see: Callable[[list[dict]], NDArray[np.float32]], imagery: Imagery) -> None:
        """Print what is found of photos that were not trained on; `see` gives their vectors."""
        for name, split in (("flickr8k", "dev"), ("bench", "bench")):
            some = [p for p in self.photos if p["set"] == name and p["split"] == split]
            scores = see(some) @ self.encode([p["plain"][0] for p in some]).T
            own = np.diag(scores)
            there = (scores > own[:, None]).sum(1)
            back = (scores > own[None]).sum(0)
            print(f"{name} {len(some)}: photo -> caption R@1 {(there < 1).mean():.3f} R@10 {(there < 10).mean():.3f}, "
                  f"caption -> photo R@1 {(back < 1).mean():.3f} R@10 {(back < 10).mean():.3f}")  # fmt: skip
        some = [p for p in self.photos if p["set"] == "scenes" and p["split"] == "dev"]
        names = sorted({p["plain"][0] for p in some})
        best = (see(some) @ self.encode(names).T).argmax(1)
        right = [names[b] == p["plain"][0] for b, p in zip(best, some, strict=True)]
        print(f"scenes {len(some)}: top-1 {np.mean(right):.3f}")
        with torch.no_grad():
            chance = imagery(torch.from_numpy(see(self.seen_dev))).sigmoid().numpy()
        asked = np.stack([self.used[p["list"]] for p in self.seen_dev])
        truth = np.stack([shown(self.lexicon, p["tags"]) for p in self.seen_dev]).astype(bool) & asked
        for threshold in (0.2, 0.35, 0.5):
            said = (chance > threshold) & asked
            hit = (said & truth).sum()
            print(f"tagged dev {len(truth)}, seen at {threshold}: precision {hit / max(said.sum(), 1):.3f} "
                  f"recall {hit / truth.sum():.3f}")  # fmt: skip


def load_photos(folders: list[Path], tag_files: list[Path], verse_file: Path | None = None) -> list[dict]:
    """All photos that something is known of, and at which place of their set each stands."""
    lines = verse_file.read_text("utf-8").splitlines() if verse_file else []
    verses = {(r["set"], r["file"]): r["verses"] for r in map(json.loads, lines)}
    read = [(path.name, json.loads(line)) for path in tag_files for line in path.read_text("utf-8").splitlines()]
    tagged = {(r["set"], r["file"]): {**r, "list": name} for name, r in read}
    photos = []
    for path in sorted(p for folder in folders for p in folder.glob("*.jsonl")):
        for place, row in enumerate(map(json.loads, path.read_text("utf-8").splitlines())):
            record = tagged.get((path.stem, row["file"])) if row["split"] != "bench" else None
            captions = [*row["captions_zh"], *row.get("captions_zh_mt", [])[:2]]
            if not captions and record:
                captions = [record["caption"]]
            if not captions:
                continue
            labels = row.get("labels", [])
            is_class = path.stem in ("scenes", "flowers", "weather", "places")
            photos.append({
                "set": path.stem, "file": row["file"], "place": place, "split": row["split"], "path": path,
                "class": f"{path.stem}/{labels[0]}" if is_class else f"{path.stem}/{row['file']}",
                "captions": [p.format(c) for c in captions for p in PHRASINGS] if is_class else captions,
                "plain": captions, "tags": record["tags"] if record else None, "list": record["list"] if record else None,
                "own": record["caption"] if record else None, "verses": verses.get((path.stem, row["file"]), []),
            })  # fmt: skip
    return photos


def remembering(text: TextEncoder) -> Encode:
    """`encode_query`, every text encoded once."""
    encoded: dict[str, np.ndarray] = {}

    def encode(texts: list[str]) -> np.ndarray:
        new = [t for t in dict.fromkeys(texts) if t not in encoded]
        if new:
            encoded.update(zip(new, text.encode_query(new), strict=True))
        return np.stack([encoded[t] for t in texts])

    return encode


def arguments(about: str) -> argparse.ArgumentParser:
    """What both commands of the image encoder are told."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--tags", type=Path, nargs="+", required=True)
    parser.add_argument("--verses", type=Path)
    parser.add_argument("--text", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeing", type=float, default=1.0, help="weight of the imagery loss")
    parser.add_argument("--tagged", type=float, default=3.0, help="how much oftener a tagged photo is drawn")
    parser.add_argument("--classes", type=float, default=0.3, help="weight of what a photo's class says of it")
    parser.add_argument("--threads", type=int, default=2)
    return parser


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--dropout", type=float, default=0.5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    lexicon, text = load_lexicon(), load_text_encoder(args.text)
    photos = load_photos(args.photos, args.tags, args.verses)
    tables = {name: np.load(args.features / f"{name}.npy", mmap_mode="r") for name in {p["set"] for p in photos}}
    lessons = Lessons(photos, lexicon, remembering(text), args.tagged, args.classes)
    views = torch.from_numpy(np.stack([tables[p["set"]][p["place"]] for p in lessons.train]))
    whole = views[:, 0].float()
    pooled = whole[:, :POOLED]
    imagery = Imagery(torch.from_numpy(term_vectors(lexicon, lessons.encode)))
    named = imagery.start[[lexicon.number[term] for term in NAMED]]
    head = Head(pooled.mean(0), pooled.std(0) + 1e-3, named, args.hidden, args.dropout)
    temperature = nn.Parameter(torch.tensor(2.7))
    optimizer = torch.optim.AdamW(
        [
            {"params": list(head.parameters()), "weight_decay": 0.1},
            {"params": [imagery.scale, imagery.bias, temperature], "weight_decay": 0.0},
            {"params": [imagery.moved], "weight_decay": 0.1},
        ]
    )
    steps = max(2, args.epochs * len(lessons.train) // args.batch)
    rates = [args.rate, 20 * args.rate, args.rate]  # the scales are few numbers, and have far to go
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps)
    for step in range(steps):
        rows = lessons.rows(args.batch, draw)
        view = draw.integers(views.shape[1], size=len(rows))
        head.train()
        contrast, seeing = lessons.loss(head(views[rows, view].float()), rows, imagery, temperature, draw)
        loss = contrast + args.seeing * seeing
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            print(f"step {step + 1}/{steps} contrast {contrast:.3f} seeing {seeing:.3f}", flush=True)
    head.eval()
    with torch.no_grad():
        usual = head(whole[lessons.usual])

    def see(some: list[dict]) -> NDArray[np.float32]:
        with torch.no_grad():
            features = np.stack([tables[p["set"]][p["place"], 0] for p in some])
            return head(torch.from_numpy(features).float()).numpy()

    lessons.save(args.out, head, imagery, usual, temperature=temperature.detach())
    lessons.report(see, imagery)


if __name__ == "__main__":
    main()
