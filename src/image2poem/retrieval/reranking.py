"""The first of the fused verses are read again, retrieved and composed lines alike, on one scale.

By the reranker: how well does a line say what is asked? And as a reader would who sees it under a photo: does it stand by
itself, or is it a fragment of something?
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from image2poem.corpus.convert import bare
from image2poem.rerank import Reranker
from image2poem.retrieval.diversity import Favour
from image2poem.retrieval.fusion import Fused, ordered, stretched

NAME, WHOLE = "rerank", "whole"  # among the parts of a score; the first among the ranks too
CANDIDATES = 30  # verses that are read again; how many pay is told in docs/reranker.md
_FAVOURED = 10  # and so many of those that a place or a day favours
_SHORTEST = 8  # characters of a line that stands by itself, in two clauses or more
_CLAUSE = re.compile(r"[^，。！？；、：]+[，。！？；、：]?")


@dataclass(frozen=True, slots=True)
class Reread:
    """Fused verses and favours, after the reranker had its share of their scores."""

    fused: Fused
    favours: dict[int, Favour]


def reread(
    reranker: Reranker | None,
    query: str,
    shares: tuple[float, float],
    fused: Fused,
    favours: Mapping[int, Favour],
    texts: Callable[[Sequence[int]], list[str]],
    candidates: int = CANDIDATES,
) -> Reread:
    """Give the reranker, and standing by itself, their shares of the scores of the first verses.

    All others keep the rest of theirs, and so stay behind.

    Args:
        reranker: judges them; None: its share is nothing.
        query: what they should say.
        shares: of the reranker in a score, and of standing by itself, 0..1, together 1 at most.
        fused: the verses as the routes have them.
        favours: verses that a place or a day favours; the first of them are read too.
        texts: gives the lines of some ids.
        candidates: how many of the fused verses are read.
    """
    judges, whole = (shares[0] if reranker else 0.0), shares[1]
    apart = sorted(favours.keys() - set(fused.ids.tolist()), key=lambda i: -favours[i].score - favours[i].bonus)
    read = [*fused.ids[:candidates].tolist(), *apart[:_FAVOURED]]
    if not read or not judges + whole:
        return Reread(fused, dict(favours))
    lines, kept = texts(read), 1 - judges - whole
    said: dict[str, dict[int, float]] = {}
    ranks = dict(fused.ranks)
    if whole:
        said[WHOLE] = {verse: whole * stands(line) for verse, line in zip(read, lines, strict=True)}
    if reranker and judges:
        judged = reranker.score(query, lines)
        said[NAME] = dict(zip(read, (judges * stretched(judged)).tolist(), strict=True))
        ranks[NAME] = _ranks(read, judged)
    parts = {name: kept * part for name, part in fused.parts.items()}
    parts |= {name: np.array([of.get(verse, 0.0) for verse in fused.ids.tolist()]) for name, of in said.items()}
    return Reread(
        ordered(fused.ids, parts, ranks),
        {
            verse: replace(favour, score=kept * favour.score + sum(of.get(verse, 0.0) for of in said.values()))
            for verse, favour in favours.items()
        },
    )


def stands(line: str) -> bool:
    """Whether a line can be read by itself: two clauses or more, of some length together."""
    return len(bare(line)) >= _SHORTEST and len(_CLAUSE.findall(line)) > 1


def _ranks(ids: Sequence[int], judged: NDArray[np.float32]) -> dict[int, int]:
    order = np.argsort(-judged, kind="stable")
    return {ids[at]: rank for rank, at in enumerate(order.tolist(), 1)}
