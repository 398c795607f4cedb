"""Learn the weights of fusion and the reranker's shares, on the bench for what is seen, on held-out rows for what is said.

usage: python -m evaluation.tune --rows dev.jsonl [--shared ../shared] [--write]

Coordinate ascent on the mean F1 of the top verse over the bench photos, less a penalty where fewer than `DISTINCT` of
the photos get a verse of their own: once for what our own eyes see, once with a person's caption in place of a VLM's
description. Then fame, and standing by itself, get as much as costs no more than `SLACK`: readers see what they are worth,
the judge doesn't. Five folds say what that is worth on photos that the weights have not seen. The two routes of the person's
words share their weight, and the reranker has its share, as finds most verses of the held-out translations (`--rows`, as
training.split writes them); together they weigh `SAID` times the heaviest route of sight. Then each part is left out in
turn. --write puts the result into the package's data/fusion.json.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation import bench as benches
from image2poem import ImageToPoem
from image2poem.corpus.convert import fold
from image2poem.encoders import DATA
from image2poem.model import Sight
from image2poem.photo import load_photo
from image2poem.rerank import Reranker
from image2poem.retrieval import fusion, reranking, routes
from training.rows import read_rows
from training.split import clauses

SAID = 2.0
DISTINCT, PENALTY = 0.9, 2.0
SEEN = ("cross_modal", "imagery", "lexical", "vernacular")
TOLD = ("description", "description_lexical")
STEPS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
FAMES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5)
WHOLES = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2)
SLACK = 0.005  # of F1, that verses people know, and that stand by themselves, may cost: the judge can't see what they are worth
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
Found = Mapping[str, routes.Ranked]


class Remembering:
    """A reranker that judges each verse for each query once."""

    def __init__(self, reranker: Reranker) -> None:
        self.reranker, self.model_id = reranker, reranker.model_id
        self._known: dict[tuple[str, str], float] = {}

    def score(self, query: str, verses: Sequence[str]) -> NDArray[np.float32]:
        """As `Reranker.score`."""
        new = [verse for verse in verses if (query, verse) not in self._known]
        self._known.update(((query, v), s) for v, s in zip(new, self.reranker.score(query, new).tolist(), strict=True))
        return np.array([self._known[query, verse] for verse in verses], np.float32)


class Asked:
    """What the routes found for one sight, and what the reranker makes of it."""

    def __init__(
        self, matcher: ImageToPoem, reranker: Reranker, verses: list[str], sight: Sight, words: str = ""
    ) -> None:
        self.fame, self.reranker, self.verses, self.query = matcher.facets.fame, reranker, verses, sight.description
        self.kind = "words" if words else "description" if sight.described else "sight"
        library = replace(matcher.library, translations=None)  # which might hold the very sentences that are asked
        self.found: Found = routes.find(library, sight, words, None)

    def ids(self, weights: fusion.Weights) -> NDArray[np.int64]:
        """The verses that `match` or `search` would find, best first."""
        fused = fusion.fuse(self.found, weights, self.fame)
        shares = weights.rerank[self.kind], 0.0 if self.kind == "words" else weights.whole
        texts = lambda ids: [self.verses[i] for i in ids]  # noqa: E731
        return reranking.reread(self.reranker, self.query, shares, fused, {}, texts).fused.ids


class Objective:
    """F1 of the top verse of each photo, remembered by verse."""

    def __init__(self, bench: benches.Bench, asked: Mapping[str, Asked], verses: list[str]) -> None:
        self.bench, self.asked, self.verses = bench, asked, verses
        self._known: dict[tuple[str, int], float] = {}

    def __call__(self, weights: fusion.Weights, photos: Sequence[str]) -> float:
        """Mean F1 over some photos, less the penalty for repeating verses."""
        top = self._top(weights, photos)
        return self._mean(top) - PENALTY * max(0.0, DISTINCT - len(set(top.values())) / len(top))

    def f1(self, weights: fusion.Weights, photos: Sequence[str]) -> float:
        """Mean F1 over some photos."""
        return self._mean(self._top(weights, photos))

    def table(self, ways: Mapping[str, fusion.Weights]) -> str:
        """All figures for some weights, over all photos."""
        answers = {
            way: {name: self.verses[verse] for name, verse in self._top(weights, list(self.asked)).items()}
            for way, weights in ways.items()
        }
        return "\n".join(benches.table_rows(self.bench, answers))

    def _top(self, weights: fusion.Weights, photos: Sequence[str]) -> dict[str, int]:
        return {name: int(self.asked[name].ids(weights)[0]) for name in photos}

    def _mean(self, top: Mapping[str, int]) -> float:
        for name, verse in top.items():
            if (name, verse) not in self._known:
                self._known[name, verse] = float(self.bench.figures({name: self.verses[verse]})[0, -1])
        return sum(self._known[item] for item in top.items()) / len(top)


def with_route(weights: fusion.Weights, name: str, value: float) -> fusion.Weights:
    """The weights with another one for a route."""
    return replace(weights, routes={**weights.routes, name: value})


def with_share(weights: fusion.Weights, kind: str, value: float) -> fusion.Weights:
    """The weights with another share of the reranker."""
    return replace(weights, rerank={**weights.rerank, kind: value})


def ascend(
    objective: Objective, photos: Sequence[str], start: fusion.Weights, names: Sequence[str], kind: str, fame: bool
) -> fusion.Weights:
    """Change one weight at a time as long as that helps; every route keeps a say."""
    weights, best = start, objective(start, photos)
    improved = True
    while improved:
        improved = False
        for trial in (
            *(lambda w, name=name, s=s: with_route(w, name, s) for name in names for s in STEPS),
            *(lambda w, s=s: with_share(w, kind, s) for s in SHARES),
            *((lambda w, f=f: replace(w, fame=f)) for f in FAMES if fame),
        ):
            changed = trial(weights)
            value = objective(changed, photos)
            if value > best + 1e-6:
                weights, best, improved = changed, value, True
    return weights


def readable(objective: Objective, photos: Sequence[str], weights: fusion.Weights) -> fusion.Weights:
    """The weights with as much for fame and for standing by itself as costs no more than `SLACK` each."""
    for field, values in (("whole", WHOLES), ("fame", FAMES)):
        best, least = objective(weights, photos), getattr(weights, field)
        tried = (value for value in values if value > least)
        fits = [v for v in tried if objective(replace(weights, **{field: v}), photos) >= best - SLACK]
        weights = replace(weights, **{field: max([least, *fits])})
    return weights


def held_out(objective: Objective, start: fusion.Weights, names: Sequence[str], kind: str, fame: bool) -> float:
    """F1 on photos held out in five folds."""
    photos = random.Random(0).sample(list(objective.asked), len(objective.asked))
    total = 0.0
    for kept in (photos[k::5] for k in range(5)):
        others = [name for name in photos if name not in kept]
        learnt = ascend(objective, others, start, names, kind, fame)
        learnt = readable(objective, others, learnt) if fame else learnt
        total += objective.f1(learnt, kept) * len(kept)
    return total / len(photos)


def asked_for(
    matcher: ImageToPoem, reranker: Reranker, verses: list[str], rows: Path, most: int
) -> list[tuple[Asked, set[int]]]:
    """Held-out translations of verses that are searched, or of one half of them, and the verses that answer each."""
    holding: dict[str, set[int]] = defaultdict(set)
    for number, verse in enumerate(verses):
        for part in {fold(verse), *clauses(verse)}:
            holding[part].add(number)
    known = [(row["query"], right) for row in read_rows(rows) if (right := holding.get(fold(row["pos"][0])))]
    nothing = Sight(None, (), "")
    return [
        (Asked(matcher, reranker, verses, matcher._with_words(nothing, query), query), right)
        for query, right in random.Random(0).sample(known, min(most, len(known)))
    ]


def words_weights(
    matcher: ImageToPoem, reranker: Reranker, verses: list[str], rows: Path, weights: fusion.Weights, most: int
) -> tuple[fusion.Weights, str]:
    """The weights with those for words that find most of the held-out verses that are searched, and a table."""
    asked = asked_for(matcher, reranker, verses, rows, most)
    heaviest = SAID * max(weights.routes[name] for name in SEEN)

    def trial(share: float, rerank: float) -> fusion.Weights:
        said = {"words": heaviest * share / max(share, 1 - share)}
        said["words_lexical"] = heaviest * (1 - share) / max(share, 1 - share)
        said = {name: round(value, 3) for name, value in said.items()}
        return with_share(replace(weights, routes={**weights.routes, **said}), "words", rerank)

    def recall(tried: fusion.Weights) -> tuple[float, float]:
        first = [one.ids(tried)[:10] for one, _ in asked]
        found = [np.flatnonzero(np.isin(ids, list(right))) for ids, (_, right) in zip(first, asked, strict=True)]
        return float(np.mean([len(p) > 0 and p[0] == 0 for p in found])), float(np.mean([len(p) > 0 for p in found]))

    results = {(s, r): recall(trial(s, r)) for s in (0.2, 0.35, 0.5, 0.65, 0.8) for r in SHARES}
    best = max(results, key=lambda tried: results[tried])
    lines = [f"{len(asked)} held-out translations among {len(verses)} verses: R@1, R@10", ""]
    lines += [
        "| dense share | " + " | ".join(f"reranker {r}" for r in SHARES) + " |",
        "| --- " * (1 + len(SHARES)) + "|",
    ]
    for s in dict.fromkeys(s for s, _ in results):
        cells = [f"{results[s, r][0]:.3f}, {results[s, r][1]:.3f}" for r in SHARES]
        lines.append(f"| {s} | " + " | ".join(cells) + " |")
    return trial(*best), "\n".join([*lines, "", f"chosen: {best}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="that neither encoder nor reranker was trained on")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--most", type=int, default=400, help="held-out rows")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    matcher, bench = ImageToPoem(), benches.load(args.shared)
    verses = matcher.corpus.texts(0, len(matcher.library.naming))
    if matcher.reranker is None:
        parser.error("set IMAGE2POEM_RERANKER to the reranker whose share is learnt")
    reranker = Remembering(matcher.reranker)
    seen, told = {}, {}
    for photo in bench.photos:
        if any(tag in bench.table for tag in photo.tags):
            sight = matcher.seer.see(load_photo(photo.image))
            seen[photo.name] = Asked(matcher, reranker, verses, sight)
            described = matcher._with_words(replace(sight, description=photo.caption, described=True), "")
            told[photo.name] = Asked(matcher, reranker, verses, described)
    weights = fusion.load_weights()
    for title, asked, names, kind, fame in (
        ("what our eyes see", seen, SEEN, "sight", True),
        ("a person's caption as the description", told, TOLD, "description", False),
    ):
        objective, photos = Objective(bench, asked, verses), list(asked)
        before = weights
        held = held_out(objective, before, names, kind, fame)
        weights = ascend(objective, photos, before, names, kind, fame)
        weights = readable(objective, photos, weights) if fame else weights
        print(f"{title}: F1 {objective.f1(weights, photos):.3f} with weights learnt on all {len(photos)} photos, "
              f"{held:.3f} on photos held out in five folds\n")  # fmt: skip
        ways = {"all": weights, "the weights before": before, "without rerank": with_share(weights, kind, 0.0)}
        ways |= {f"without {name}": with_route(weights, name, 0.0) for name in asked[photos[0]].found}
        ways |= {"without fame": replace(weights, fame=0.0), "fragments too": replace(weights, whole=0.0)}
        print(objective.table(ways) + "\n", flush=True)
    weights, table = words_weights(matcher, reranker, verses, args.rows, weights, args.most)
    print(table)
    print(json.dumps(asdict(weights)))
    if args.write:
        (DATA / "fusion.json").write_text(json.dumps(asdict(weights), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
