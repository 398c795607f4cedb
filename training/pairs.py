"""Verses and what they say in everyday Chinese, split by poem."""

from __future__ import annotations

import json
import random
from pathlib import Path

DEV_POEMS = 0.05


def read_jsonl(path: Path) -> list[dict]:
    """One object a line."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def read_pairs(folder: Path) -> tuple[list[dict], list[dict]]:
    """(train, dev) rows {"query", "verse", "neg"}: no poem and no verse stands on both sides."""
    rows = [
        {"query": r["vernacular"], "verse": r["verse"], "neg": [], "poem": f"{r['author']}《{r['title']}》"}
        for r in read_jsonl(folder / "verse_vernacular_train.jsonl")
    ]
    rows += [
        {"query": r["vernacular"], "verse": r["verse"], "neg": r["neg"], "poem": r["verse"]}
        for r in read_jsonl(folder / "ccpm_train.jsonl")
    ]
    poems = sorted({r["poem"] for r in rows})
    held = set(random.Random(7).sample(poems, int(DEV_POEMS * len(poems))))
    held_verses = {r["verse"] for r in rows if r["poem"] in held}
    dev = [r for r in rows if r["poem"] in held]
    train = [
        r for r in rows if r["poem"] not in held and not any(v in r["verse"] or r["verse"] in v for v in held_verses)
    ]
    return train, dev
