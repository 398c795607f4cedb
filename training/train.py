"""Fine-tune any sentence-transformers model on rows {"query", "pos", "neg"}, by sentence-transformers' own trainer.

usage: python -m training.train --model DIR_OR_NAME --train ROWS.jsonl ... --out DIR [--dev ROWS.jsonl] [--epochs 3] ...
       torchrun --nproc-per-node 4 -m training.train ...   (negatives are shared across the processes)

The loss is InfoNCE: a query's verse against the verses of its batch and the hard negatives of all of them, taken at
several lengths of the vector at once (Matryoshka), so that its first numbers serve alone. Batches hold texts of like
length, which saves padding, and never the same verse twice. Checkpoints and TensorBoard's logs lie under DIR/run; run
the same command again to go on from the last checkpoint. The finished model is a sentence-transformers folder, DIR.
"""

from __future__ import annotations

import argparse
import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.losses.merged_forward import column_merging_disabled
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer import losses
from transformers.trainer_utils import get_last_checkpoint

from image2poem.corpus.convert import fold
from training.rows import Row, overlap, read_rows, run

LOW_OVERLAP = 0.4


class LikeLengths(DefaultBatchSampler):
    """Batches of rows whose texts are about as long, no two of them with the same verse."""

    SORTED = 32  # batches' worth of rows, drawn at random, that are sorted by length together

    def __init__(self, dataset: Dataset, *args: Any, **kwargs: Any) -> None:
        super().__init__(dataset, *args, **kwargs)
        self.lengths, self.verses = self.measured(dataset)

    def measured(self, dataset: Dataset) -> tuple[list[tuple[int, int]], list[int]]:
        """What the rows are sorted by, and what no two rows of a batch may share."""
        lengths = [(len(v) // 4, len(q)) for q, v in zip(dataset["anchor"], dataset["positive"], strict=True)]
        return lengths, [hash(fold(text) or text) for text in dataset["positive"]]

    def __iter__(self) -> Iterator[list[int]]:
        if self.generator is not None and self.seed is not None:
            self.generator.manual_seed(self.seed + self.epoch)
        order = torch.randperm(len(self.lengths), generator=self.generator).tolist()
        reach = self.batch_size * self.SORTED
        batches = []
        for at in range(0, len(order), reach):
            waiting = sorted(order[at : at + reach], key=self.lengths.__getitem__)
            while len(waiting) >= self.batch_size:
                batch: list[int] = []
                taken: set[int] = set()
                left = []
                for place, i in enumerate(waiting):
                    if self.verses[i] in taken:
                        left.append(i)
                        continue
                    taken.add(self.verses[i])
                    batch.append(i)
                    if len(batch) == self.batch_size:
                        left += waiting[place + 1 :]
                        break
                if len(batch) < self.batch_size:
                    break
                batches.append(batch)
                waiting = left
        for i in torch.randperm(len(batches), generator=self.generator).tolist():
            yield batches[i]

    def __len__(self) -> int:
        return len(self.lengths) // self.batch_size


def as_dataset(rows: list[Row], epochs: int, negatives: int, low_overlap: int, draw: random.Random) -> Dataset:
    """Columns anchor, positive, negative_1 ..., negatives drawn anew for each epoch.

    A row with too few negatives gets other rows' verses.
    """
    everything = [verse for row in rows for verse in row["pos"]]
    out = []
    for row in rows:
        for verse in row["pos"]:
            times = low_overlap if overlap(row["query"], verse) < LOW_OVERLAP else 1
            for _ in range(times * epochs):
                own = {fold(text) for text in row["pos"]}
                wrong = [text for text in row["neg"] if fold(text) not in own]
                wrong = draw.sample(wrong, min(negatives, len(wrong)))
                while len(wrong) < negatives:
                    wrong.append(draw.choice(everything))
                columns = {f"negative_{i}": text for i, text in enumerate(wrong, 1)}
                out.append({"anchor": row["query"], "positive": verse, **columns})
    return Dataset.from_list(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a sentence-transformers folder or hub name")
    parser.add_argument("--train", type=Path, nargs="+", required=True)
    parser.add_argument("--dev", type=Path, help="rows whose loss is told now and then")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=-1, help="stop after so many, whatever the epochs say")
    parser.add_argument("--batch", type=int, default=128, help="queries a step and process")
    parser.add_argument("--group", type=int, default=2, help="verses a query brings: its own and group - 1 negatives")
    parser.add_argument("--cached", type=int, default=0, help="GradCache: rows that are in memory at once; 0: all")
    parser.add_argument("--accumulate", type=int, default=1, help="batches a step, if memory is short")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--warmup", type=float, default=0.05, help="share of the steps in which the rate rises")
    parser.add_argument("--temperature", type=float, default=0.05)
    parser.add_argument("--symmetric", action="store_true", help="a verse must find its query too")
    parser.add_argument("--length", type=int, help="tokens at which texts are cut; else the model's own")
    parser.add_argument("--pooling", choices=("mean", "cls"), help="else the model's own")
    parser.add_argument("--dimensions", default="384,256,192,128", help="Matryoshka: lengths trained; '' for one")
    parser.add_argument("--low-overlap", type=int, default=1, help="how often an epoch shows pairs that share < 40 %%")
    parser.add_argument("--precision", choices=("fp32", "fp16", "bf16"), default="fp32", help="the last two: GPU only")
    parser.add_argument("--save-steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: as many as there are")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    model = SentenceTransformer(args.model)
    on_cpu = model.device.type == "cpu"
    if args.length:
        model.max_seq_length = args.length
    if args.pooling:
        model[1].pooling_mode = args.pooling
    draw = random.Random(args.seed)
    data = [row for path in args.train for row in read_rows(path)]
    train = as_dataset(data, args.epochs, args.group - 1, args.low_overlap, draw)
    dev = as_dataset(read_rows(args.dev), 1, args.group - 1, 1, draw) if args.dev else None

    shared: dict[str, Any] = {"scale": 1 / args.temperature, "gather_across_devices": True}
    if args.symmetric:
        shared |= {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
    inner = (
        losses.CachedMultipleNegativesRankingLoss(model, mini_batch_size=args.cached, **shared)
        if args.cached
        else losses.MultipleNegativesRankingLoss(model, **shared)
    )
    whole = model.get_embedding_dimension()
    lengths = [d for d in map(int, filter(None, args.dimensions.split(","))) if d <= whole]
    loss = losses.MatryoshkaLoss(model, inner, lengths) if lengths else inner
    checkpoints = args.out / "run"
    settings = SentenceTransformerTrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=1,
        max_steps=args.steps,
        per_device_train_batch_size=args.batch,
        per_device_eval_batch_size=args.batch,
        gradient_accumulation_steps=args.accumulate,
        learning_rate=args.rate,
        warmup_steps=args.warmup,
        lr_scheduler_type="cosine",
        weight_decay=0.01,
        fp16=args.precision == "fp16",
        bf16=args.precision == "bf16",
        batch_sampler=LikeLengths,
        eval_strategy="steps" if dev else "no",
        eval_steps=args.save_steps,
        save_steps=args.save_steps,
        save_total_limit=2,
        logging_steps=20,
        report_to=["tensorboard"],
        seed=args.seed,
        dataloader_drop_last=True,
        disable_tqdm=True,
        use_cpu=on_cpu,
        ddp_backend="gloo" if on_cpu and torch.distributed.is_torchelastic_launched() else None,
    )
    trainer = SentenceTransformerTrainer(model=model, args=settings, train_dataset=train, eval_dataset=dev, loss=loss)
    # on a CPU one forward for each column: verses are much shorter than queries, and padding costs
    with column_merging_disabled() if on_cpu else contextlib.nullcontext():
        trainer.train(resume_from_checkpoint=get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None)
    if trainer.is_world_process_zero():
        model.save(str(args.out))
        print(f"{trainer.state.global_step} steps of {args.batch} rows: {args.out}")


if __name__ == "__main__":
    run(main)
