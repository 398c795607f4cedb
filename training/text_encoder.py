"""Train the built-in text encoder: half of multilingual-E5-small's layers, a vocabulary of characters, verse.

usage: python -m training.text_encoder --text DIR --verses FILE --work DIR [--captions JSONL ...] [--minutes 40]

--text      folder of verse_vernacular_train.jsonl and ccpm_train.jsonl
--verses    one verse a line, simplified: the characters, and sentences to learn the teacher's space by
--captions  files of photo captions ({"captions_zh": [...]} a line): how people describe a photo
--work      folder for the teacher's vectors, checkpoints and the finished model; run again to take up a checkpoint

Two losses, added: InfoNCE between a vernacular sentence and its verse (all other verses of the batch and one
hard negative are wrong), and distillation: the student's vector turns towards the teacher's, whose common mean is
taken off first, since E5's vectors all point one way. The schedule is a time budget, so it suits any machine.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import BertConfig, BertModel

from training import e5, onnx_text, vocabulary
from training.pairs import read_jsonl, read_pairs

LAYERS = (0, 2, 4, 7, 9, 11)  # of the teacher's twelve
MAX_TOKENS = 64


class Student(nn.Module):
    """Token ids and mask, int64[n, t] each -> float32[n, 384], rows of unit length, mean over tokens."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[..., None].to(hidden.dtype)
        return nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)


def bert(model: e5.E5, layers: tuple[int, ...], embeddings: np.ndarray) -> Student:
    """E5 with the layers and the word embeddings named."""
    config = BertConfig(
        vocab_size=len(embeddings), hidden_size=model.hidden, num_hidden_layers=len(layers),
        num_attention_heads=model.heads, intermediate_size=model.feed_forward,
        max_position_embeddings=model.positions, type_vocab_size=1, layer_norm_eps=model.epsilon,
        pad_token_id=model.pad, hidden_dropout_prob=0.05, attention_probs_dropout_prob=0.05,
    )  # fmt: skip
    student, state = Student(config), {}
    for name, value in model.weights.items():
        if name.startswith("encoder.layer."):
            number, rest = name.removeprefix("encoder.layer.").split(".", 1)
            if int(number) not in layers:
                continue
            name = f"encoder.layer.{layers.index(int(number))}.{rest}"
        state[name] = torch.from_numpy(np.ascontiguousarray(value))
    state["embeddings.word_embeddings.weight"] = torch.from_numpy(embeddings)
    student.bert.load_state_dict(state)
    return student


def pad(batch: list[list[int]], token: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Lists of token ids -> (ids, mask), int64[n, longest]."""
    longest = max(map(len, batch))
    ids = torch.full((len(batch), longest), token)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(batch):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


def tokens(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """Token ids, cut at MAX_TOKENS."""
    return [[*ids[: MAX_TOKENS - 1], ids[-1]] for e in tokenizer.encode_batch(texts) if (ids := e.ids)]


def encode(model: Student, ids: list[list[int]], padding: int, grouped: int = 48) -> torch.Tensor:
    """Encode in groups of like length, so that little is spent on padding; gradients flow."""
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    groups = [order[i : i + grouped] for i in range(0, len(order), grouped)]
    vectors = torch.cat([model(*pad([ids[i] for i in group], padding)) for group in groups])
    return vectors[torch.tensor(order).argsort()]


@torch.no_grad()
def encode_all(model: Student, ids: list[list[int]], padding: int) -> np.ndarray:
    """float32[n, 384] without gradients."""
    model.eval()
    return encode(model, ids, padding, grouped=64).numpy()


def teacher_vectors(texts: list[str], model: e5.E5, cache: Path) -> np.ndarray:
    """float32[n, 384]: the whole E5's vectors, their mean taken off, of unit length."""
    if not cache.exists():
        pieces = list(zip(model.pieces, model.scores.tolist(), strict=True))
        tokenizer = Tokenizer(models.Unigram(pieces, unk_id=model.unk, byte_fallback=False))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("  ", " ")])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", model.bos), ("</s>", model.eos)]
        )
        teacher = bert(model, tuple(range(model.layers)), model.weights["embeddings.word_embeddings.weight"])
        session = onnxruntime.InferenceSession(onnx_text.export(teacher, cache.with_suffix(".onnx")))  # thrice as fast
        ids = tokens(tokenizer, [f"query: {text}" for text in texts])
        out = np.zeros((len(ids), model.hidden), np.float16)
        order, start = np.argsort([len(i) for i in ids], kind="stable"), time.time()
        for at in range(0, len(order), 64):
            rows = order[at : at + 64]
            input_ids, attention_mask = pad([ids[i] for i in rows], model.pad)
            feed = {"input_ids": input_ids.numpy(), "attention_mask": attention_mask.numpy()}
            (out[rows],) = session.run(None, feed)
            if at % 6400 == 0:
                print(f"teacher {at}/{len(order)} {time.time() - start:.0f} s", flush=True)
        np.save(cache, out)
    vectors = np.load(cache).astype(np.float32)
    vectors -= vectors.mean(0)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def measure(model: Student, dev: list[dict], query_ids: list, verse_ids: list, padding: int) -> str:
    """R@1 and R@10 in the pool of all dev verses, and the choice among a verse and its three rivals."""
    queries, verses = (encode_all(model, ids, padding) for ids in (query_ids, verse_ids))
    index = {v: i for i, v in enumerate(dict.fromkeys(v for r in dev for v in [r["verse"], *r["neg"]]))}
    scores = queries @ verses.T
    right = np.array([index[r["verse"]] for r in dev])
    rank = (scores > scores[np.arange(len(dev)), right][:, None]).sum(1)
    four = [i for i, r in enumerate(dev) if r["neg"]]
    choice = np.mean([scores[i, right[i]] > max(scores[i, index[n]] for n in dev[i]["neg"]) for i in four])
    return f"pool {len(index)} R@1 {(rank < 1).mean():.3f} R@10 {(rank < 10).mean():.3f} 1-of-4 {choice:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--verses", type=Path, required=True)
    parser.add_argument("--captions", type=Path, nargs="*", default=[])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--temperature", type=float, default=0.05)
    parser.add_argument("--distil", type=float, default=1.0, help="weight of the distillation loss")
    parser.add_argument("--others", type=int, default=24, help="sentences a step that are only distilled")
    parser.add_argument("--sentences", type=int, default=30_000, help="verses, and captions, to distil at most")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    draw = random.Random(0)
    args.work.mkdir(parents=True, exist_ok=True)

    train, dev = read_pairs(args.text)
    verses = args.verses.read_text("utf-8").splitlines()
    captions = [
        c for path in args.captions for r in read_jsonl(path) for c in [*r["captions_zh"], *r.get("captions_zh_mt", [])]
    ]
    captions = sorted(set(captions))
    pairs = [t for r in train + dev for t in (r["query"], r["verse"], *r["neg"])]
    others = draw.sample(captions, min(args.sentences, len(captions)))
    others += draw.sample(verses, min(args.sentences, len(verses)))
    model = e5.load()
    kept, added = vocabulary.choose_pieces(model, [*verses, *pairs, *captions])
    tokenizer = vocabulary.build_tokenizer(model, kept, added)
    tokenizer.save(str(args.work / "tokenizer.json"))
    padding = tokenizer.token_to_id("<pad>")
    print(f"{len(train)} + {len(dev)} pairs, {len(kept)} pieces kept, {len(added)} added", flush=True)

    texts = list(dict.fromkeys([t for r in train for t in (r["query"], r["verse"])] + others))
    place = {t: i for i, t in enumerate(texts)}
    target = torch.from_numpy(teacher_vectors(texts, model, args.work / "teacher.npy"))
    table = model.weights["embeddings.word_embeddings.weight"]
    student = bert(model, LAYERS, vocabulary.initial_embeddings(model.pieces, table, kept, added, verses))
    del model
    unique = list(dict.fromkeys(texts + pairs))
    ids = dict(zip(unique, tokens(tokenizer, unique), strict=True))
    dev_queries = [ids[r["query"]] for r in dev]
    dev_verses = [ids[v] for v in dict.fromkeys(v for r in dev for v in [r["verse"], *r["neg"]])]

    plain = [p for n, p in student.named_parameters() if p.ndim < 2 or "embeddings" in n]
    decayed = [p for n, p in student.named_parameters() if not (p.ndim < 2 or "embeddings" in n)]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}])
    checkpoint, spent, step = args.work / "student.pt", 0.0, 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        student.load_state_dict(saved["student"])
        optimizer.load_state_dict(saved["optimizer"])
        spent, step = saved["spent"], saved["step"]
        print(f"taken up at step {step}, {spent / 60:.0f} min", flush=True)
    else:
        print("untrained:", measure(student, dev, dev_queries, dev_verses, padding), flush=True)

    def save() -> None:
        state = {"student": student.state_dict(), "optimizer": optimizer.state_dict(), "spent": spent, "step": step}
        torch.save(state, checkpoint.with_suffix(".tmp"))
        checkpoint.with_suffix(".tmp").rename(checkpoint)

    budget, queue, losses, clock = args.minutes * 60, [], [], time.time()
    while spent < budget:
        if len(queue) < args.batch:
            queue = draw.sample(train, len(train))
        rows, queue = queue[: args.batch], queue[args.batch :]
        done = spent / budget
        for group in optimizer.param_groups:
            group["lr"] = args.rate * min(1.0, done / 0.05 + 0.02, (1 - done) / 0.95 + 0.01)
        queries, right = [r["query"] for r in rows], [r["verse"] for r in rows]
        wrong = [draw.choice(r["neg"]) for r in rows if r["neg"]]
        extra = draw.sample(others, min(args.others, len(others)))
        student.train()
        vectors = encode(student, [ids[t] for t in queries + right + wrong + extra], padding)
        n = len(rows)
        documents = right + wrong
        scores = vectors[:n] @ vectors[n : n + len(documents)].T / args.temperature
        same = torch.tensor([[a == b and i != j for j, b in enumerate(documents)] for i, a in enumerate(right)])
        loss = nn.functional.cross_entropy(scores.masked_fill(same, -1e4), torch.arange(n))
        known = [*range(2 * n), *range(n + len(documents), len(vectors))]  # rivals were not shown to the teacher
        aims = target[[place[t] for t in queries + right + extra]]
        distance = (1 - (vectors[known] * aims).sum(1)).mean()
        optimizer.zero_grad()
        (loss + args.distil * distance).backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        losses.append((loss.item(), distance.item()))
        step += 1
        now = time.time()
        spent, clock = spent + now - clock, now
        if step % 50 == 0:
            mean = np.mean(losses[-50:], axis=0)
            print(f"step {step} {spent / 60:.1f} min contrast {mean[0]:.3f} distil {mean[1]:.3f}", flush=True)
        if step % 200 == 0:
            save()
            print(f"step {step}", measure(student, dev, dev_queries, dev_verses, padding), flush=True)
            clock = time.time()
    save()
    print("finished:", measure(student, dev, dev_queries, dev_verses, padding))
    student.eval().bert.save_pretrained(args.work / "model")


if __name__ == "__main__":
    main()
