"""Some verses that are translated by one answer of a model: what it is asked, and about how much that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from image2poem.model import Verse
from image2poem.vlm.prompts import load_prompt, schema_of

SIZE = 20  # verses a request
_WRITTEN = 2.0  # characters of a translation for each of its verse: the median of 17,841 pairs
_KEY = 8  # tokens of a number, its quotes and marks
_THINKING = 2000  # tokens that a model may use up before its answer


@dataclass(frozen=True, slots=True)
class Estimate:
    """What translating will take, roughly: a token for each character."""

    verses: int
    requests: int
    tokens_in: int
    tokens_out: int

    def cost(self, price_in: float, price_out: float) -> float:
        """Money, where a million tokens of questions and of answers cost this much."""
        return (self.tokens_in * price_in + self.tokens_out * price_out) / 1e6


def batches(verses: Sequence[Verse], size: int = SIZE) -> list[list[Verse]]:
    """Verses by `size`, those of one poem side by side: they explain each other."""
    first: dict[int, int] = {}
    for verse in verses:
        first.setdefault(verse.poem_id, verse.id)
    ordered = sorted(verses, key=lambda verse: (first[verse.poem_id], verse.id))
    return [ordered[at : at + size] for at in range(0, len(ordered), size)]


def question(batch: Sequence[Verse]) -> str:
    """The prompt for a batch; its verses are numbered from 1."""
    lines = [f"{number}. {verse.text}（{verse.author}《{verse.title}》）" for number, verse in enumerate(batch, 1)]
    return load_prompt("translate").text(count=str(len(batch)), verses="\n".join(lines))


def answer_schema(batch: Sequence[Verse]) -> Mapping[str, Any]:
    """JSON schema of the answer: a text for each number."""
    return schema_of({str(number): {"type": "string"} for number in range(1, len(batch) + 1)})


def most_tokens(batch: Sequence[Verse]) -> int:
    """How long an answer may get: what is due three times over, and room to think."""
    return _THINKING + 3 * _due(batch)


def estimate(asked: Iterable[Sequence[Verse]]) -> Estimate:
    """What some batches take, if nothing has to be asked again."""
    verses = requests = tokens_in = tokens_out = 0
    for batch in asked:
        verses, requests = verses + len(batch), requests + 1
        tokens_in, tokens_out = tokens_in + len(question(batch)), tokens_out + _due(batch)
    return Estimate(verses, requests, tokens_in, tokens_out)


def _due(batch: Sequence[Verse]) -> int:
    return round(sum(_KEY + _WRITTEN * len(verse.text) for verse in batch))
