"""What the clock says of what was seen: a low sun in the morning is a sunrise, and no lotus flowers in January.

The eyes outrank the clock: it only leans on chances. Snow that is plainly seen in April is snow.
"""

from __future__ import annotations

from collections.abc import Mapping

from image2poem.context.calendar import OPPOSITE
from image2poem.model import Context, Imagery
from image2poem.sight.lexicon import Lexicon

HINTED = 0.3  # chance of the season and the hour themselves where the photo doesn't show them
# What is left of the odds of a term that belongs to another season or hour.
OTHER_SEASON = 0.5  # only the opposite one: neighbours shade into each other
OTHER_HOUR: Mapping[str, Mapping[str, float]] = {
    "晨": {"暮": 0.25, "夜": 0.5},
    "昼": {"暮": 0.5, "夜": 0.5},
    "暮": {"晨": 0.25},
    "夜": {"晨": 0.5, "昼": 0.25, "暮": 0.5},
}
# What looks the same, and is the one or the other by the hour: term, then what it is taken for, with how much of its chance.
TWINS: Mapping[str, tuple[tuple[str, str, float], ...]] = {
    "晨": (("夕阳", "日出", 1.0), ("黄昏", "晨", 1.0), ("暮色", "晨", 1.0)),
    "暮": (("日出", "夕阳", 1.0), ("晨", "黄昏", 1.0)),
    "夜": (("日", "月", 0.5),),
}
_NAMES = {"晨": "晨", "暮": "黄昏", "夜": "夜", **{season: season for season in OPPOSITE}}  # 昼 says nothing in verse


def timely(imagery: tuple[Imagery, ...], context: Context, lexicon: Lexicon) -> tuple[Imagery, ...]:
    """What was seen, leaning on the season and the hour of a context; surest first."""
    seen = {item.term: item.score for item in imagery}
    chances = {name: _weaker(chance, _left(name, context, lexicon)) for name, chance in seen.items()}
    for taken, really, share in TWINS.get(context.hour, ()):
        if really in lexicon.number and taken in seen:
            chances[really] = max(chances.get(really, 0.0), share * seen[taken])
    return _surest_first(chances, lexicon)


def hinted(imagery: tuple[Imagery, ...], context: Context, lexicon: Lexicon) -> tuple[Imagery, ...]:
    """What was seen, and the season and the hour of a context, which needn't be seen to be so; surest first."""
    chances = {item.term: item.score for item in imagery}
    for said in (context.season, context.hour):
        name = _NAMES.get(said)
        if name is not None and name in lexicon.number:
            chances[name] = max(chances.get(name, 0.0), HINTED)
    return _surest_first(chances, lexicon)


def _surest_first(chances: Mapping[str, float], lexicon: Lexicon) -> tuple[Imagery, ...]:
    order = sorted(chances, key=lambda name: (-chances[name], lexicon.number[name]))
    return tuple(Imagery(name, chances[name]) for name in order)


def _left(name: str, context: Context, lexicon: Lexicon) -> float:
    """What the clock leaves of a term's odds."""
    term = lexicon.terms[lexicon.number[name]]
    left = OTHER_SEASON if term.season and term.season == OPPOSITE.get(context.season) else 1.0
    return left * OTHER_HOUR.get(context.hour, {}).get(term.hour or "", 1.0)


def _weaker(chance: float, factor: float) -> float:
    """A chance after its odds were multiplied."""
    return factor * chance / (1 - chance + factor * chance)
