"""Answers as JSON: one shape at every door, the command line, the HTTP API and MCP."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from image2poem.model import Matches, Poem


def as_record(answer: Matches) -> dict[str, Any]:
    """The answer as the JSON object that every door gives."""
    return {
        "photo": answer.photo,
        "sight": {
            "imagery": [{"term": i.term, "score": round(i.score, 3)} for i in answer.sight.imagery],
            "description": answer.sight.description,
        },
        "context": asdict(answer.sight.context) if answer.sight.context else None,
        "notes": list(answer.notes),
        "matches": [
            {
                "verse": m.verse,
                "title": m.title,
                "author": m.author,
                "dynasty": m.dynasty,
                "genre": m.genre,
                "score": round(m.score, 4),
                "provenance": m.provenance.value,
                "reasons": list(m.reasons),
                "occasions": list(m.occasions),
                "ranks": dict(m.ranks),
                "quotes": [asdict(quote) for quote in m.quotes],
                "poem_id": m.poem_id,
                "verse_id": m.verse_id,
            }
            for m in answer
        ],
    }


def poem_record(poem: Poem) -> dict[str, Any]:
    """A whole poem as a JSON object, in simplified characters and as its source spells it."""
    return {
        "id": poem.id,
        "title": poem.title,
        "author": poem.author,
        "dynasty": poem.dynasty,
        "genre": poem.genre,
        "verses": list(poem.verses),
        "tags": list(poem.tags),
        "source": poem.source,
        "original": {
            "title": poem.original_title,
            "author": poem.original_author,
            "verses": list(poem.original_verses),
        },
    }
