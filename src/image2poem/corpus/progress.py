"""How long work is told: a callable that is given the stage, how much is done and how much there is (0: unknown)."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called now and then with the stage in words, what is done and the total in the same unit."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


def silent(stage: str, done: int, total: int) -> None:
    """Tells nobody."""
