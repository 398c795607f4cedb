"""Our prompts, in Chinese, each a file of data/prompts/ whose name ends with its version.

A changed prompt gets a new version, so that no answer to the old one is taken for an answer to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from image2poem.errors import ModelError

_FOLDER = Path(__file__).parent.parent / "data" / "prompts"
_VERSIONS = {"describe": 1, "compose": 1, "translate": 1}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "describe": {"description": {"type": "string"}},
    "compose": {"lines": {"type": "array", "items": {"type": "string"}}},
    "translate": {},  # a text for each number of the batch: translation/batch.py
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked."""

    name: str  # with its version: describe-1
    template: str
    schema: Mapping[str, Any]  # JSON schema of the answer

    def text(self, **words: str) -> str:
        """The prompt with its $blanks filled in."""
        return Template(self.template).substitute(words)


@cache
def load_prompt(kind: str) -> Prompt:
    """The prompt `describe`, `compose` or `translate`.

    Raises:
        ModelError: its file is missing.
    """
    name = f"{kind}-{_VERSIONS[kind]}"
    path = _FOLDER / f"{name}.txt"
    try:
        template = path.read_text("utf-8")
    except OSError as error:
        raise ModelError(f"the prompt {path} can't be read ({error.strerror}); install image2poem again") from None
    return Prompt(name, template, schema_of(_SCHEMAS[kind]))


def schema_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """JSON schema of an object with these properties, all of them, and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
