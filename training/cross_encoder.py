"""Fine-tune a cross-encoder on rows {"query", "pos", "neg"}, by sentence-transformers' own trainer.

usage: python -m training.cross_encoder --model DIR_OR_NAME --train ROWS.jsonl ... --out DIR [--dev ROWS.jsonl] [--steps N] ...

--model  any cross-encoder or BERT that sentence-transformers opens; or what `training.restore` or `training.base` writes:
         such a BERT knows no pairs, and is given marks for where the query and the verse end

A query and a verse are read together, so that each of their characters can look at all others; the loss is a softmax over
a query's verse and its hard negatives (ListNet with one right answer). Batches hold texts of like length. Checkpoints and
TensorBoard's logs lie under DIR/run; the same command goes on from the last one. The finished model is a folder:
`Settings(reranker="DIR")`, `load_reranker("DIR")`.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import ListNetLoss
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer, BertModel, TrainerCallback
from transformers.trainer_utils import get_last_checkpoint

from training.rows import Row, read_rows, run
from training.train import LikeLengths

RIGHT = 30.0  # label of the right verse beside 0: ListNet takes a softmax of them
MAX_TOKENS = 96  # of a pair


class LikeQueries(LikeLengths):
    """Batches of queries that are about as long; verses may come twice, since a query is asked of its own only."""

    def measured(self, dataset: Dataset) -> tuple[list[tuple[int, int]], list[int]]:
        """See LikeLengths."""
        return [(0, len(query)) for query in dataset["query"]], list(range(len(dataset)))


class Told(TrainerCallback):
    """Tells the share of right choices on rows that are not trained on, at each save."""

    def __init__(self, model: CrossEncoder, rows: list[Row]) -> None:
        self.model, self.rows = model, rows

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        print(f"step {state.global_step}: right of four {choice(self.model, self.rows):.3f}", flush=True)


def choice(model: CrossEncoder, rows: list[Row]) -> float:
    """Share of the rows whose verse beats its first three negatives."""
    some = [row for row in rows if len(row["neg"]) >= 3]
    pairs = [(row["query"], verse) for row in some for verse in (row["pos"][0], *row["neg"][:3])]
    scores = model.predict(pairs, show_progress_bar=False).reshape(-1, 4)
    return float((scores.argmax(1) == 0).mean())


def with_marks(folder: Path, out: Path) -> Path:
    """A copy of a BERT whose tokenizer puts nothing between two texts, for pairs: `<s> query </s> verse </s>`."""
    BertModel.from_pretrained(folder, add_pooling_layer=False).save_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    first, last = tokenizer.bos_token, tokenizer.eos_token
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{first} $A {last}", pair=f"{first} $A {last} $B {last}",
        special_tokens=[(mark, tokenizer.convert_tokens_to_ids(mark)) for mark in (first, last)],
    )  # fmt: skip
    tokenizer.model_max_length = MAX_TOKENS
    tokenizer.save_pretrained(out)
    return out


def open_model(name: str, out: Path) -> CrossEncoder:
    """The cross-encoder to begin from."""
    config = Path(name) / "config.json"
    if config.is_file() and '"type_vocab_size": 1,' in config.read_text("utf-8"):
        name = str(with_marks(Path(name), out / "base"))
    return CrossEncoder(name, num_labels=1, max_length=MAX_TOKENS, device=None if torch.cuda.is_available() else "cpu")


def as_dataset(rows: list[Row], negatives: int, epochs: int, draw: random.Random) -> Dataset:
    """Columns query, docs and labels; negatives drawn anew for each epoch. Rows with too few of them are left out."""
    some = [row for row in rows if len(row["neg"]) >= negatives]
    return Dataset.from_list(
        [
            {
                "query": row["query"],
                "docs": [row["pos"][0], *draw.sample(row["neg"], negatives)],
                "labels": [RIGHT] + [0.0] * negatives,
            }
            for _ in range(epochs)
            for row in some
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--train", type=Path, nargs="+", required=True, help="rows with hard negatives")
    parser.add_argument("--dev", type=Path, help="rows with three negatives each, to tell the share of right choices")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--steps", type=int, default=-1, help="stop after so many, whatever the epochs say")
    parser.add_argument("--batch", type=int, default=32, help="queries a step")
    parser.add_argument("--negatives", type=int, default=3, help="hard ones a query brings")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--precision", choices=("fp32", "fp16", "bf16"), default="fp32", help="the last two: GPU only")
    parser.add_argument("--save-steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: as many as there are")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    model = open_model(args.model, args.out)
    rows = [row for path in args.train for row in read_rows(path)]
    train = as_dataset(rows, args.negatives, args.epochs, random.Random(args.seed))
    checkpoints = args.out / "run"
    settings = CrossEncoderTrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=1,
        max_steps=args.steps,
        per_device_train_batch_size=args.batch,
        learning_rate=args.rate,
        warmup_steps=0.08,
        lr_scheduler_type="cosine",
        weight_decay=0.01,
        fp16=args.precision == "fp16",
        bf16=args.precision == "bf16",
        batch_sampler=LikeQueries,
        save_steps=args.save_steps,
        save_total_limit=2,
        logging_steps=20,
        report_to=["tensorboard"],
        seed=args.seed,
        disable_tqdm=True,
        use_cpu=model.device.type == "cpu",
    )
    trainer = CrossEncoderTrainer(
        model=model,
        args=settings,
        train_dataset=train,
        loss=ListNetLoss(model, mini_batch_size=-1),
        callbacks=[Told(model, read_rows(args.dev))] if args.dev else [],
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None)
    model.save_pretrained(str(args.out))
    print(f"{trainer.state.global_step} steps of {args.batch} queries: {args.out}")


if __name__ == "__main__":
    run(main)
