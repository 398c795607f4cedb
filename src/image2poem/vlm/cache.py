"""Answers that were had before, one small file each, so that no photo is looked at twice by one model and prompt."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

MOST = 5000  # answers kept; a tenth of them, the longest unused, goes when there are more


class Cache:
    """A folder of answers. What can't be read or written there is as if it weren't."""

    def __init__(self, folder: Path, most: int = MOST) -> None:
        """Keep at most `most` answers in `folder`."""
        self._folder, self._most = folder, most

    def get(self, key: str) -> str | None:
        """The answer kept under a key."""
        path = self._folder / f"{key}.json"
        try:
            answer = json.loads(path.read_text("utf-8"))["answer"]
            path.touch()
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return answer if isinstance(answer, str) else None

    def put(self, key: str, answer: str) -> None:
        """Keep an answer, whole or not at all."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile("w", encoding="utf-8", dir=self._folder, delete=False) as file:  # its owner's alone
                json.dump({"answer": answer}, file, ensure_ascii=False)
            Path(file.name).replace(self._folder / f"{key}.json")
            self._prune()

    def _prune(self) -> None:
        kept = list(self._folder.iterdir())
        if len(kept) > self._most:
            kept.sort(key=lambda path: path.stat().st_mtime_ns)
            for path in kept[: len(kept) - self._most + self._most // 10]:
                path.unlink(missing_ok=True)


def key_of(jpeg: bytes, model: str, prompt: str, text: str) -> str:
    """A name for the answer of a model to a picture and a prompt (its name with the version, and its full text)."""
    parts = (hashlib.sha256(jpeg).hexdigest(), model, prompt, text)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
