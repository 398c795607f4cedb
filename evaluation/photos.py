"""How well the verses fit the bench photos, beside what chance, one verse for all, and a person's caption reach.

usage: python -m evaluation.photos [--shared ../shared] [--size select] [--matches FILE]

Prints a Markdown table. --matches also writes the answers as `image2poem match --json` would.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np

from evaluation import bench as benches
from image2poem import ImageToPoem
from image2poem.cli import as_record
from image2poem.retrieval import routes
from image2poem.settings import load_settings

CANDIDATES = 4000  # verses that are tried as the one verse for all photos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--size", default="select")
    parser.add_argument("--matches", type=Path)
    args = parser.parse_args()
    bench = benches.load(args.shared)
    matcher = ImageToPoem(load_settings(size=args.size))
    verses = matcher.corpus.texts(0, len(matcher.library.naming))
    rng = random.Random(0)

    def one_for_all(verse: str) -> dict[str, str]:
        return {photo.name: verse for photo in bench.photos}

    # the verse that names most of what the bench is tagged with is among those that name most at all
    rich = sorted(range(len(verses)), key=lambda i: -len(matcher.library.naming.of(i)))[:CANDIDATES]
    fixed = max((verses[i] for i in rich), key=lambda verse: bench.figures(one_for_all(verse))[:, -1].mean())
    answers: dict[str, dict[str, str]] = {
        "a random verse": {photo.name: rng.choice(verses) for photo in bench.photos},
        "the best single verse for all": one_for_all(fixed),
    }
    records = []
    for photo in bench.photos:
        sight = matcher.seer.see(_photo(photo))
        for route, ranked in routes.find(matcher.library, sight, "", None).items():
            answers.setdefault(f"{route} alone", {})[photo.name] = verses[ranked.ids[0]] if len(ranked.ids) else ""
        answer = matcher.match(photo.image)
        answers.setdefault("match", {})[photo.name] = answer[0].verse
        answers.setdefault("search with a person's caption", {})[photo.name] = matcher.search(photo.caption)[0].verse
        records.append(as_record(answer) | {"photo": photo.name})
    print("\n".join(benches.table_rows(bench, answers)))
    print(f"\n{len(bench.photos)} photos, {len(verses)} verses, {matcher.image_encoder.model_id}")
    top5 = [len({m["verse"] for m in r["matches"]}) for r in records]
    print(f"matches a photo: {np.mean(top5):.1f}")
    if args.matches:
        args.matches.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), "utf-8")


def _photo(photo: benches.BenchPhoto):
    from image2poem.photo import load_photo

    return load_photo(photo.image)


if __name__ == "__main__":
    main()
