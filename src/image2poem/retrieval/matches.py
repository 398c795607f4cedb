"""A number of the search becomes a match: the line that it stands for, with the source that the corpus has for it."""

from __future__ import annotations

from image2poem.corpus import Corpus, Quote
from image2poem.model import Match, Provenance, Quotation
from image2poem.retrieval.guests import Guest


def match_of(corpus: Corpus, number: int, guest: Guest | None) -> Match:
    """The line of a number, not yet judged (its score is 0). Only the corpus says where a line is from.

    Args:
        corpus: knows the verses.
        number: a verse's id, if it isn't a guest's.
        guest: the guest of that number.
    """
    if guest is None:
        return _verse(corpus, number)
    line = guest.candidate.line
    if line is None:
        quotes = tuple(_quotation(corpus, quote) for quote in guest.candidate.quotes)
        return Match(guest.candidate.text, None, None, None, None, 0.0, Provenance.COMPOSED, (), quotes=quotes)
    if line.verse_id is not None:
        return _verse(corpus, line.verse_id)
    poem = corpus.poem(line.poem_id)
    return Match(line.text, poem.title, poem.author, poem.dynasty, poem.genre, 0.0, Provenance.RETRIEVED, (), poem.id)


def _verse(corpus: Corpus, number: int) -> Match:
    v = corpus.verse(number)
    return Match(
        v.text, v.title, v.author, v.dynasty, v.genre, 0.0, Provenance.RETRIEVED, (), poem_id=v.poem_id, verse_id=v.id
    )


def _quotation(corpus: Corpus, quote: Quote) -> Quotation:
    poem = corpus.poem(quote.line.poem_id)
    return Quotation(quote.clause, quote.line.text, poem.title, poem.author)
