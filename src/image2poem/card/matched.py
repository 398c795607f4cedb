"""From a match to its card: the photo loaded anew, and the poem's own spelling from the corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL.Image import Image

from image2poem.card.card import Card
from image2poem.card.make import make_card
from image2poem.card.source import find_source, spelling
from image2poem.card.wording import Spelling
from image2poem.corpus import Corpus, open_corpus
from image2poem.errors import CardError, CorpusError
from image2poem.model import Match, Origin, Photo, Provenance
from image2poem.photo import load_photo
from image2poem.settings import Settings, load_settings


def card_of(match: Match, photo: str | Path | bytes | Image | Photo | None = None, **options: Any) -> Card:
    """`Match.card`: see there."""
    settings = match.origin.settings if match.origin else load_settings()
    if photo is None:
        photo = match.origin.photo if match.origin else None
    if photo is None:
        raise CardError("this verse answers a description, not a photo; give one: match.card('photo.jpg')")
    if not isinstance(photo, Photo):
        photo = load_photo(photo, settings)
    composed = match.provenance is Provenance.COMPOSED
    return make_card(
        photo,
        match.verse,
        None if composed else match.title,
        None if composed else match.author,
        None if composed else match.dynasty,
        composed=composed,
        genre=match.genre,
        original=_original(match),
        settings=settings,
        **options,
    )


def quoted(corpus: Corpus, verse: str, photo: str | Path | bytes | Image | None, settings: Settings) -> Match:
    """A line that a person chose for a photo, with its source; composed, as far as we know, if the corpus has none.

    Raises:
        CorpusError: there is no corpus to look it up in.
    """
    source = find_source(corpus, verse)
    origin = Origin(photo, settings)
    if source is None:
        return Match(verse, None, None, None, None, 1.0, Provenance.COMPOSED, (), origin=origin)
    return Match(
        source.verse,
        source.title,
        source.author,
        source.dynasty,
        source.genre,
        1.0,
        Provenance.RETRIEVED,
        (),
        poem_id=source.poem_id,
        origin=origin,
    )


def _original(match: Match) -> Spelling:
    """How the match's source spells it, where its corpus is still there."""
    if match.origin is None or match.poem_id is None:
        return Spelling()
    try:
        corpus = open_corpus(match.origin.settings.corpus_file)
        poems = [corpus.poem(match.poem_id)]
        if match.verse_id is not None:
            poems += corpus.sources(match.verse_id)
    except (CorpusError, IndexError):  # gone, or another since: OpenCC will do
        return Spelling()
    return spelling(match.verse, match.author, poems)
