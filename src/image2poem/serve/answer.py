"""From what the API was asked to the matcher, and from its answer to JSON. All of it runs in a lane."""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from image2poem.card import quoted
from image2poem.context import sentence
from image2poem.corpus.convert import simplify_verse
from image2poem.corpus.traditional import to_traditional, traditional_title, traditional_verses
from image2poem.matcher import ImageToPoem
from image2poem.model import Imagery, Match, Matches, Poem, Sight
from image2poem.pinyin import pinyin
from image2poem.record import as_record, poem_record, scene_record
from image2poem.serve.problem import Problem
from image2poem.serve.schema import CardForm, Seen
from image2poem.sight.description import describe
from image2poem.sight.scene import read_scene

if TYPE_CHECKING:
    from image2poem.model import Vector


def full_record(matcher: ImageToPoem, answer: Matches, photo: str | None) -> dict[str, Any]:
    """The record that every door gives, and beside it what a page needs to show it and to search again."""
    record = as_record(answer)
    record["photo"] = photo
    record["seen"] = _sendable(matcher, answer.seen or answer.sight)
    for item, match in zip(record["matches"], answer, strict=True):
        item["marks"] = _marks(matcher, match)
        item["traditional"] = _spelling(matcher, match)
    return record


def _sendable(matcher: ImageToPoem, sight: Sight) -> dict[str, Any]:
    """A sight as a client may send it back."""
    vector = sight.vector
    return {
        "imagery": [{"term": item.term, "score": item.score} for item in sight.imagery],
        "description": sight.description,
        "described": sight.described,
        "vector": None if vector is None else base64.b64encode(vector.astype("<f4").tobytes()).decode(),
        "space": matcher.image_encoder.space,
        "context": asdict(sight.context) if sight.context else None,
        "scene": scene_record(sight.scene),
    }


def _marks(matcher: ImageToPoem, match: Match) -> list[dict[str, Any]]:
    places = matcher.lexicon.places(match.verse)
    return [{"start": start, "end": end, "term": term} for start, end, term in places if term in match.reasons]


def _spelling(matcher: ImageToPoem, match: Match) -> dict[str, str | None]:
    if match.poem_id is None:
        return {"verse": to_traditional(match.verse)} | dict.fromkeys(("title", "author", "dynasty", "genre"))
    poem = matcher.corpus.poem(match.poem_id)
    return {"verse": traditional_verses(poem, (match.verse,))[0], **_source(poem)}


def _source(poem: Poem) -> dict[str, Any]:
    title, author = traditional_title(poem)
    dynasty, genre = to_traditional(poem.dynasty), to_traditional(poem.genre)
    return {"title": title, "author": author, "dynasty": dynasty, "genre": genre}


def whole_poem(matcher: ImageToPoem, number: int, read: bool) -> dict[str, Any]:
    """A poem with its traditional spelling verse for verse, and readings if asked for.

    Raises:
        Problem: there is none.
    """
    try:
        poem = matcher.corpus.poem(number)
    except IndexError:
        raise Problem(404, "no-poem", "There is no such poem", f"no poem has the number {number}") from None
    record = poem_record(poem)
    record["traditional"] = {**_source(poem), "verses": traditional_verses(poem, poem.verses)}
    record["pinyin"] = [pinyin(verse) for verse in poem.verses] if read else None
    return record


def card_of(matcher: ImageToPoem, form: CardForm) -> bytes:
    """The picture that the form asks for.

    Raises:
        Problem: it would be larger than a photo may be.
    """
    match = quoted(matcher.corpus, form.verse, form.photo.file.read(), matcher.settings)
    card = match.card(layout=form.layout, width=form.width, script=form.script, font=form.font)
    if card.size[0] * card.size[1] > matcher.settings.max_pixels:
        detail = f"the card would have {card.size[0]:,} x {card.size[1]:,} pixels; ask for a smaller width"
        raise Problem(413, "card-too-large", "The card is too large", detail)
    return card.encode(form.format)


def sight_of(matcher: ImageToPoem, seen: Seen) -> Sight:
    """What a client sent back, as the matcher takes it.

    Raises:
        Problem: a term isn't in the lexicon, or the vector isn't one of this server's.
    """
    known = matcher.lexicon.number
    if strange := [item.term for item in seen.imagery if item.term not in known]:
        detail = f"the lexicon doesn't have '{strange[0]}'; /v1/about lists what it has"
        raise Problem(422, "unknown-term", "No such imagery", detail)
    best: dict[str, float] = {}
    for item in seen.imagery:
        best[item.term] = max(item.score, best.get(item.term, 0.0))
    imagery = tuple(Imagery(term, score) for term, score in sorted(best.items(), key=lambda pair: -pair[1]))
    context = seen.context.context() if seen.context else None
    # what comes without a photo and isn't made of the imagery here was written by somebody
    described = (seen.described or seen.vector is None) and bool((seen.description or "").strip())
    scene = seen.scene.scene() if seen.scene else None
    if scene is None and imagery:
        scene = read_scene(matcher.lexicon, best, context=context)
    if seen.description is None:
        description = (sentence(context) if context else "") + describe(matcher.lexicon, imagery, scene, context)
    else:
        description = simplify_verse([seen.description.strip()])[0]
    return Sight(_vector(matcher, seen), imagery, description, described=described, context=context, scene=scene)


def _vector(matcher: ImageToPoem, seen: Seen) -> Vector | None:
    if seen.vector is None:
        return None
    space = matcher.image_encoder.space
    if seen.space != space:
        detail = f"the vector is of the space '{seen.space}', and '{space}' is in use; send the photo again"
        raise Problem(422, "other-space", "The photo was seen by another model", detail)
    try:
        vector = np.frombuffer(base64.b64decode(seen.vector, validate=True), "<f4").astype(np.float32)
    except (binascii.Error, ValueError):
        vector = np.zeros(0, np.float32)
    length = float(np.linalg.norm(vector)) if len(vector) == len(matcher.imagery.usual_vector) else 0.0
    if not (np.isfinite(length) and length > 1e-6):
        raise Problem(422, "bad-vector", "The vector can't be used", "send the vector as an answer gave it")
    return vector if abs(length - 1) < 1e-3 else vector / np.float32(length)
