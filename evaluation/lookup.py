"""Does the corpus know a line that is remembered badly, and does it leave alone a line that is new?

usage: python -m evaluation.lookup [--novel OTHER/corpus.sqlite] [--lines 500]

Real lines are changed as memory changes them; new ones are shuffled from clauses of two verses of one form, and with
--novel taken from poets of Ming and Qing whom another corpus has and this one hasn't.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from image2poem.corpus import Corpus, open_corpus
from image2poem.corpus.convert import bare, fold
from image2poem.model import Verse
from image2poem.settings import load_settings

FORMS = ("五言", "七言", "杂言")
Change = Callable[[Verse, random.Random], str]


def wrong(count: int) -> Change:
    """Some characters become others, as common as those of verse are."""

    def change(verse: Verse, rng: random.Random) -> str:
        return _replaced(verse.text, count, rng)

    return change


def _replaced(text: str, count: int, rng: random.Random) -> str:
    characters = list(text)
    places = [i for i, character in enumerate(characters) if bare(character)]
    for i in rng.sample(places, min(count, len(places))):
        characters[i] = rng.choice([c for c in COMMON if c != characters[i]])
    return "".join(characters)


def one_missing(verse: Verse, rng: random.Random) -> str:
    places = [i for i, character in enumerate(verse.text) if bare(character)]
    at = rng.choice(places)
    return verse.text[:at] + verse.text[at + 1 :]


def swapped(verse: Verse, rng: random.Random) -> str:
    return "，".join(reversed(verse.halves)) + "。"


def one_clause(verse: Verse, rng: random.Random) -> str:
    return rng.choice(verse.halves)


def one_clause_wrong(verse: Verse, rng: random.Random) -> str:
    return _replaced(rng.choice(verse.halves), 1, rng)


CHANGES: dict[str, Change] = {
    "as it is": wrong(0),
    **{f"{n} wrong": wrong(n) for n in (1, 2, 3, 4)},
    "one missing": one_missing,
    "clauses swapped": swapped,
    "one clause": one_clause,
    "one clause, 1 wrong": one_clause_wrong,
}
COMMON = "不人山风一无日云天春来花月何有时如水中自上心秋年相知生长门下江得君白清事寒夜为万空归明大未江东老西子里"


def real(corpus: Corpus, form: str, count: int, rng: random.Random) -> list[Verse]:
    """Verses of two clauses, from all of the corpus."""
    found: list[Verse] = []
    while len(found) < count:
        some = corpus.verses([rng.randrange(len(corpus)) for _ in range(200)])
        found += [
            verse for verse in some if verse.form == form and len(verse.halves) == 2 and len(bare(verse.text)) > 7
        ]
    return found[:count]


def shuffled(verses: list[Verse]) -> list[str]:
    """Each verse's first clause with the second one of another."""
    return [f"{a.halves[0]}，{b.halves[1]}。" for a, b in zip(verses, verses[1:] + verses[:1], strict=True)]


def later(corpus: Corpus, others: Corpus, form: str, count: int, rng: random.Random) -> list[str]:
    """Verses of Ming and Qing that this corpus doesn't have."""
    found: list[str] = []
    while len(found) < count:
        some = real(others, form, 100, rng)
        found += [v.text for v in some if v.dynasty in ("明", "清") and corpus.find(v.text) is None]
    return found[:count]


def _same(line: str, verse: Verse) -> bool:
    """Whether a line is that verse, or one that has all its clauses or shares one with it (poets quote)."""
    return any(fold(half) in fold(line) for half in verse.halves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--novel", type=Path)
    parser.add_argument("--lines", type=int, default=500)
    args = parser.parse_args()
    corpus = open_corpus(load_settings().corpus_file)
    rng = random.Random(0)
    took: list[float] = []

    def known(line: str) -> tuple[str | None, int]:
        """(the real line that it is, how many of its clauses are quotes)."""
        start = time.perf_counter()
        found = corpus.look_up(line)
        took.append(time.perf_counter() - start)
        return (found.same.text if found.same else None), len(found.quotes)

    verses = {form: real(corpus, form, args.lines, rng) for form in FORMS}
    print("| remembered as | " + " | ".join(FORMS) + " |\n| --- |" + " ---: |" * len(FORMS))
    for name, change in CHANGES.items():
        shares = []
        for form in FORMS:
            answers = [(known(change(verse, rng))[0], verse) for verse in verses[form]]
            right = sum(line is not None and _same(line, verse) for line, verse in answers)
            other = sum(line is not None for line, _ in answers) - right
            shares.append(f"{right / len(answers):.3f}" + (f" ({other} another's)" if other else ""))
        print(f"| {name} | " + " | ".join(shares) + " |")

    novel = {f"halves of two {form}": shuffled(verses[form]) for form in FORMS}
    if args.novel:
        others = open_corpus(args.novel)
        novel |= {f"Ming and Qing, {form}": later(corpus, others, form, args.lines, rng) for form in FORMS}
    print("\n| new lines | taken for a real one | a clause is one |\n| --- | ---: | ---: |")
    for name, lines in novel.items():
        answers = [known(line) for line in lines]
        same, quoting = (np.mean([line is not None for line, _ in answers]), np.mean([n > 0 for _, n in answers]))
        print(f"| {name} ({len(lines)}) | {same:.4f} | {quoting:.4f} |")
    print(f"\n{len(took)} lines looked up among {len(corpus):,} verses: "
          f"median {1000 * np.median(took):.1f} ms, 99 % under {1000 * np.quantile(took, 0.99):.1f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
