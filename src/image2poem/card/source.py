"""Where a verse comes from: its poem in the corpus, and how that was spelled before it was simplified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from image2poem.card.typeset import Clause, clauses
from image2poem.card.wording import Spelling
from image2poem.corpus import Corpus
from image2poem.corpus.convert import bare, fold, simplify_verse
from image2poem.model import Poem

_TRIED = 3  # clauses of a line that are looked for: a person may have left out a 、
_STRAY = 0.03  # of the characters of a simplified text may be traditional ones that somebody overlooked


@dataclass(frozen=True, slots=True)
class Source:
    """A line of a poem, as the corpus holds it."""

    verse: str
    title: str
    author: str
    dynasty: str
    genre: str
    poem_id: int


def spelling(verse: str, author: str | None, poems: Sequence[Poem]) -> Spelling:
    """How the first source in traditional characters spells a verse.

    Args:
        verse: as the corpus spells it.
        author: whose poem it is; another's isn't looked at.
        poems: those that it stands in, the best known first; some sources were simplified already.
    """
    found = (_spelling(poem, verse) for poem in poems if poem.author == author)
    return next((spelled for spelled in found if spelled.verse), Spelling())


def find_source(corpus: Corpus, text: str) -> Source | None:
    """The poem that a line stands in: one clause, a couplet or a whole poem, whatever its punctuation and script.

    Of several poems that hold it, the best known. None: no poem of the corpus holds it, so it can't be called a verse.

    Raises:
        CorpusError: the corpus is damaged.
    """
    for line in dict.fromkeys((simplify_verse([text])[0], text)):
        if (number := corpus.find(line)) is not None:
            verse = corpus.verse(number)
            return Source(verse.text, verse.title, verse.author, verse.dynasty, verse.genre, verse.poem_id)
        asked = [folded for part in clauses(line) if (folded := fold(part.text))]
        for clause in sorted(asked, key=len, reverse=True)[:_TRIED]:
            for number in corpus.holding(clause):
                for poem in corpus.sources(number):
                    if spelled := _stands_in(poem, "".join(asked)):
                        return Source(spelled, poem.title, poem.author, poem.dynasty, poem.genre, poem.id)
    return None


def _stands_in(poem: Poem, asked: str) -> str | None:
    """Whole clauses of a poem that say this, as the poem has them; None if it has no such."""
    parts = clauses("".join(poem.verses))
    for start in range(len(parts)):
        said = ""
        for end, part in enumerate(parts[start:], start + 1):
            said += fold(part.text)
            if said == asked:
                return _joined(parts[start:end])
            if not asked.startswith(said):
                break
    return None


def _joined(parts: Sequence[Clause]) -> str:
    text = "".join(part.text + part.mark for part in parts)
    return text if text[-1:] in tuple("。！？") else text.rstrip("，、；：") + "。"


def _spelling(poem: Poem, verse: str) -> Spelling:
    """How a source in traditional characters spells a verse of its poem; nothing where it was simplified already."""
    source = bare("".join(poem.original_verses))
    simplified = simplify_verse([source])[0]
    if len(simplified) != len(source) or sum(map(str.__ne__, source, simplified)) <= _STRAY * len(source):
        return Spelling()
    start = fold(simplified).find(fold(verse))
    if start < 0:
        return Spelling()
    characters = iter(source[start : start + len(bare(verse))])
    spelled = "".join(next(characters) if bare(char) else char for char in verse)
    return Spelling(spelled, poem.original_title, poem.original_author)
