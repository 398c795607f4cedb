"""How well the verses fit the bench photos, beside what chance, one verse for all, and a person's caption reach.

usage: python -m evaluation.photos [--shared ../shared] [--size select] [--matches FILE] [--lines FILE]

Prints a Markdown table. --matches also writes the answers as `image2poem match --json` would. --lines is a text with a line
of verse for each photo, in their order, such as a VLM might write: then what it adds is measured too, with the person's
caption in the place of the VLM's description.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluation import bench as benches
from image2poem import ImageToPoem
from image2poem.model import Provenance
from image2poem.record import as_record
from image2poem.retrieval import routes
from image2poem.settings import load_settings
from image2poem.vlm import Opinion

CANDIDATES = 4000  # verses that are tried as the one verse for all photos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--size", default="select")
    parser.add_argument("--matches", type=Path)
    parser.add_argument("--lines", type=Path)
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
        for route, ranked in routes.find(matcher.library, routes.ask(matcher.text_encoder, sight, ""), None).items():
            answers.setdefault(f"{route} alone", {})[photo.name] = verses[ranked.ids[0]] if len(ranked.ids) else ""
        answer = matcher.match(photo.image)
        answers.setdefault("match", {})[photo.name] = answer[0].verse
        answers.setdefault("search with a person's caption", {})[photo.name] = matcher.search(photo.caption)[0].verse
        described = matcher.match(photo.image, description=photo.caption)
        answers.setdefault("match with that caption as a VLM's description", {})[photo.name] = described[0].verse
        records.append(as_record(answer) | {"photo": photo.name})
    if args.lines:
        answers |= with_lines(matcher, bench, args.lines.read_text("utf-8").split())
    print("\n".join(benches.table_rows(bench, answers)))
    print(f"\n{len(bench.photos)} photos, {len(verses)} verses, {matcher.image_encoder.model_id}")
    top5 = [len({m["verse"] for m in r["matches"]}) for r in records]
    print(f"matches a photo: {np.mean(top5):.1f}")
    if args.matches:
        args.matches.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), "utf-8")


def with_lines(matcher: ImageToPoem, bench: benches.Bench, lines: list[str]) -> dict[str, dict[str, str]]:
    """What a line for each photo finds as a query, alone and beside the caption; and the line itself."""
    answers: dict[str, dict[str, str]] = {}
    for photo, line in zip(bench.photos, lines, strict=True):
        vectors = matcher.text_encoder.encode_document([line])
        nearest = int(routes.hyde(matcher.library, vectors, None).ids[0])
        found = {"the line itself": line, "hyde alone": matcher.corpus.verse(nearest).text}
        seen = matcher.seer.see(_photo(photo))
        for name, description in (("", ""), (", caption", photo.caption)):
            sight = replace(seen, description=description or seen.description, described=bool(description))
            answer = matcher.answer(sight, opinion=Opinion(lines=(line,), form="七言"))
            real = next(match for match in answer if match.provenance is Provenance.RETRIEVED)
            found[f"match with the line{name}: best"] = answer[0].verse
            found[f"match with the line{name}: best real verse"] = real.verse
        for name, verse in found.items():
            answers.setdefault(name, {})[photo.name] = verse
    return answers


def _photo(photo: benches.BenchPhoto):
    from image2poem.photo import load_photo

    return load_photo(photo.image)


if __name__ == "__main__":
    main()
