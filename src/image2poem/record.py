"""Answers as JSON: one shape at every door, the command line, the HTTP API and MCP."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from image2poem.model import Facet, Matches, Poem, Scene


def as_record(answer: Matches) -> dict[str, Any]:
    """The answer as the JSON object that every door gives."""
    return {
        "photo": answer.photo,
        "sight": {
            "imagery": [{"term": i.term, "score": round(i.score, 3)} for i in answer.sight.imagery],
            "description": answer.sight.description,
            "scene": scene_record(answer.sight.scene),
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
                "parts": {name: round(part, 4) for name, part in m.parts.items()},
                "quotes": [asdict(quote) for quote in m.quotes],
                "translation": m.translation,
                "translation_by": m.translation_by,
                "translation_made": m.translation_made,
                "poem_id": m.poem_id,
                "verse_id": m.verse_id,
            }
            for m in answer
        ],
    }


def scene_record(scene: Scene | None) -> dict[str, Any] | None:
    """A scene as a JSON object: each facet with its confidence and basis, or null."""
    if scene is None:
        return None
    return {
        "season": _facet_record(scene.season),
        "hour": _facet_record(scene.hour),
        "weather": _facet_record(scene.weather),
        "light": [_facet_record(facet) for facet in scene.light],
        "setting": _facet_record(scene.setting),
        "mood": _facet_record(scene.mood),
    }


def _facet_record(facet: Facet | None) -> dict[str, Any] | None:
    if facet is None:
        return None
    return {"name": facet.name, "confidence": round(facet.confidence, 2), "basis": list(facet.basis)}


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
