"""Train the built-in reranker: a cross-encoder whose query is read once for all of its verses.

usage: python -m training.reranker --model DIR --train ROWS.jsonl ... --out DIR [--dev ROWS.jsonl] [--steps 1500] ...

--model  a sentence-transformers folder of a BERT: what `training.restore` writes of the built-in text encoder; or what this
         wrote, to go on with other rows
--whole  verses, one a line: a row whose verse is but a clause of some of them has one of these as its verse at times, since
         so people ask, too

Verses look at the query in every layer, the query at itself only (asymmetric attention, arXiv 2312.17649): so it goes
through the network once, whatever the number of verses, where a cross-encoder reads it anew with each. The loss is a
softmax over a query's verse and its hard negatives. The model has seen many of these rows before: tokens of queries are
left out at random, so that it learns from them still.

Checkpoints lie in DIR/checkpoint.pt; the same command goes on.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import BertConfig, BertModel

from image2poem.corpus.convert import fold
from training.rows import Row, read_rows, run
from training.split import clauses

PADDING = 1
LENGTH = 64  # tokens at which texts are cut, as the text encoder does
TOGETHER = 64  # verses that go through the network at once
LEFT_OUT = 0.2  # share of a query's tokens that may be left out
WHOLE = 0.3  # of the rows whose verse is a clause, those that have the whole verse instead
HALVED = 0.3  # of the negatives that are whole verses, those of which a clause is taken

Texts = tuple[torch.Tensor, torch.Tensor]  # ids and mask, int64[n, t]
_BREAKS = re.compile(r"(?<=[，。！？；：、])")


class CrossEncoder(nn.Module):
    """Scores of verses for the queries that they belong to."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert
        size = bert.config.hidden_size
        self.side = nn.Parameter(torch.randn(size) * 0.02)  # added to a verse's tokens: which side they are of
        self.head = nn.Sequential(nn.Linear(2 * size, size), nn.GELU(), nn.Dropout(0.1), nn.Linear(size, 1))

    def forward(self, queries: Texts, verses: Texts) -> torch.Tensor:
        """float32[q, k] of q queries and q * k verses, query i's at i * k and after."""
        said = self.read(queries)
        ids, mask = verses
        owner = torch.arange(len(queries[0])).repeat_interleave(len(ids) // len(queries[0]))
        lengths = mask.sum(1)
        order = lengths.argsort()
        parts = []
        for rows in order.split(TOGETHER):  # verses of like length together: half of the padding is saved
            longest = int(lengths[rows].max())
            its = [(keys[owner[rows]], values[owner[rows]]) for keys, values in said]
            parts.append(self.judge(its, queries[1][owner[rows]], (ids[rows, :longest], mask[rows, :longest])))
        return torch.cat(parts)[order.argsort()].reshape(len(queries[0]), -1)

    def read(self, queries: Texts) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """What verses look at, of each layer: keys and values [q, h, t, d / h]."""
        ids, mask = queries
        hidden, said = self.bert.embeddings(input_ids=ids), []
        for layer in self.bert.encoder.layer:
            attention = layer.attention.self
            said.append((self.split(attention.key(hidden)), self.split(attention.value(hidden))))
            heard = attend(self.split(attention.query(hidden)), *said[-1], mask)
            hidden = after(layer, heard, hidden)
        return said

    def judge(self, said: list[tuple[torch.Tensor, torch.Tensor]], asked: torch.Tensor, verses: Texts) -> torch.Tensor:
        """float32[n] of n verses: `said` by the query of each, `asked` is the mask of these."""
        ids, mask = verses
        hidden = self.bert.embeddings(input_ids=ids) + self.side
        seen = torch.cat([asked, mask], 1)
        for layer, (keys, values) in zip(self.bert.encoder.layer, said, strict=True):
            attention = layer.attention.self
            keys = torch.cat([keys, self.split(attention.key(hidden))], 2)
            values = torch.cat([values, self.split(attention.value(hidden))], 2)
            hidden = after(layer, attend(self.split(attention.query(hidden)), keys, values, seen), hidden)
        return self.judged(hidden, mask)

    def judged(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The score of each verse, float32[n], by its tokens' last layer [n, t, d]: the first one, and the mean."""
        kept = mask[..., None].to(hidden.dtype)
        mean = (hidden * kept).sum(1) / kept.sum(1)
        return self.head(torch.cat([hidden[:, 0], mean], 1))[:, 0]

    def split(self, hidden: torch.Tensor) -> torch.Tensor:
        """[n, t, d] by heads: [n, h, t, d / h]."""
        heads = self.bert.config.num_attention_heads
        return hidden.reshape(hidden.shape[0], -1, heads, hidden.shape[2] // heads).transpose(1, 2)


def attend(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """What heads [n, h, t, d] gather from where `seen` [n, s] is 1: [n, t, h * d]."""
    barrier = (1 - seen[:, None, None].to(queries.dtype)) * -1e4
    gathered = nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=barrier)
    return gathered.transpose(1, 2).reshape(gathered.shape[0], -1, gathered.shape[1] * gathered.shape[3])


def after(layer: nn.Module, gathered: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    """What a layer of BERT makes of what its attention gathered."""
    hidden = layer.attention.output(gathered, hidden)
    return layer.output(layer.intermediate(hidden), hidden)


def padded(texts: list[list[int]]) -> Texts:
    """Token ids as a batch."""
    ids = torch.full((len(texts), max(map(len, texts))), PADDING)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
    return ids, (ids != PADDING).long()


def opened(folder: Path) -> CrossEncoder:
    """The model that this file left in a folder; or a BERT with a head that knows nothing yet."""
    if not (folder / "reranker.pt").is_file():
        return CrossEncoder(BertModel.from_pretrained(folder, add_pooling_layer=False))
    model = CrossEncoder(BertModel(BertConfig.from_pretrained(folder), add_pooling_layer=False))
    model.load_state_dict(torch.load(folder / "reranker.pt"))
    return model


class Batches:
    """Queries, the verse of each and its hard negatives, drawn for ever; texts of like length together."""

    SORTED = 32  # batches' worth of rows that are sorted by length together

    def __init__(
        self, rows: list[Row], tokenizer: Tokenizer, batch: int, negatives: int, seed: int, whole: list[str]
    ) -> None:
        self.rows = [row for row in rows if len(row["neg"]) >= negatives]
        self.tokenizer, self.batch, self.negatives = tokenizer, batch, negatives
        self.draw = random.Random(seed)
        wanted = {fold(row["pos"][0]) for row in self.rows}
        self.holding: dict[str, list[str]] = defaultdict(list)  # clause -> verses that it is a part of
        for verse in whole:
            for clause in clauses(verse):
                if clause in wanted and clause != fold(verse):
                    self.holding[clause].append(verse)

    def __iter__(self) -> Iterator[tuple[Texts, Texts]]:
        while True:
            order = self.draw.sample(range(len(self.rows)), len(self.rows))
            reach = self.batch * self.SORTED
            for start in range(0, len(order), reach):
                near = sorted(order[start : start + reach], key=lambda i: len(self.rows[i]["query"]))
                groups = [near[i : i + self.batch] for i in range(0, len(near), self.batch)]
                for group in self.draw.sample(groups, len(groups)):
                    if len(group) == self.batch:
                        yield self.made([self.rows[i] for i in group])

    def made(self, rows: list[Row]) -> tuple[Texts, Texts]:
        verses = [
            verse
            for row in rows
            for verse in (self.right(row["pos"][0]), *map(self.wrong, self.draw.sample(row["neg"], self.negatives)))
        ]
        return padded([self.thinned(row["query"]) for row in rows]), padded([self.ids(verse) for verse in verses])

    def right(self, verse: str) -> str:
        """The verse, or one that it is a clause of."""
        holding = self.holding.get(fold(verse))
        return self.draw.choice(holding) if holding and self.draw.random() < WHOLE else verse

    def wrong(self, verse: str) -> str:
        """The verse, or a clause of it."""
        parts = [part for part in _BREAKS.split(verse) if len(part) > 4]
        return self.draw.choice(parts) if len(parts) > 1 and self.draw.random() < HALVED else verse

    def ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text).ids[:LENGTH]

    def thinned(self, text: str) -> list[int]:
        """Token ids of a query, some of them left out."""
        ids, share = self.ids(text), self.draw.random() * LEFT_OUT
        return [ids[0], *(i for i in ids[1:-1] if self.draw.random() >= share), ids[-1]]


@torch.no_grad()
def choice(model: CrossEncoder, rows: list[Row], tokenizer: Tokenizer) -> float:
    """Share of the rows whose verse beats its first three negatives."""
    rows = sorted((row for row in rows if len(row["neg"]) >= 3), key=lambda row: len(row["query"]))
    model.eval()
    right = 0
    for start in range(0, len(rows), 32):
        some = rows[start : start + 32]
        queries = padded([tokenizer.encode(row["query"]).ids[:LENGTH] for row in some])
        texts = [verse for row in some for verse in (row["pos"][0], *row["neg"][:3])]
        scores = model(queries, padded([tokenizer.encode(text).ids[:LENGTH] for text in texts]))
        right += int((scores.argmax(1) == 0).sum())
    model.train()
    return right / max(1, len(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--train", type=Path, nargs="+", required=True, help="rows with hard negatives")
    parser.add_argument("--whole", type=Path, nargs="*", default=[], help="verses, one a line")
    parser.add_argument("--dev", type=Path, help="rows with three negatives each, to tell the share of right choices")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500, help="over which the rate falls to 0")
    parser.add_argument("--batch", type=int, default=32, help="queries a step")
    parser.add_argument("--negatives", type=int, default=7, help="hard ones a query brings")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--save-steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: as many as there are")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    tokenizer.no_padding()
    model = opened(args.model)
    bert = model.bert
    new = [model.side, *model.head.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": list(bert.parameters()), "lr": args.rate}, {"params": new, "lr": 1e-3}],
        weight_decay=0.01,
        fused=True,
    )
    warmup = max(1, args.steps // 12)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda i: min(1.0, (i + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * min(i, args.steps) / args.steps)),
    )
    rows = [row for path in args.train for row in read_rows(path)]
    dev = read_rows(args.dev) if args.dev else []
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint, first = args.out / "checkpoint.pt", 0
    kept = {"model": model, "optimizer": optimizer, "schedule": schedule}
    if checkpoint.exists():
        state = torch.load(checkpoint)
        first = state["step"]
        for name, thing in kept.items():
            thing.load_state_dict(state[name])
    whole = [line for path in args.whole for line in path.read_text("utf-8").splitlines() if line.strip()]
    batches = iter(Batches(rows, tokenizer, args.batch, args.negatives, args.seed + first, whole))
    model.train()
    losses, began = [], time.monotonic()
    right = torch.zeros(args.batch, dtype=torch.long)
    for step in range(first + 1, args.steps + 1):
        loss = nn.functional.cross_entropy(model(*next(batches)), right)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        if step % args.save_steps == 0 or step == args.steps:
            told = f", right of four {choice(model, dev, tokenizer):.3f}" if dev else ""
            pace = (time.monotonic() - began) / (step - first)
            print(f"step {step}: loss {np.mean(losses[-args.save_steps :]):.3f}{told}, {pace:.1f} s a step", flush=True)
            state = {"step": step, **{name: thing.state_dict() for name, thing in kept.items()}}
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").rename(checkpoint)
    torch.save(model.state_dict(), args.out / "reranker.pt")
    bert.config.save_pretrained(args.out)
    tokenizer.save(str(args.out / "tokenizer.json"))
    print(f"{args.steps} steps of {args.batch} queries: {args.out}")


if __name__ == "__main__":
    run(main)
