"""What is done to each work by itself: simplified, cleaned, split."""

from __future__ import annotations

import re
from collections import Counter

from image2poem.corpus.clean import clean
from image2poem.corpus.convert import fold_all, simplify_names, simplify_titles, simplify_verse
from image2poem.corpus.dynasty import dynasty_name
from image2poem.corpus.fingerprint import fingerprints
from image2poem.corpus.poets import FIVE_DYNASTIES, REAL_NAMES
from image2poem.corpus.split import enclosed, piece, preface, split
from image2poem.corpus.tunes import is_tune
from image2poem.corpus.work import Script, Work

Row = tuple[str, str, str, str, str, bool]  # title, author, dynasty, genre, text, whether it is traditional
# title, author, dynasty, genre, sentences (each a Piece, as a tuple), their keys, the fingerprints of these
Prepared = tuple[str, str, str, str, list[tuple[str, tuple[str, ...], str, bool]], list[str], bytes]
# 无名氏《宦门子弟错立身》 is nobody's name, 王炎2 the second of that name, 尹鹗 六首 has six poems, 清尚〖1〗 a footnote
_NAME_NOTE = re.compile(r"[（(\[〖].*?[）)\]〗]|《.*?》|\d+$|\s.{1,2}首$")


def row_of(work: Work) -> Row:
    """What is needed of a work to prepare it."""
    traditional = work.script is Script.TRADITIONAL
    return work.title, work.author, work.dynasty, work.genre, "\n".join(work.lines), traditional


def _simplified(rows: list[Row]) -> list[tuple[str, str, str]]:
    """(title, author, text) of each work in simplified characters; those already simplified are left alone."""
    out = [(title, author, text) for title, author, _, _, text, _ in rows]
    at = [i for i, row in enumerate(rows) if row[-1]]
    titles = simplify_titles([out[i][0] for i in at])
    names = simplify_names([out[i][1] for i in at])
    verses = simplify_verse([out[i][2] for i in at])
    for i, title, name, verse in zip(at, titles, names, verses, strict=True):
        out[i] = (title, name, verse)
    return out


def _author(name: str) -> str:
    name = _NAME_NOTE.sub("", name).strip()
    return REAL_NAMES.get(name, name) or "佚名"


def prepare(rows: list[Row], described: dict[str, str]) -> tuple[list[Prepared], dict[str, int]]:
    """Convert, clean and split works: nothing here depends on any other work, and all of it is plain data.

    Args:
        rows: what is needed of each work.
        described: "{山/淪}" → the one character meant, where the source says it.

    Returns:
        A row for each work, and how often each rule was applied.
    """
    counts: Counter[str] = Counter()
    return [
        _prepared(title, author, dynasty, genre, text, described, counts)
        for (_, _, dynasty, genre, _, _), (title, author, text) in zip(rows, _simplified(rows), strict=True)
    ], dict(counts)


def _prepared(
    title: str, author: str, dynasty: str, genre: str, text: str, described: dict[str, str], counts: Counter[str]
) -> Prepared:
    author = _author(author)
    dynasty = dynasty_name(dynasty)
    if dynasty in ("唐", "宋") and author in FIVE_DYNASTIES:
        dynasty = "五代"
    sentences = split(clean(text, genre, counts, described))
    pieces = enclosed(list(map(piece, sentences)))
    if genre == "诗" and is_tune(title) and any(p.form == "杂言" for p in pieces):
        genre = "词"
    if genre == "诗" and (lead := preface(pieces)):
        counts["prose preface"] += 1
        pieces[:lead] = [p._replace(sound=False) for p in pieces[:lead]]
    keys = fold_all(sentences)
    plain = [(p.text, p.halves, p.form, p.sound) for p in pieces]
    return title.strip(), author, dynasty, genre, plain, keys, fingerprints(keys)
