"""Learn the weights of fusion and the reranker's shares, on the bench for what is seen, on held-out rows for what is said.

usage: python -m evaluation.tune --rows dev.jsonl [--shared ../shared] [--photos DIR ... --tags FILE ...] [--write]

Coordinate ascent on the mean F1 of the top verse over the bench photos, once for what our own eyes see and once with a
person's caption in place of a VLM's description; with --photos and --tags, as training.image_encoder takes them, also over
the landscape photos that were held back from it, as our eyes see them. Less a penalty where too few of the photos get a
verse of their own. Then fame gets as much as costs no more than `SLACK`: readers see what it is worth, the judge doesn't.
Five folds say what that is worth on photos that the weights have not seen. The two routes of the person's words share
their weight, and the reranker has its share, as finds most verses of the held-out translations (`--rows`, as
training.split writes them) and fits the bench best when its captions are searched (R@1, R@10 and F1 added; of what is
within `SLACK` of the best, the smallest share); the heavier weighs `SAID` times the heaviest route of sight, and so do
the terms that the person named. Then each part is left out in turn. --write puts the result into the package's
data/fusion.json.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
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
EYES, CAPTION, HELD_BACK = (
    "what our eyes see",
    "a person's caption as the description",
    "photos held back, as our eyes see",
)
DISTINCT = {EYES: 0.9, CAPTION: 0.9, HELD_BACK: 0.8}  # seven times as many photos have more of a kind
PENALTY = 2.0
SEEN = ("cross_modal", "imagery", "lexical", "vernacular")
ROUTES = (*SEEN, "description", "description_glosses")
FIRST = 100  # verses whose order counts
STEPS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
FAMES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5)
SLACK = 0.01  # of F1, that verses which people know may cost: the judge can't see what they are worth
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
FEW_SHARES = (0.0, 0.3, 0.6)  # where hundreds of photos are read again


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
    """What the routes found for one sight, and what the reranker makes of it; fusion on arrays that are made once."""

    def __init__(
        self, matcher: ImageToPoem, reranker: Reranker, verses: list[str], sight: Sight, words: str = ""
    ) -> None:
        self.reranker, self.verses, self.query = reranker, verses, sight.description
        self.kind = "words" if words else "description" if sight.described else "sight"
        library = replace(matcher.library, translations=None)  # which might hold the very sentences that are asked
        found = {
            n: ranked
            for n, ranked in routes.find(library, routes.ask(matcher.text_encoder, sight, words), None).items()
            if len(ranked.ids)
        }
        alone = fusion.Weights(dict.fromkeys(found, 1.0), 1.0, 0.0, {})
        self.names = ("fame", *found)
        self.numbers = np.unique(np.concatenate([ranked.ids for ranked in found.values()]))
        fused = fusion.fuse(found, alone, matcher.facets.fame)
        back = np.argsort(fused.ids)
        self.shares = np.array([1.0, *(ranked.share for ranked in found.values())])
        self.parts = np.stack([fused.parts[name][back] for name in self.names]) * self.shares.sum()

    def ids(self, weights: fusion.Weights) -> NDArray[np.int64]:
        """The first verses that `match` or `search` would find, best first."""
        each = np.array([weights.fame, *(weights.routes[name] for name in self.names[1:])])
        scores = each @ self.parts / max(each @ self.shares, 1e-9)
        first = np.argpartition(-scores, FIRST)[:FIRST] if len(scores) > FIRST else np.arange(len(scores))
        fused = fusion.ordered(self.numbers[first], {"routes": scores[first]}, {})
        share = weights.rerank[self.kind] * routes.fullness(self.query)
        if not share:
            return fused.ids
        readings = lambda ids: [(self.verses[i],) for i in ids]  # noqa: E731
        return reranking.reread(self.reranker, self.query, share, fused, {}, readings).fused.ids


class Objective:
    """F1 of the top verse of each photo, in several ways: the bench as our eyes see it, with a person's caption, other photos.

    Args:
        asked: way -> photo -> what the routes found for it.
        judges: way -> (photo, verse) -> F1, 0..1.
    """

    def __init__(
        self, asked: Mapping[str, Mapping[str, Asked]], judges: Mapping[str, Callable[[str, int], float]]
    ) -> None:
        self.asked, self._judges = asked, judges
        self.photos = list(dict.fromkeys(name for photos in asked.values() for name in photos))
        self._known: dict[tuple[str, str, int], float] = {}
        self._tops: dict[tuple[object, ...], int] = {}

    def __call__(self, weights: fusion.Weights, photos: Sequence[str]) -> float:
        """Mean F1 over all ways and those of the photos that each has, less the penalty for repeating verses."""
        total = 0.0
        for way in self.asked:
            top = self.top(way, weights, photos)
            total += self._mean(way, top) - PENALTY * max(0.0, DISTINCT[way] - len(set(top.values())) / len(top))
        return total / len(self.asked)

    def f1(self, way: str, weights: fusion.Weights, photos: Sequence[str]) -> float:
        """Mean F1 over some photos."""
        return self._mean(way, self.top(way, weights, photos))

    def top(self, way: str, weights: fusion.Weights, photos: Sequence[str]) -> dict[str, int]:
        """The first verse of each photo that this way has."""
        return {name: self._first(way, name, weights) for name in photos if name in self.asked[way]}

    def _first(self, way: str, name: str, weights: fusion.Weights) -> int:
        asked = self.asked[way][name]
        own = (way, name, weights.fame, weights.rerank[asked.kind], *(weights.routes[n] for n in asked.names[1:]))
        if own not in self._tops:  # most trials change what other ways go by
            self._tops[own] = int(asked.ids(weights)[0])
        return self._tops[own]

    def _mean(self, way: str, top: Mapping[str, int]) -> float:
        for name, verse in top.items():
            if (way, name, verse) not in self._known:
                self._known[way, name, verse] = self._judges[way](name, verse)
        return sum(self._known[way, *item] for item in top.items()) / len(top)


def with_route(weights: fusion.Weights, name: str, value: float) -> fusion.Weights:
    """The weights with another one for a route."""
    return replace(weights, routes={**weights.routes, name: value})


def with_share(weights: fusion.Weights, kind: str, value: float) -> fusion.Weights:
    """The weights with another share of the reranker."""
    return replace(weights, rerank={**weights.rerank, kind: value})


def ascend(objective: Objective, photos: Sequence[str], start: fusion.Weights) -> fusion.Weights:
    """Change one weight at a time as long as that helps; every route keeps a say."""
    weights, best = start, objective(start, photos)
    trials: list[Callable[[fusion.Weights], fusion.Weights]] = [
        *(lambda w, n=n, s=s: with_route(w, n, s) for n in ROUTES for s in STEPS),
        *(lambda w, s=s: with_share(w, "description", s) for s in SHARES),
        *(lambda w, s=s: with_share(w, "sight", s) for s in FEW_SHARES),
        *(lambda w, f=f: replace(w, fame=f) for f in FAMES),
    ]
    improved = True
    while improved:
        improved = False
        for trial in trials:
            changed = trial(weights)
            value = objective(changed, photos)
            if value > best + 1e-6:
                weights, best, improved = changed, value, True
    return readable(objective, photos, weights)


def readable(objective: Objective, photos: Sequence[str], weights: fusion.Weights) -> fusion.Weights:
    """The weights with as much for fame as costs no more than `SLACK`."""
    best = objective(weights, photos)
    tried = (replace(weights, fame=fame) for fame in FAMES if fame > weights.fame)
    return [weights, *(trial for trial in tried if objective(trial, photos) >= best - SLACK)][-1]


def held_out(objective: Objective, start: fusion.Weights) -> dict[str, float]:
    """way -> F1 on photos held out in five folds."""
    photos = random.Random(0).sample(objective.photos, len(objective.photos))
    total = dict.fromkeys(objective.asked, 0.0)
    for kept in (photos[k::5] for k in range(5)):
        learnt = ascend(objective, [name for name in photos if name not in kept], start)
        for way, asked in objective.asked.items():
            some = [name for name in kept if name in asked]
            total[way] += objective.f1(way, learnt, some) * len(some) / len(asked)
    return total


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
    asked: Sequence[tuple[Asked, set[int]]],
    captions: Mapping[str, Asked],
    judge: Callable[[str, int], float],
    weights: fusion.Weights,
) -> tuple[fusion.Weights, str]:
    """The weights with those for words that find most of the held-out verses and fit captions best, and a table.

    Args:
        asked: what is searched, and the verses that answer it.
        captions: photo -> its caption, searched.
        judge: (photo, verse) -> F1, 0..1.
        weights: the others'.
    """
    heaviest = SAID * max(weights.routes[name] for name in SEEN)

    def trial(share: float, rerank: float) -> fusion.Weights:
        said = {"words": heaviest * share / max(share, 1 - share)}
        said["words_glosses"] = heaviest * (1 - share) / max(share, 1 - share)
        said["named"] = heaviest
        said = {name: round(value, 3) for name, value in said.items()}
        return with_share(replace(weights, routes={**weights.routes, **said}), "words", rerank)

    def quality(tried: fusion.Weights) -> tuple[float, float, float]:
        first = [one.ids(tried)[:10] for one, _ in asked]
        found = [np.flatnonzero(np.isin(ids, list(right))) for ids, (_, right) in zip(first, asked, strict=True)]
        fits = [judge(name, int(one.ids(tried)[0])) for name, one in captions.items()]
        top, ten = (np.mean([len(p) > 0 and p[0] < k for p in found]) for k in (1, 10))
        return float(top), float(ten), float(np.mean(fits))

    results = {(s, r): quality(trial(s, r)) for s in (0.2, 0.35, 0.5, 0.65, 0.8) for r in SHARES}
    near = [tried for tried in results if sum(results[tried]) >= max(map(sum, results.values())) - SLACK]
    best = min(near, key=lambda tried: (tried[1], -sum(results[tried])))
    lines = [f"{len(asked)} held-out translations: R@1, R@10; {len(captions)} captions: F1", ""]
    lines += [
        "| dense share | " + " | ".join(f"reranker {r}" for r in SHARES) + " |",
        "| --- " * (1 + len(SHARES)) + "|",
    ]
    for s in dict.fromkeys(s for s, _ in results):
        cells = ["{:.3f}, {:.3f}; {:.2f}".format(*results[s, r]) for r in SHARES]
        lines.append(f"| {s} | " + " | ".join(cells) + " |")
    return trial(*best), "\n".join([*lines, "", f"chosen: {best}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="that neither encoder nor reranker was trained on")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--photos", type=Path, nargs="*", default=[])
    parser.add_argument("--tags", type=Path, nargs="*", default=[])
    parser.add_argument("--most", type=int, default=400, help="held-out rows, and photos held back")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    matcher, bench = ImageToPoem(), benches.load(args.shared)
    verses = matcher.corpus.texts(0, len(matcher.library.naming))
    if matcher.reranker is None:
        parser.error("set IMAGE2POEM_RERANKER to the reranker whose share is learnt")
    reranker = Remembering(matcher.reranker)
    asked: dict[str, dict[str, Asked]] = {EYES: {}, CAPTION: {}}
    for photo in bench.photos:
        if any(tag in bench.table for tag in photo.tags):
            sight = matcher.seer.see(load_photo(photo.image))
            asked[EYES][photo.name] = Asked(matcher, reranker, verses, sight)
            described = matcher._with_words(replace(sight, description=photo.caption, described=True), "")
            asked[CAPTION][photo.name] = Asked(matcher, reranker, verses, described)
    by_bench = lambda name, verse: float(bench.figures({name: verses[verse]})[0, -1])  # noqa: E731
    judges: dict[str, Callable[[str, int], float]] = {EYES: by_bench, CAPTION: by_bench}
    if args.photos:
        from evaluation import tagged

        held_back = tagged.load(args.photos, args.tags, matcher.lexicon)
        some = random.Random(0).sample(held_back, min(args.most, len(held_back)))
        more = {photo.name: photo for photo in some}
        asked[HELD_BACK] = {
            name: Asked(matcher, reranker, verses, matcher.seer.see(load_photo(photo.image())))
            for name, photo in more.items()
        }
        judges[HELD_BACK] = lambda name, verse: more[name].f1(matcher.library.naming.of(verse).tolist())
    objective = Objective(asked, judges)
    before = fusion.load_weights()
    held = held_out(objective, before)
    weights = ascend(objective, objective.photos, before)
    for way, of in objective.asked.items():
        print(f"{way}: F1 {objective.f1(way, weights, objective.photos):.3f} with weights learnt on all "
              f"{len(of)} photos, {held[way]:.3f} on photos held out in five folds\n")  # fmt: skip
        one = next(iter(of.values()))
        trials = {"all": weights, "the weights before": before, "without rerank": with_share(weights, one.kind, 0.0)}
        trials |= {f"without {name}": with_route(weights, name, 0.0) for name in one.names[1:]}
        trials["without fame"] = replace(weights, fame=0.0)
        tops = {name: objective.top(way, tried, objective.photos) for name, tried in trials.items()}
        if way == HELD_BACK:
            rows = (
                f"| {name} | {objective.f1(way, trials[name], objective.photos):.2f} | {len(set(top.values())) / len(top):.2f} |"
                for name, top in tops.items()
            )
            print("\n".join(["| top verse from | F1 | distinct |", "| --- | --- | --- |", *rows]) + "\n", flush=True)
        else:
            answers = {name: {photo: verses[verse] for photo, verse in top.items()} for name, top in tops.items()}
            print("\n".join(benches.table_rows(bench, answers)) + "\n", flush=True)
    searched = {
        photo.name: Asked(
            matcher, reranker, verses, matcher._with_words(Sight(None, (), ""), photo.caption), photo.caption
        )
        for photo in bench.photos
        if photo.name in asked[EYES]
    }
    held_out_rows = asked_for(matcher, reranker, verses, args.rows, args.most)
    weights, table = words_weights(held_out_rows, searched, by_bench, weights)
    print(table)
    print(json.dumps(asdict(weights)))
    if args.write:
        (DATA / "fusion.json").write_text(json.dumps(asdict(weights), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
