"""The first of the fused verses are read again by the reranker, retrieved and composed lines alike, on one scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from image2poem.rerank import Reranker
from image2poem.retrieval.diversity import Favour
from image2poem.retrieval.fusion import Fused, ordered, stretched

NAME = "rerank"  # among the ranks and the parts of a score
CANDIDATES = 30  # verses that are read again; how many pay is told in docs/reranker.md
_FAVOURED = 6  # among them so many of those that a place or a day favours


@dataclass(frozen=True, slots=True)
class Reread:
    """Fused verses and favours, after the reranker had its share of their scores."""

    fused: Fused
    favours: dict[int, Favour]


def reread(
    reranker: Reranker,
    query: str,
    share: float,
    fused: Fused,
    favours: Mapping[int, Favour],
    readings: Callable[[Sequence[int]], list[tuple[str, ...]]],
    candidates: int = CANDIDATES,
) -> Reread:
    """Give the reranker its share of the scores of the first verses; all others keep the rest of theirs.

    Args:
        reranker: judges them.
        query: what they should say.
        share: of the reranker in a score, 0..1.
        fused: the verses as the routes have them.
        favours: verses that a place or a day favours; the first of them are read too.
        readings: gives for some ids what may speak for each: the line, and a translation if it has one. The better counts.
        candidates: how many are read.
    """
    apart = sorted(favours.keys() - set(fused.ids.tolist()), key=lambda i: -favours[i].score - favours[i].bonus)
    del apart[_FAVOURED:]
    read = [*fused.ids[: max(candidates - len(apart), 0)].tolist(), *apart]
    if not read:
        return Reread(fused, dict(favours))
    found = readings(read)
    scores = reranker.score(query, [text for texts in found for text in texts])
    judged = np.maximum.reduceat(scores, np.cumsum([0, *map(len, found[:-1])]))
    says = dict(zip(read, (share * stretched(judged)).tolist(), strict=True))
    parts = {name: (1 - share) * part for name, part in fused.parts.items()}
    parts[NAME] = np.array([says.get(verse, 0.0) for verse in fused.ids.tolist()])
    return Reread(
        ordered(fused.ids, parts, {**fused.ranks, NAME: _ranks(read, judged)}),
        {i: replace(favour, score=(1 - share) * favour.score + says.get(i, 0.0)) for i, favour in favours.items()},
    )


def _ranks(ids: Sequence[int], judged: NDArray[np.float32]) -> dict[int, int]:
    order = np.argsort(-judged, kind="stable")
    return {ids[at]: rank for rank, at in enumerate(order.tolist(), 1)}
