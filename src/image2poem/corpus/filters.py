"""Which verses a person wants: by dynasty, author, genre, form and tag, as a mask over the facets."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image2poem.corpus.convert import fold, simplify_names
from image2poem.corpus.dynasty import dynasty_name
from image2poem.corpus.facets import Facets
from image2poem.corpus.poets import REAL_NAMES
from image2poem.corpus.split import clauses, form_of
from image2poem.errors import FilterError

Mask = NDArray[np.bool_]
_FORMS = {
    "四言": "四言",
    "五言": "五言",
    "六言": "六言",
    "七言": "七言",
    "杂言": "杂言",
    "4": "四言",
    "5": "五言",
    "6": "六言",
    "7": "七言",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What to keep: one of the alternatives of each kind that has any; all kinds must agree."""

    dynasty: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    genre: tuple[str, ...] = ()
    form: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.dynasty, self.author, self.genre, self.form, self.tag))

    def wanted(self, kind: str) -> tuple[str, ...]:
        """The alternatives of a kind as the corpus writes them: 唐 for 唐代, 五言 for 5."""
        return tuple(_plain(kind, name) for name in getattr(self, kind))

    def admit_new(self, line: str, genre: str) -> bool:
        """Whether a line that nobody wrote before passes: it has a genre and a form, but neither author nor dynasty."""
        if self.dynasty or self.author or self.tag:
            return False
        has = {"genre": genre, "form": form_of(clauses(line))}
        return all(own in (self.wanted(kind) or (own,)) for kind, own in has.items())


def _plain(kind: str, name: str) -> str:
    """A name as the corpus writes it: simplified, 唐代 as 唐, 五 as 五言."""
    name = simplify_names([name.strip()])[0]
    if kind == "dynasty":
        return dynasty_name(name)
    if kind == "form":
        return (
            _FORMS.get(name)
            or _FORMS.get(name.removesuffix("诗").removesuffix("绝句").removesuffix("律诗"))
            or _FORMS.get(name + "言", name)
        )
    if kind == "author":
        return REAL_NAMES.get(name, name)
    return name


def near(name: str, known: Sequence[str], weight: NDArray[np.float64], count: int = 3) -> list[str]:
    """The names most like `name`: same characters and length first, then by weight; those without any are left out."""
    characters = set(name)

    def likeness(i: int) -> tuple[float, float]:
        other = known[i]
        shared = len(characters & set(other)) / max(len(characters | set(other)), 1)
        prefix = 0.3 if other.startswith(name) or name.startswith(other) else 0.0
        length = 0.6 if len(name) == len(other) else 0.0
        ratio = difflib.SequenceMatcher(None, name, other).ratio()
        return shared + prefix + length + 0.2 * ratio, float(weight[i])

    candidates = [i for i, other in enumerate(known) if weight[i] and other and characters & set(other)]
    return [known[i] for i in sorted(candidates, key=likeness, reverse=True)[:count]]


def _weights(facets: Facets, kind: str) -> NDArray[np.float64]:
    """How much each name stands for, 0 without a verse: its verses, the well-known ones above all (李白 before 李纲)."""
    codes = facets.tag_code if kind == "tag" else getattr(facets, kind)
    fame = facets.fame[facets.tag_verse] if kind == "tag" else facets.fame
    weight = np.zeros(len(facets.names[kind]), np.float64)
    np.add.at(weight, codes, 0.001 + fame.astype(np.float64) ** 3)
    return weight


def options(facets: Facets, kind: str, most: int = 300) -> tuple[str, ...]:
    """Names of a kind that verses have, those of the best-known verses first."""
    weight = _weights(facets, kind)
    order = [i for i in np.argsort(-weight, kind="stable")[:most] if weight[i] and facets.names[kind][i]]
    return tuple(facets.names[kind][i] for i in order)


def _codes(facets: Facets, kind: str, names: Sequence[str]) -> list[int]:
    table = {name: i for i, name in enumerate(facets.names[kind])}
    codes = facets.tag_code if kind == "tag" else getattr(facets, kind)
    found = []
    for given in names:
        name = _plain(kind, given)
        code = table.get(name)
        if code is None and kind == "author":  # 朱庆余 for 朱庆馀
            code = next(
                (i for other, i in table.items() if len(other) == len(name) and fold(other) == fold(name)), None
            )
        if code is None or not (codes == code).any():
            weight = _weights(facets, kind)
            likely = near(name, facets.names[kind], weight)
            if not likely and kind != "author":
                likely = [facets.names[kind][i] for i in np.argsort(-weight)[:6] if weight[i] and facets.names[kind][i]]
            hint = f"; did you mean {', '.join(likely)}?" if likely else "; leave the filter out to see all"
            what = {
                "author": "by",
                "dynasty": "of the dynasty",
                "genre": "of the genre",
                "form": "of the form",
                "tag": "tagged",
            }[kind]
            raise FilterError(f"no verse {what} '{given}'{hint}", tuple(likely))
        found.append(code)
    return found


def mask(facets: Facets, filters: Filters) -> Mask:
    """True for the verses to keep, bool[n].

    Raises:
        FilterError: no verse has a name that is asked for; suggests those like it.
    """
    keep = np.ones(len(facets), np.bool_)
    for kind in ("dynasty", "author", "genre", "form"):
        wanted = getattr(filters, kind)
        if wanted:
            keep &= np.isin(getattr(facets, kind), _codes(facets, kind, wanted))
    if filters.tag:
        tagged = np.zeros(len(facets), np.bool_)
        tagged[facets.tag_verse[np.isin(facets.tag_code, _codes(facets, "tag", filters.tag))]] = True
        keep &= tagged
    return keep
