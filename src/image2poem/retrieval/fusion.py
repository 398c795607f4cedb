"""The routes' lists become one, by a convex combination of their scores with a learnt weight for each route.

Each route's scores are first stretched to one range over its own list (Bruch, Gai and Ingber 2023). Reciprocal-rank fusion
was tried first: with it one verse was first for every photo of its kind (docs/measured.md).

A route need not know every verse: one that compares translations has nothing to say of a verse that nobody translated. What
it can't judge is judged by the other routes alone, over the sum of their weights (`Ranked.judges`); what it can judge and
doesn't list counts as 0 there, like everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.errors import ModelError
from image2poem.retrieval.routes import Ranked

LISTED = 0.05

_FILE = Path(__file__).parent.parent / "data" / "fusion.json"


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each route counts, and how much fame. Learnt by evaluation/tune.py."""

    routes: Mapping[str, float]
    fame: float
    repetition: float  # what a verse loses if one above it names the very same things
    rerank: Mapping[str, float]  # the reranker's share, 0..1: where words are asked, a description, or a sight


@dataclass(frozen=True, slots=True)
class Fused:
    """Verses of all routes, best first."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float64]  # 0..1: 1 is first in every route, and known to everybody
    ranks: Mapping[str, Mapping[int, int]]  # route -> verse id -> rank there, 1 is best
    parts: Mapping[str, NDArray[np.float64]]  # route, fame, rerank -> what each score has of it

    def parts_of(self, verse: int) -> dict[str, float]:
        """What the score of one verse is made of; nothing of a verse that no route found."""
        at = np.flatnonzero(self.ids == verse)
        return {name: float(part[at[0]]) for name, part in self.parts.items() if part[at[0]]} if len(at) else {}


def load_weights(path: Path = _FILE) -> Weights:
    """The weights that the package ships.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        return Weights(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} can't be read ({error}); install image2poem again") from None


def fuse(routes: Mapping[str, Ranked], weights: Weights, fame: NDArray[np.float32]) -> Fused:
    """Join the routes' lists. Each verse is judged by the routes that can judge it, and by no other.

    Args:
        routes: what each route found, and which verses it can judge.
        weights: of the routes and of fame.
        fame: float32[n], 0..1, of every verse.
    """
    ids = np.unique(np.concatenate([np.zeros(0, np.int64), *(ranked.ids for ranked in routes.values())]))
    parts = {"fame": weights.fame * fame[ids].astype(np.float64)}
    most = np.full(len(ids), max(weights.fame, 1e-9))
    ranks: dict[str, dict[int, int]] = {}
    for name, ranked in routes.items():
        ranks[name] = {verse: rank for rank, verse in enumerate(ranked.ids.tolist(), 1)}
        if len(ranked.ids):
            weight = weights.routes[name] * ranked.share
            most[ranked.judged(ids)] += weight
            parts[name] = np.zeros(len(ids))
            parts[name][np.searchsorted(ids, ranked.ids)] = weight * stretched(ranked.scores)
    return ordered(ids, {name: part / most for name, part in parts.items()}, ranks)


def ordered(
    ids: NDArray[np.int64], parts: Mapping[str, NDArray[np.float64]], ranks: Mapping[str, Mapping[int, int]]
) -> Fused:
    """Verses in the order of their scores, which are the sums of their parts."""
    scores = np.sum(list(parts.values()), axis=0)
    order = np.lexsort((ids, -scores))
    return Fused(ids[order], scores[order], ranks, {name: part[order] for name, part in parts.items()})


def rate(
    ids: NDArray[np.int64],
    deeper: Mapping[str, Ranked],
    routes: Mapping[str, Ranked],
    weights: Weights,
    fame: NDArray[np.float32],
) -> NDArray[np.float64]:
    """The scores that verses would have among those of a search, wherever they stand: float64[m], -1..1.

    On the scale of `fuse`, going on below 0: what fits worse than all that the routes listed is negative.

    Args:
        ids: the verses, int64[m].
        deeper: what the routes say of these verses; of what a route doesn't list its score is 0.
        routes: what each route found among all verses.
        weights: of the routes and of fame.
        fame: float32[n], 0..1, of every verse.
    """
    total = weights.fame * fame[ids].astype(np.float64)
    most = np.full(len(ids), weights.fame)
    for name, ranked in routes.items():
        if not len(ranked.ids) or name not in deeper:
            continue
        known = dict(zip(deeper[name].ids.tolist(), deeper[name].scores.tolist(), strict=True))
        scores = np.array([known.get(verse, 0.0) for verse in ids.tolist()])
        low, high = float(ranked.scores.min()), float(ranked.scores.max())
        further = LISTED + (1 - LISTED) * (scores - low) / max(high - low, 1e-6)
        judged, weight = ranked.judged(ids), weights.routes[name] * ranked.share
        total[judged] += weight * further[judged].clip(-1, 1)
        most[judged] += weight
    return np.asarray(total / np.maximum(most, 1e-9))


def only(fused: Fused, numbers: Sequence[int]) -> Fused:
    """Some of the verses, as they were judged among all; those that no route found have nothing to their credit."""
    missing = np.setdiff1d(np.array(numbers, np.int64), fused.ids)
    kept = np.isin(fused.ids, numbers)
    nothing = np.zeros(len(missing))
    return Fused(
        np.concatenate([fused.ids[kept], missing]),
        np.concatenate([fused.scores[kept], nothing]),
        fused.ranks,
        {name: np.concatenate([part[kept], nothing]) for name, part in fused.parts.items()},
    )


def stretched(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """A list's scores to LISTED..1: its last is still better than what isn't in it."""
    if not len(scores):
        return np.zeros(0)
    low, high = float(scores.min()), float(scores.max())
    if high <= low:
        return np.ones(len(scores))
    return LISTED + (1 - LISTED) * (scores.astype(np.float64) - low) / (high - low)
