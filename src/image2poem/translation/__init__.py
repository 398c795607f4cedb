"""Vernacular translations of verses: those that a source has, and those that a language model made for the rest.

`known` gathers both for the index and for whoever is shown a verse; `store` keeps what models made, `make` has them make it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Translation:
    """A verse in everyday Chinese, and whose words these are."""

    text: str
    by: str  # the source that it is from, or the name of the model that made it
    made: bool  # by a model: never to be shown as a scholar's
