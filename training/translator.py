"""What a verse says, in everyday Chinese: a small encoder-decoder, trained on pairs, and whether search gains by it.

usage: python -m training.translator train --model DIR --verses ROWS.jsonl --dev ROWS.jsonl --out DIR [--prose ROWS.jsonl]
       python -m training.translator evaluate ROWS.jsonl --model DIR --pool FILE [--limit 20000]

--model   to train: a sentence-transformers folder of our text encoder, whose BERT reads the verse; to evaluate: --out
--verses  rows {"query": vernacular, "pos": [verse]}; --prose the same of prose (`training.extra --prose`): the first
          --mixed steps take half of their rows from there

The decoder is some of the encoder's layers with new cross-attention, transformers' EncoderDecoderModel. It writes only
pieces that stand in the translations of --verses, a third of the vocabulary: its embeddings are those rows of the
encoder's, and its output layer too. Run the same command again to go on from the last checkpoint, DIR/checkpoint.pt.

`evaluate` translates the pool of `training.evaluate`, tells chrF on the rows' own verses, and adds to an encoder's scores
those of the translations, as vectors and as characters, in several weights; beside them, as much more of the verses' own
vectors or characters, for what another weight alone would do.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import math
import random
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import BertLMHeadModel, BertModel, EncoderDecoderModel

from image2poem.encoders import load_text_encoder
from training.evaluate import Scores, Task, characters, dense, measure, mixed, tables
from training.mine import encode
from training.rows import Row, read_rows, run

START, PAD, END, UNKNOWN = range(4)  # as our tokenizer numbers them, and the decoder too
LONGEST = 64  # tokens
SMOOTHING = 0.1
CLIP = 1.0
ORDERS, BETA = 6, 2.0  # of chrF
WEIGHTS = (0.1, 0.2, 0.3, 0.5, 1.0)

Pair = tuple[list[int], list[int]]  # tokens of a verse, the decoder's tokens of its translation


class Translator:
    """An encoder-decoder, the tokenizer of its encoder, and which of its pieces the decoder writes."""

    def __init__(self, model: EncoderDecoderModel, tokenizer: Tokenizer, pieces: list[int]) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.pieces = pieces
        self.number = {piece: i for i, piece in enumerate(pieces)}
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(LONGEST)

    @classmethod
    def begin(cls, folder: Path, layers: list[int], translations: list[str]) -> Translator:
        """An untrained one: a text encoder and, as its decoder, copies of the layers named."""
        encoder = BertModel.from_pretrained(folder, add_pooling_layer=False)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        seen = {piece for text in translations for piece in tokenizer.encode(text).ids}
        pieces = sorted(seen | {START, PAD, END, UNKNOWN})
        config = copy.deepcopy(encoder.config)
        config.update({"is_decoder": True, "add_cross_attention": True, "use_cache": True})
        config.update({"vocab_size": len(pieces), "num_hidden_layers": len(layers)})
        decoder = BertLMHeadModel(config)
        embeddings = encoder.embeddings.state_dict()
        embeddings["word_embeddings.weight"] = embeddings["word_embeddings.weight"][pieces]
        decoder.bert.embeddings.load_state_dict(embeddings)
        for new, old in zip(decoder.bert.encoder.layer, layers, strict=True):
            new.load_state_dict(encoder.encoder.layer[old].state_dict(), strict=False)  # no cross-attention there
        return cls(EncoderDecoderModel(encoder=encoder, decoder=decoder), tokenizer, pieces)

    @classmethod
    def load(cls, folder: Path) -> Translator:
        """One that `save` wrote."""
        pieces = json.loads((folder / "pieces.json").read_text("utf-8"))
        model = EncoderDecoderModel.from_pretrained(folder).eval()
        return cls(model, Tokenizer.from_file(str(folder / "tokenizer.json")), pieces)

    def save(self, folder: Path) -> None:
        """Write the model, its tokenizer and its pieces to a folder."""
        self.model.save_pretrained(folder)
        self.tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "pieces.json").write_text(json.dumps(self.pieces), "utf-8")

    def pair(self, row: Row) -> Pair:
        """A row's verse and translation as tokens."""
        verse, said = (self.tokenizer.encode(text).ids for text in (row["pos"][0], row["query"]))
        return verse, [self.number.get(piece, UNKNOWN) for piece in said]

    def loss(self, pairs: list[Pair], smoothing: float = 0.0) -> torch.Tensor:
        """Mean cross-entropy of a token, those left out that the decoder can't write."""
        verses, said = padded([verse for verse, _ in pairs]), padded([said for _, said in pairs])
        out = self.model(
            input_ids=verses, attention_mask=(verses != PAD).long(), decoder_input_ids=said[:, :-1], use_cache=False
        )
        wanted = said[:, 1:].clone()
        wanted[(wanted == PAD) | (wanted == UNKNOWN)] = -100
        return cross_entropy(out.logits.flatten(0, 1), wanted.flatten(), label_smoothing=smoothing)

    @torch.no_grad()
    def translate(self, verses: list[str], beams: int = 1, batch: int = 128) -> list[str]:
        """What each verse says; greedy, or the best of some beams."""
        tokens = [encoding.ids for encoding in self.tokenizer.encode_batch(verses)]
        order = sorted(range(len(verses)), key=lambda i: len(tokens[i]))
        out = [""] * len(verses)
        for at in range(0, len(order), batch):
            some = order[at : at + batch]
            read = padded([tokens[i] for i in some])
            written = self.model.generate(
                input_ids=read, attention_mask=(read != PAD).long(), num_beams=beams, do_sample=False,
                decoder_start_token_id=START, eos_token_id=END, pad_token_id=PAD,
                max_new_tokens=min(LONGEST, 3 * read.shape[1]),
            )  # fmt: skip
            for i, line in zip(some, written.tolist(), strict=True):
                pieces = (self.tokenizer.id_to_token(self.pieces[token]) for token in line if token > UNKNOWN)
                out[i] = "".join(pieces).replace("▁", " ").strip()
        return out


def padded(lines: list[list[int]]) -> torch.Tensor:
    """Tokens of some texts as int64[texts, longest]."""
    width = max(map(len, lines))
    return torch.tensor([line + [PAD] * (width - len(line)) for line in lines])


def like_lengths(pairs: list[Pair], size: int, draw: random.Random) -> Iterator[list[Pair]]:
    """Batches of pairs about as long, in another order each time they are gone through, without end."""
    while True:
        order = sorted(draw.sample(pairs, len(pairs)), key=lambda pair: (len(pair[1]) // 2, len(pair[0])))
        batches = [order[at : at + size] for at in range(0, len(order), size)]
        yield from draw.sample(batches, len(batches))


def grams(text: str, order: int) -> Counter[str]:
    """How often each sequence of `order` characters stands in a text."""
    return Counter(text[at : at + order] for at in range(len(text) - order + 1))


def chrf(written: list[str], wanted: list[str]) -> float:
    """ChrF over all texts, 0..100: precision and recall of character n-grams, each the mean over n = 1..6 (Popović 2015).

    Spaces don't count; neither does whether punctuation is of full width. Orders longer than all texts are left out.
    """
    plain = [["".join(unicodedata.normalize("NFKC", t).split()) for t in texts] for texts in (written, wanted)]
    precisions, recalls = [], []
    for order in range(1, ORDERS + 1):
        pairs = [(grams(a, order), grams(b, order)) for a, b in zip(*plain, strict=True)]
        shared = sum((a & b).total() for a, b in pairs)
        given, asked = sum(a.total() for a, _ in pairs), sum(b.total() for _, b in pairs)
        if given and asked:
            precisions.append(shared / given)
            recalls.append(shared / asked)
    if not any(precisions):
        return 0.0
    precision, recall = np.mean(precisions), np.mean(recalls)
    return float(100 * (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall))


@torch.no_grad()
def progress(translator: Translator, rows: list[Row]) -> dict[str, float]:
    """Loss and chrF on some rows."""
    translator.model.eval()
    pairs = sorted(map(translator.pair, rows), key=lambda pair: len(pair[1]))
    losses = [translator.loss(pairs[at : at + 64]).item() for at in range(0, len(pairs), 64)]
    said = translator.translate([row["pos"][0] for row in rows])
    return {"dev_loss": round(float(np.mean(losses)), 4), "chrf": round(chrf(said, [r["query"] for r in rows]), 2)}


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    draw = random.Random(args.seed)
    verses, dev = read_rows(args.verses), read_rows(args.dev)
    translator = Translator.begin(args.model, args.layers, [row["query"] for row in verses])
    model = translator.model
    seen = draw.sample(dev, min(args.dev_rows, len(dev)))

    only = like_lengths([translator.pair(row) for row in verses], args.batch, draw)
    if args.prose:
        prose = like_lengths([translator.pair(row) for row in read_rows(args.prose)], args.batch, draw)
        mixed_up = (next(prose if step % 2 else only) for step in range(args.mixed))
    else:
        mixed_up = itertools.islice(only, args.mixed)
    batches = itertools.chain(mixed_up, only)

    old = list(model.encoder.parameters())
    known = {id(p) for p in old}
    new = [p for p in model.parameters() if id(p) not in known]
    rates = (args.encoder_rate, args.rate)
    optimizer = torch.optim.AdamW(
        [{"params": group, "lr": rate} for group, rate in zip((old, new), rates, strict=True)], weight_decay=0.01
    )
    checkpoint = args.out / "checkpoint.pt"
    args.out.mkdir(parents=True, exist_ok=True)
    done, spent = 0, 0.0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        done, spent = state["step"], state["seconds"]
        print(f"goes on after step {done}", flush=True)
    size = sum(p.numel() for p in model.parameters())
    print(f"{size / 1e6:.1f} million parameters, {len(translator.pieces)} pieces to write", flush=True)

    began = time.monotonic() - spent
    losses: list[float] = []
    for step, batch in enumerate(itertools.islice(batches, args.steps), 1):
        if step <= done:
            continue
        model.train()
        share = min(step / args.warmup, (1 + math.cos(math.pi * step / args.steps)) / 2)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * share
        loss = translator.loss(batch, SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
        if step % args.tell == 0 or step == args.steps:
            report = {
                "step": step,
                "seconds": round(time.monotonic() - began),
                "loss": round(float(np.mean(losses)), 4),
            }
            losses.clear()
            if step % args.save_steps == 0 or step == args.steps:
                report |= progress(translator, seen)
            print(json.dumps(report), flush=True)
        if step % args.save_steps == 0 or step == args.steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
            part = checkpoint.with_suffix(".part")
            torch.save({**state, "seconds": time.monotonic() - began}, part)
            part.rename(checkpoint)
    translator.save(args.out)
    print(f"{args.steps} steps of {args.batch} rows: {args.out}")


def held(scores: Scores, task: Task) -> Scores:
    """The same scores, reckoned once."""
    every: NDArray[np.float32] = scores(0, len(task.queries)).astype(np.float32)
    return lambda start, stop: every[start:stop]


def evaluate(args: argparse.Namespace) -> None:
    translator = Translator.load(args.model)
    pool = [line for line in args.pool.read_text("utf-8").splitlines() if line.strip()] if args.pool else []
    rows = read_rows(args.rows)
    task = Task(rows, pool[: args.limit])
    began = time.monotonic()
    said = translator.translate(task.texts, args.beams)
    print(f"{len(task.queries)} queries, {len(said)} verses translated in {time.monotonic() - began:.0f} seconds")
    verses, wanted = [row["pos"][0] for row in rows], [row["query"] for row in rows]
    of_rows = [said[task.document(verse)] for verse in verses]
    print(f"chrF {chrf(of_rows, wanted):.2f}; the verses themselves {chrf(verses, wanted):.2f}")

    encoder = load_text_encoder(args.encoder)
    vectors = encode(encoder.encode_query, said, "translations")
    queries = encode(encoder.encode_query, task.queries, "queries")
    translated = copy.copy(task)
    translated.texts = said
    by_vectors, by_characters = held(dense(args.encoder, task), task), held(characters(task), task)
    base = held(mixed(by_vectors, by_characters, args.hybrid), task)
    added = {
        "translations' vectors": held(lambda start, stop: queries[start:stop] @ vectors.T, task),
        "translations' characters": held(characters(translated), task),
        "verses' vectors": by_vectors,
        "verses' characters": by_characters,
    }
    results = {f"{args.encoder} + {args.hybrid} characters": measure(base, task)}
    for name, scores in added.items():
        results[f"{name} alone"] = measure(scores, task)
        results |= {f"+ {weight} {name}": measure(mixed(base, scores, weight), task) for weight in WEIGHTS}
    print(tables(results, task))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    to_train = commands.add_parser("train")
    to_train.set_defaults(command=train)
    to_train.add_argument("--model", type=Path, required=True)
    to_train.add_argument("--verses", type=Path, required=True)
    to_train.add_argument("--prose", type=Path)
    to_train.add_argument("--dev", type=Path, required=True, help="rows whose loss and chrF are told now and then")
    to_train.add_argument("--dev-rows", type=int, default=256, help="how many of them")
    to_train.add_argument("--out", type=Path, required=True)
    to_train.add_argument("--layers", type=lambda t: [*map(int, t.split(","))], default=[1, 3, 5], help="1,3,5")
    to_train.add_argument("--steps", type=int, default=2000)
    to_train.add_argument("--mixed", type=int, default=800, help="steps in which every second batch is of prose")
    to_train.add_argument("--batch", type=int, default=32)
    to_train.add_argument("--rate", type=float, default=5e-4, help="of the decoder")
    to_train.add_argument("--encoder-rate", type=float, default=1e-4)
    to_train.add_argument("--warmup", type=int, default=100, help="steps in which the rates rise")
    to_train.add_argument("--tell", type=int, default=50, help="steps between two losses told")
    to_train.add_argument("--save-steps", type=int, default=250, help="a multiple of --tell; dev is measured then too")
    to_train.add_argument("--seed", type=int, default=0)

    to_evaluate = commands.add_parser("evaluate")
    to_evaluate.set_defaults(command=evaluate)
    to_evaluate.add_argument("rows", type=Path)
    to_evaluate.add_argument("--model", type=Path, required=True)
    to_evaluate.add_argument("--encoder", default="builtin", help="as Settings(text_encoder=...) takes it")
    to_evaluate.add_argument("--pool", type=Path)
    to_evaluate.add_argument("--limit", type=int, default=20_000, help="lines of --pool that are used")
    to_evaluate.add_argument("--hybrid", type=float, default=0.35, help="weight of the verses' characters")
    to_evaluate.add_argument("--beams", type=int, default=1)

    for command in (to_train, to_evaluate):
        command.add_argument("--threads", type=int, default=1, help="of the CPU")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.command(args)


if __name__ == "__main__":
    run(main)
