"""Train the built-in reranker: late interaction between the characters of a description and those of a verse.

usage: python -m training.reranker --model DIR --train ROWS.jsonl ... --out DIR [--dev ROWS.jsonl] [--steps 400] ...

--model  a sentence-transformers folder of a BERT: what `training.restore` writes of the built-in text encoder

Each side is encoded by itself. A verse is worth as much of it as the description explains: each of its tokens is matched
with the nearest of the description, and these similarities are averaged with weights that a gate learns (which
characters matter); the other way round likewise, and the cosine of the two means is added (ColBERT, arXiv 2004.12832, with
both directions and weighted tokens). A query is contrasted with the verses of its batch and, again, with its own hard
negatives alone. The model has seen many of these rows before: tokens of queries are left out at random, so that it
learns from them still. Embeddings and the lowest layers stay as they are.

The weights that are kept are an average over the last steps. Checkpoints lie in DIR/checkpoint.pt; the same command goes on.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import BertModel

from image2poem.corpus.convert import fold
from training.rows import Row, read_rows, run

PADDING = 1
LENGTH = 64  # tokens at which texts are cut, as the text encoder does
LEFT_OUT = 0.3  # share of a query's tokens that may be left out
TOGETHER = 48  # texts that go through BERT at once
AVERAGED = 0.99  # decay of the average of the weights

Texts = tuple[torch.Tensor, torch.Tensor]  # ids and mask, int64[n, t]


class LateInteraction(nn.Module):
    """Scores of verses for descriptions, by their tokens."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert
        self.gate = nn.Linear(bert.config.hidden_size, 2)  # how much a token of a query, of a verse, matters
        self.mix = nn.Parameter(torch.tensor([1.0, 0.5, 1.0]))  # verse explained, query explained, means
        self.scale = nn.Parameter(torch.tensor(3.0))  # its exponent: of the scores before the softmax
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def tokens(self, texts: Texts, side: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(tokens [n, t, d] of unit length, their weights [n, t] that sum to 1, mean [n, d] of unit length)."""
        ids, mask = texts
        hidden = self.hidden(ids, mask)
        kept = mask[..., None].to(hidden.dtype)
        weight = self.gate(hidden)[..., side].masked_fill(mask == 0, -1e4).softmax(-1)
        unit = nn.functional.normalize(hidden, dim=-1) * kept
        return unit, weight, nn.functional.normalize(unit.sum(1), dim=-1)

    def hidden(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """BERT's last layer [n, t, d]; texts of like length go through it together, which saves half of the padding."""
        lengths = mask.sum(1)
        order = lengths.argsort()
        parts = [
            nn.functional.pad(
                self.bert(input_ids=ids[rows, :longest], attention_mask=mask[rows, :longest]).last_hidden_state,
                (0, 0, 0, ids.shape[1] - longest),
            )
            for rows in order.split(TOGETHER)
            for longest in [int(lengths[rows].max())]
        ]
        return torch.cat(parts)[order.argsort()]

    def forward(self, queries: Texts, verses: Texts) -> torch.Tensor:
        """Every query with every verse: float32[q, v]."""
        query, query_weight, query_mean = self.tokens(queries, 0)
        verse, verse_weight, verse_mean = self.tokens(verses, 1)
        alike = torch.einsum("qid,vjd->qvij", query, verse)
        alike = alike.masked_fill(queries[1][:, None, :, None] == 0, -1).masked_fill(
            verses[1][None, :, None, :] == 0, -1
        )
        explained = (alike.amax(2) * verse_weight[None]).sum(-1)
        explaining = (alike.amax(3) * query_weight[:, None]).sum(-1)
        parts = torch.stack([explained, explaining, query_mean @ verse_mean.T], -1)
        return (parts * self.mix).sum(-1) * self.scale.exp()


def padded(texts: list[list[int]]) -> Texts:
    """Token ids as a batch."""
    ids = torch.full((len(texts), max(map(len, texts))), PADDING)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
    return ids, (ids != PADDING).long()


class Batches:
    """Groups of a query, its verse and hard negatives, drawn for ever; groups of like length together."""

    SORTED = 24  # batches' worth of rows that are sorted by length together

    def __init__(self, rows: list[Row], tokenizer: Tokenizer, batch: int, negatives: int, seed: int) -> None:
        self.rows = [row for row in rows if len(row["neg"]) >= negatives]
        self.tokenizer, self.batch, self.negatives = tokenizer, batch, negatives
        self.draw = random.Random(seed)

    def __iter__(self) -> Iterator[tuple[Texts, Texts, torch.Tensor]]:
        while True:
            order = self.draw.sample(range(len(self.rows)), len(self.rows))
            reach = self.batch * self.SORTED
            for start in range(0, len(order), reach):
                near = sorted(order[start : start + reach], key=lambda i: len(self.rows[i]["query"]))
                groups = [near[i : i + self.batch] for i in range(0, len(near), self.batch)]
                for group in self.draw.sample(groups, len(groups)):
                    if len(group) == self.batch:
                        yield self.made([self.rows[i] for i in group])

    def made(self, rows: list[Row]) -> tuple[Texts, Texts, torch.Tensor]:
        """(queries, verses, bool[q, v]: pairs that must not count as wrong). Verse i * (1 + negatives) is query i's."""
        verses = [v for row in rows for v in (row["pos"][0], *self.draw.sample(row["neg"], self.negatives))]
        forms = [fold(verse) for verse in verses]
        size = 1 + self.negatives
        same = torch.tensor([[forms[q * size] == form for form in forms] for q in range(len(rows))])
        same[torch.arange(len(rows)), torch.arange(len(rows)) * size] = False
        return padded([self.thinned(row["query"]) for row in rows]), padded([self.ids(v) for v in verses]), same

    def ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text).ids[:LENGTH]

    def thinned(self, text: str) -> list[int]:
        """Token ids of a query, some of them left out."""
        ids, share = self.ids(text), self.draw.random() * LEFT_OUT
        return [ids[0], *(i for i in ids[1:-1] if self.draw.random() >= share), ids[-1]]


def loss_of(scores: torch.Tensor, same: torch.Tensor, size: int) -> torch.Tensor:
    """InfoNCE among all verses of the batch, and among each query's own."""
    queries = torch.arange(len(scores))
    everything = nn.functional.cross_entropy(scores.masked_fill(same, -1e4), queries * size)
    own = scores.gather(1, queries[:, None] * size + torch.arange(size))
    return everything + nn.functional.cross_entropy(own, torch.zeros(len(scores), dtype=torch.long))


@torch.no_grad()
def choice(model: LateInteraction, rows: list[Row], tokenizer: Tokenizer) -> float:
    """Share of the rows whose verse beats its first three negatives."""
    rows = sorted((row for row in rows if len(row["neg"]) >= 3), key=lambda row: len(row["query"]))
    model.eval()
    right = 0
    for start in range(0, len(rows), 32):
        some = rows[start : start + 32]
        queries = padded([tokenizer.encode(row["query"]).ids[:LENGTH] for row in some])
        texts = [v for row in some for v in (row["pos"][0], *row["neg"][:3])]
        scores = model(queries, padded([tokenizer.encode(v).ids[:LENGTH] for v in texts]))
        own = scores.gather(1, torch.arange(len(some))[:, None] * 4 + torch.arange(4))
        right += int((own.argmax(1) == 0).sum())
    model.train()
    return right / max(1, len(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--train", type=Path, nargs="+", required=True, help="rows with hard negatives")
    parser.add_argument("--dev", type=Path, help="rows with three negatives each, to tell the share of right choices")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=400, help="over which the rate falls")
    parser.add_argument(
        "--until", type=int, help="stop there, before the rate has fallen to 0: more steps may only learn rows by heart"
    )
    parser.add_argument("--batch", type=int, default=48, help="queries a step")
    parser.add_argument("--negatives", type=int, default=3, help="hard ones a query brings")
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument(
        "--frozen", type=int, default=2, help="lowest layers that stay as they are, with the embeddings"
    )
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--save-steps", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    tokenizer.no_padding()
    dropout = {"hidden_dropout_prob": args.dropout, "attention_probs_dropout_prob": args.dropout}
    model = LateInteraction(BertModel.from_pretrained(args.model, add_pooling_layer=False, **dropout))
    for part in (model.bert.embeddings, *model.bert.encoder.layer[: args.frozen]):
        part.requires_grad_(False)
    heads = [model.mix, model.scale, *model.gate.parameters()]
    inner = [p for p in model.bert.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": inner, "lr": args.rate, "weight_decay": 0.01}, {"params": heads, "lr": 1e-2, "weight_decay": 0.0}]
    )
    warmup = max(1, args.steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda i: min(1.0, (i + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * min(i, args.steps) / args.steps)),
    )
    averaged = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGED)
    )
    rows = [row for path in args.train for row in read_rows(path)]
    dev = read_rows(args.dev) if args.dev else []
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint, first = args.out / "checkpoint.pt", 0
    kept = {"model": model, "averaged": averaged, "optimizer": optimizer, "schedule": schedule}
    if checkpoint.exists():
        state = torch.load(checkpoint)
        first = state["step"]
        for name, thing in kept.items():
            thing.load_state_dict(state[name])
    batches = iter(Batches(rows, tokenizer, args.batch, args.negatives, args.seed + first))
    model.train()
    losses, began = [], time.monotonic()
    last = min(args.steps, args.until or args.steps)
    for step in range(first + 1, last + 1):
        queries, verses, same = next(batches)
        loss = loss_of(model(queries, verses), same, 1 + args.negatives)
        loss.backward()
        nn.utils.clip_grad_norm_([*inner, *heads], 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        averaged.update_parameters(model)
        losses.append(float(loss.detach()))
        if step % args.save_steps == 0 or step == last:
            told = f", right of four {choice(averaged.module, dev, tokenizer):.3f}" if dev else ""
            pace = (time.monotonic() - began) / (step - first)
            print(f"step {step}: loss {np.mean(losses[-args.save_steps :]):.3f}{told}, {pace:.1f} s a step", flush=True)
            state = {"step": step, **{name: thing.state_dict() for name, thing in kept.items()}}
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").rename(checkpoint)
    torch.save(averaged.module.state_dict(), args.out / "reranker.pt")
    model.bert.config.save_pretrained(args.out)
    tokenizer.save(str(args.out / "tokenizer.json"))
    mix = ", ".join(f"{value:.2f}" for value in averaged.module.mix.tolist())
    print(f"mix {mix}, scale {float(averaged.module.scale.exp()):.1f}: {args.out}")


if __name__ == "__main__":
    run(main)
