"""How the terms of the lexicon are told in everyday Chinese, and which of those seen are worth telling."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from image2poem.errors import ModelError
from image2poem.model import Imagery
from image2poem.sight.lexicon import Lexicon

TELL = 0.35  # a chance under this isn't told, except where nothing is surer
MOST = 7  # things told at most
BOLD = {"act": 0.6, "person": 0.5}  # what it takes to say that somebody is there, and what they do
BROAD = 0.6  # a narrower word (雪山) is told if it is that much as sure as the broad ones that it implies (山, 雪)
# what they count against others of their kind
DULL = {"天": 0.1, "花": 0.7, "草": 0.7, "树": BROAD, "水": BROAD, "峰": 0.8}
# Of a kind one thing is told; of these kinds together one, or as many as here.
SLOTS = (("bird", "percher", "waterbird"), ("wood", "tree"), ("lamp", "lamps"), ("flower", "lotus"), ("yard", "room"))
SEVERAL = {"beast": 2, "food": 3, "thing": 2, "sky": 2, "clause": 2, "time": 9}

_FILE = Path(__file__).parent.parent / "data" / "wording.json"


@dataclass(frozen=True, slots=True)
class Word:
    """How a term is told."""

    kind: str  # what it is to a sentence: water, mount, house ...
    say: str = ""  # 湖水
    alone: str = ""  # as a clause of its own: 湖面平静
    face: str = ""  # of water, where it mirrors: 湖面
    on: str = ""  # what is there, is there: 草地上


@dataclass(frozen=True, slots=True)
class Told:
    """A term that is worth telling."""

    term: str
    word: Word
    chance: float


@lru_cache
def load_words(path: Path = _FILE) -> Mapping[str, Word]:
    """How each term is told.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        return {term: Word(**row) for term, row in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"the words for imagery {path} can't be read ({error}); install image2poem again") from None


def choose(lexicon: Lexicon, imagery: Sequence[Imagery]) -> list[Told]:
    """What is worth telling, surest first: the narrower word where it is nearly as sure, one thing of a kind.

    A term that has no words yet is told by its first phrase.
    """
    words = load_words()
    chances = {item.term: item.score for item in sorted(imagery, key=lambda item: -item.score)}
    terms = {name: lexicon.terms[lexicon.number[name]] for name in chances}
    dropped: set[str] = set()
    for name, chance in chances.items():
        broader = [other for other in terms[name].implies if other in chances]
        if all(chance >= BROAD * chances[other] for other in broader):
            dropped.update(broader)
        else:
            dropped.add(name)
    room: dict[str, int] = {}
    chosen = []
    for name in sorted(chances.keys() - dropped, key=lambda name: (-chances[name] * DULL.get(name, 1.0), name)):
        word = words.get(name) or Word("clause", terms[name].phrases[0])
        slot = next((slot[0] for slot in SLOTS if word.kind in slot), word.kind)
        room[slot] = room.get(slot, SEVERAL.get(slot, 1)) - 1
        if room[slot] >= 0:
            chosen.append(Told(name, word, chances[name]))
    chosen.sort(key=lambda told: -told.chance)
    sure = [told for told in chosen if told.chance >= BOLD.get(told.word.kind, TELL)]
    return (sure or chosen[:1])[:MOST]
