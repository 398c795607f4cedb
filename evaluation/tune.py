"""Learn the weights of fusion, on the bench for what is seen and on held-out translations for what is said.

usage: python -m evaluation.tune --rows dev.jsonl [--shared ../shared] [--write]

Coordinate ascent on the mean F1 of the top verse over the bench photos, less a penalty where fewer than `DISTINCT` of
the photos get a verse of their own; five folds say what that is worth on photos that the weights have not seen. The two routes of the person's words share their weight as finds most verses of the
held-out translations (`--rows`, as training.split writes them), and together weigh `SAID` times the heaviest route of sight. --write puts the result into the
package's data/fusion.json.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from evaluation import bench as benches
from image2poem import ImageToPoem
from image2poem.encoders import DATA
from image2poem.model import Sight
from image2poem.photo import load_photo
from image2poem.retrieval import diversity, fusion, routes
from training.rows import read_rows

SAID = 2.0
DISTINCT, PENALTY = 0.9, 2.0
SIGHT = ("cross_modal", "imagery", "lexical", "vernacular")
STEPS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
START = fusion.Weights(
    routes={"cross_modal": 3.0, "imagery": 1.5, "lexical": 0.2, "vernacular": 0.2, "words": 4.0, "words_lexical": 2.0,
            "description": 3.0, "description_lexical": 1.5, "hyde": 2.0, "translation": 0.75, "translation_lexical": 0.4,
            "words_translation": 3.0, "words_translation_lexical": 1.5},
    fame=0.1, repetition=0.2,
)  # fmt: skip
Found = Mapping[str, routes.Ranked]


def top_verse(matcher: ImageToPoem, found: Found, weights: fusion.Weights) -> int:
    """Id of the verse that `match` would put first."""
    fused = fusion.fuse(found, weights, matcher.facets.fame)
    return diversity.choose(fused, 1, matcher.facets.poem, matcher.library.naming, weights.repetition)[0][0]


class Objective:
    """F1 of the top verse of each photo, remembered by verse."""

    def __init__(self, matcher: ImageToPoem, bench: benches.Bench) -> None:
        self.matcher, self.bench = matcher, bench
        photos = [p for p in bench.photos if any(tag in bench.table for tag in p.tags)]
        self.names = [p.name for p in photos]
        self.found: list[Found] = []
        for photo in photos:
            sight = matcher.seer.see(load_photo(photo.image))
            self.found.append(routes.find(matcher.library, sight, "", None))
        self.verses = matcher.corpus.texts(0, len(matcher.library.naming))
        self._known: dict[tuple[str, int], float] = {}

    def __call__(self, weights: fusion.Weights, photos: Sequence[int]) -> float:
        """Mean F1 over some photos, less the penalty for repeating verses."""
        verses = [top_verse(self.matcher, self.found[i], weights) for i in photos]
        return self._mean(verses, photos) - PENALTY * max(0.0, DISTINCT - len(set(verses)) / len(verses))

    def f1(self, weights: fusion.Weights, photos: Sequence[int]) -> float:
        """Mean F1 over some photos."""
        return self._mean([top_verse(self.matcher, self.found[i], weights) for i in photos], photos)

    def _mean(self, verses: Sequence[int], photos: Sequence[int]) -> float:
        total = 0.0
        for i, verse in zip(photos, verses, strict=True):
            key = (self.names[i], verse)
            if key not in self._known:
                self._known[key] = float(self.bench.figures({self.names[i]: self.verses[verse]})[0, -1])
            total += self._known[key]
        return total / len(photos)


def ascend(objective: Objective, photos: Sequence[int]) -> fusion.Weights:
    """Change one weight at a time as long as that helps; every route keeps a say."""
    weights, best = START, objective(START, photos)
    improved = True
    while improved:
        improved = False
        trials = [
            *((name, replace(weights, routes={**weights.routes, name: s})) for name in SIGHT for s in STEPS),
            *(("fame", replace(weights, fame=f)) for f in (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)),
        ]
        for _, trial in trials:
            if max(trial.routes[name] for name in SIGHT) <= 0:
                continue
            value = objective(trial, photos)
            if value > best + 1e-6:
                weights, best, improved = trial, value, True
    return weights


def words_share(matcher: ImageToPoem, held_out: Path, most: int = 400) -> tuple[float, str]:
    """(share of the dense route, what each share finds), on held-out translations of verses that are searched."""
    limit = len(matcher.library.naming)
    rows = [
        (r["query"], verse)
        for r in read_rows(held_out)
        if (verse := matcher.corpus.find(r["pos"][0])) is not None and verse < limit
    ]
    rows = random.Random(0).sample(rows, min(most, len(rows)))
    library = replace(matcher.library, translations=None)  # which would hold the very sentences, maybe
    found = [(routes.find(library, Sight(None, (), ""), query, None), verse) for query, verse in rows]
    results = {}
    for share in (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0):
        weights = fusion.Weights({"words": share, "words_lexical": 1 - share}, 0.0, 0.0)
        ranks = [
            np.flatnonzero(fusion.fuse(routes_found, weights, matcher.facets.fame).ids == verse)
            for routes_found, verse in found
        ]
        results[share] = (
            float(np.mean([len(r) > 0 and r[0] < 1 for r in ranks])),
            float(np.mean([len(r) > 0 and r[0] < 10 for r in ranks])),
        )
    best = max(results, key=lambda share: results[share])
    table = "\n".join(f"| {share} | {one:.3f} | {ten:.3f} |" for share, (one, ten) in results.items())
    head = f"{len(rows)} held-out translations among {limit} verses\n\n| share of the dense route | R@1 | R@10 |\n| --- | --- | --- |\n"
    return best, head + table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="that the text encoder wasn't trained on")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    matcher = ImageToPoem()
    objective = Objective(matcher, benches.load(args.shared))
    everything = list(range(len(objective.names)))
    mixed = random.Random(0).sample(everything, len(everything))
    held = [
        objective.f1(ascend(objective, [i for i in mixed if i not in fold]), fold) * len(fold)
        for fold in (mixed[k::5] for k in range(5))
    ]
    weights = ascend(objective, everything)
    print(f"F1 {objective.f1(weights, everything):.3f} with weights learnt on all {len(everything)} photos, "
          f"{sum(held) / len(everything):.3f} on photos held out in five folds")  # fmt: skip
    for name in SIGHT:
        without = replace(weights, routes={**weights.routes, name: 0.0})
        print(f"without {name}: {objective.f1(without, everything):.3f}")
    share, table = words_share(matcher, args.rows)
    print(table)
    heaviest = SAID * max(weights.routes[name] for name in SIGHT)
    said = {"words": round(heaviest * share / max(share, 1 - share), 3)}
    said["words_lexical"] = round(heaviest * (1 - share) / max(share, 1 - share), 3)
    weights = replace(weights, routes={**weights.routes, **said})
    print(json.dumps(asdict(weights)))
    if args.write:
        (DATA / "fusion.json").write_text(json.dumps(asdict(weights), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
