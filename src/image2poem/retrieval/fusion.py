"""Reciprocal-rank fusion (Cormack, Clarke and Büttcher 2009) with a learnt weight for each route."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.errors import ModelError
from image2poem.retrieval.routes import Ranked

_FILE = Path(__file__).parent.parent / "data" / "fusion.json"


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each route counts, how much fame, and how slowly a rank loses worth. Tuned: evaluation/tune.py."""

    routes: Mapping[str, float]
    fame: float
    constant: float
    repetition: float  # what a verse loses if one above it names the very same things


@dataclass(frozen=True, slots=True)
class Fused:
    """Verses of all routes, best first."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float64]  # 0..1: 1 is first in every route, and known to everybody
    ranks: Mapping[str, Mapping[int, int]]  # route -> verse id -> rank there, 1 is best


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
    """Join the routes' lists.

    Args:
        routes: what each route found.
        weights: of the routes and of fame.
        fame: float32[n], 0..1, of every verse.
    """
    total: dict[int, float] = {}
    ranks: dict[str, dict[int, int]] = {}
    most = weights.fame
    for name, ranked in routes.items():
        weight = weights.routes[name]
        most += weight
        ranks[name] = {verse: rank for rank, verse in enumerate(ranked.ids.tolist(), 1)}
        for verse, rank in ranks[name].items():
            total[verse] = total.get(verse, 0.0) + weight * (1 + weights.constant) / (rank + weights.constant)
    ids = np.fromiter(total, np.int64, len(total))
    scores = np.fromiter(total.values(), np.float64, len(total))
    scores = (scores + weights.fame * fame[ids]) / most
    order = np.lexsort((ids, -scores))
    return Fused(ids[order], scores[order], ranks)
