"""A little diversity: not five lines of one poem, not five moons where the photo shows a moon and a boat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2poem.retrieval.fusion import Fused
from image2poem.retrieval.naming import Naming

_CONSIDERED = 100  # verses from the top of the list
FAVOURED, OF = 2, 5  # so many of each so many verses may owe their place to a favour
AGAIN = 0.5  # what is left of a bonus for each verse above it that had one for the same thing


@dataclass(frozen=True, slots=True)
class Favour:
    """What speaks for a verse beside what is seen: its score without that, what that adds, and what it is."""

    score: float
    bonus: float
    things: frozenset[str]  # place, day


def choose(
    fused: Fused,
    top: int,
    poem: NDArray[np.int32],
    naming: Naming,
    repetition: float,
    favours: Mapping[int, Favour] | None = None,
) -> list[tuple[int, float]]:
    """The best verses to show together: (verse id, score), best first, scores falling.

    Greedy: each next verse is the one with the highest score after it lost `repetition` times the likeness (Jaccard)
    of what it names to what one verse above it names. A poem gives one verse, as long as others are left.

    Args:
        fused: all candidates.
        top: how many to choose.
        poem: int32[n], the poem of every verse.
        naming: what the verses name.
        repetition: 0..1.
        favours: of some verses, whether among the candidates or not. They help `FAVOURED` of each `OF` at most: the
            others have to be worth it without.
    """
    favours = favours or {}
    left = list(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True))[: max(_CONSIDERED, 4 * top)]
    listed = {verse for verse, _ in left}
    left += [(verse, favour.score) for verse, favour in favours.items() if verse not in listed]
    named = {verse: set(naming.of(verse).tolist()) for verse, _ in left}
    poem_of = dict(zip(named, poem[list(named)].tolist(), strict=True))
    likeness = dict.fromkeys(named, 0.0)  # to what one chosen verse names
    chosen: list[tuple[int, float]] = []
    while left and len(chosen) < top:
        poems = {poem_of[verse] for verse, _ in chosen}
        fresh = [item for item in left if poem_of[item[0]] not in poems] or left

        def worth(item: tuple[int, float]) -> float:
            bonus = 0.0
            if favour := favours.get(item[0]):
                above = [favours[verse].things for verse, _ in chosen if verse in favours]
                if len(above) < FAVOURED * (len(chosen) // OF + 1):
                    bonus = favour.bonus * AGAIN ** sum(bool(things & favour.things) for things in above)
            return (item[1] + bonus) * (1 - repetition * likeness[item[0]])

        best = max(fresh, key=worth)
        left.remove(best)
        chosen.append((best[0], max(0.0, min(worth(best), chosen[-1][1] if chosen else 1.0))))
        for verse, _ in left:
            likeness[verse] = max(likeness[verse], _jaccard(named[verse], named[best[0]]))
    return chosen


def _jaccard(a: set[int], b: set[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0
