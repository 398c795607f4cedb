"""Season, hour, weather, light, setting and mood: read off the imagery and the light, each with what speaks for it.

Every value has clues for it and against it, each with a weight (data/scene.json). A clue is a term of the lexicon, an
observation of the light (`light.clues`), or for the mood another value; "雾+山" is both together. What speaks for a
value is joined as independent hints are (noisy or: any one may suffice), then what speaks against it takes its share.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from image2poem.errors import ModelError
from image2poem.model import Context, Facet, Scene
from image2poem.sight import light as lights
from image2poem.sight.lexicon import Lexicon
from image2poem.sight.light import Light

ENOUGH = 0.4  # a value less sure than this isn't told
MOOD = 0.3  # a mood is nobody's certainty
HINT = 0.1  # a chance under this says nothing: hundreds of small ones would add up
BY_LEXICON = 0.7  # what a term says of season, hour and setting by its entry in the lexicon
CLOCK, BY_CLOCK = "摄于", 0.8  # what a basis calls a photo's own date and time, and how far they alone are believed

_FILE = Path(__file__).parent.parent / "data" / "scene.json"


@dataclass(frozen=True, slots=True)
class Rule:
    """What speaks for a value and what against it: clue -> weight, 0..1."""

    pro: Mapping[str, float]
    contra: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules."""

    facets: Mapping[str, Mapping[str, Rule]]  # facet -> value -> rule
    impossible: Mapping[str, Mapping[str, float]]  # observation of the light -> term -> what it takes off its chance


def read_scene(
    lexicon: Lexicon, chances: Mapping[str, float], light: Light | None = None, context: Context | None = None
) -> Scene:
    """What the imagery and the light of a photo say of its scene.

    Args:
        lexicon: the lexicon of the terms.
        chances: term -> the chance to see it.
        light: of the photo's pixels; None where there are none.
        context: what the photo itself says of season and hour: where it does, that is what they are, and the eyes only
            say how sure it is.
    """
    rules = load_rules().facets
    clues = {clue: chance for clue, chance in chances.items() if chance >= HINT}
    clues |= lights.clues(light) if light else {}
    entries = {name: _with_entries(rules[name], lexicon, clues, name) for name in ("season", "hour", "setting")}
    clock = context or Context()
    season = _by_clock(entries["season"], clues, clock.season) or _best(entries["season"], clues)
    hour = _by_clock(entries["hour"], clues, clock.hour) or _best(entries["hour"], clues)
    weather = _best(rules["weather"], clues)
    setting = _best(entries["setting"], clues)
    shine = tuple(facet for name in ("warmth", "brightness") if (facet := _best(rules[name], clues)))
    for facet in (season, hour, weather, setting, *shine):
        if facet:
            clues[facet.name] = max(clues.get(facet.name, 0.0), facet.confidence)
    return Scene(season, hour, weather, shine, setting, _best(rules["mood"], clues, MOOD))


def less_impossible(lexicon: Lexicon, chances: NDArray[np.float32], light: Light) -> NDArray[np.float32]:
    """The chances of all terms, float32[t], less what the light makes impossible: no stars in a bright picture."""
    chances = chances.copy()
    seen = lights.clues(light)
    for clue, terms in load_rules().impossible.items():
        for term, weight in terms.items():
            if term in lexicon.number:
                chances[lexicon.number[term]] *= 1 - weight * seen[clue]
    return chances


@lru_cache
def load_rules(path: Path = _FILE) -> Rules:
    """The rules that the package ships.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        rows = json.loads(path.read_text("utf-8"))
        impossible = rows.pop("impossible")
        facets = {
            facet: {value: Rule(row["for"], row["against"]) for value, row in values.items()}
            for facet, values in rows.items()
        }
        return Rules(facets, impossible)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"the rules for scenes {path} can't be read ({error}); install image2poem again") from None


def _with_entries(
    rules: Mapping[str, Rule], lexicon: Lexicon, clues: Mapping[str, float], facet: str
) -> dict[str, Rule]:
    """The rules of a facet with what the lexicon says of the terms seen, where the rules don't speak of them."""
    more: dict[str, dict[str, float]] = {value: {} for value in rules}
    for clue in clues.keys() & lexicon.number.keys():
        value = getattr(lexicon.terms[lexicon.number[clue]], facet)
        if value in more:
            more[value][clue] = BY_LEXICON
    return {value: Rule({**more[value], **rule.pro}, rule.contra) for value, rule in rules.items()}


def _by_clock(rules: Mapping[str, Rule], clues: Mapping[str, float], value: str) -> Facet | None:
    """The value that the photo's date gives, surer the more it looks so too; None if it gives none."""
    rule = rules.get(value)
    if rule is None:
        return None
    seen = _chance(rule, clues)
    too = _basis(rule, clues, most=2) if seen >= HINT else ()
    return Facet(value, 1 - (1 - BY_CLOCK) * (1 - seen), (f"{CLOCK}{value}", *too))


def _best(rules: Mapping[str, Rule], clues: Mapping[str, float], enough: float = ENOUGH) -> Facet | None:
    """The likeliest value, less sure the nearer a rival comes."""
    chances = {value: _chance(rule, clues) for value, rule in rules.items()}
    value = max(chances, key=lambda v: chances[v])
    rival = max((chance for other, chance in chances.items() if other != value), default=0.0)
    confidence = chances[value] - 0.5 * rival**2
    if confidence < enough:
        return None
    return Facet(value, confidence, _basis(rules[value], clues))


def _chance(rule: Rule, clues: Mapping[str, float]) -> float:
    doubt, left = 1.0, 1.0
    for clue, weight in rule.pro.items():
        doubt *= 1 - weight * _strength(clue, clues)
    for clue, weight in rule.contra.items():
        left *= 1 - weight * _strength(clue, clues)
    return (1 - doubt) * left


def _strength(clue: str, clues: Mapping[str, float]) -> float:
    if "+" not in clue:
        return clues.get(clue, 0.0)
    one, other = clue.split("+")
    return clues.get(one, 0.0) * clues.get(other, 0.0)


def _basis(rule: Rule, clues: Mapping[str, float], most: int = 3) -> tuple[str, ...]:
    """The clues that say most, strongest first; at least one."""
    said = {clue: weight * _strength(clue, clues) for clue, weight in rule.pro.items()}
    first, *others = sorted(said, key=lambda clue: -said[clue])
    strongest = [first, *(clue for clue in others if said[clue] >= HINT)]
    return tuple(dict.fromkeys(name for clue in strongest for name in clue.split("+")))[:most]
