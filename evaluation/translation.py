"""What translations do for finding a verse by everyday words, for verses that have one and for those that have none.

usage: python -m evaluation.translation --translations PAIRS.jsonl --said SAID.jsonl [--queries 250]

PAIRS ({"verse", "vernacular"} a line) are taken for the translations there are, but for those of some verses; SAID, of the same
form, says what verses mean in other words (half of a verse will do, what resembles its translation is left out). Prints a
table over the weights of the two routes; nothing is written but a temporary folder.
"""

from __future__ import annotations

import argparse
import difflib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from image2poem import ImageToPoem
from image2poem.corpus.split import clauses
from image2poem.index.translations import build_translations, open_translations
from image2poem.model import Sight
from image2poem.rerank import load_reranker
from image2poem.retrieval import fusion, reranking, routes
from image2poem.translation.known import Known

LIKE = 0.6  # of two texts that are as like as that, one may be the other's source
SHORTEST = 5  # characters of a clause that stands for its verse
STEPS = ((0.0, 0.0), (3.0, 0.0), (3.0, 1.5), (3.0, 3.0), (6.0, 3.0), (6.0, 6.0), (9.0, 4.5), (12.0, 12.0))
Found = tuple[dict[str, routes.Ranked], int, str]  # what the routes found, the verse that is meant, what was said


def read(path: Path) -> list[tuple[str, str]]:
    """(verse, what it says) of a file."""
    rows = [json.loads(line) for line in path.open(encoding="utf-8")]
    return [(row["verse"], row["vernacular"]) for row in rows]


def said_otherwise(said: Sequence[tuple[str, str]], translations: dict[int, tuple[str, str]]) -> list[tuple[str, int]]:
    """(sentence, verse) for the verses that are translated, in words unlike their translation's."""
    by_clause = {
        part: verse for verse, (text, _) in translations.items() for part in clauses(text) if len(part) >= SHORTEST
    }
    pairs = [
        (words, by_clause[clauses(line)[0]]) for line, words in said if clauses(line) and clauses(line)[0] in by_clause
    ]
    return [
        (words, verse)
        for words, verse in pairs
        if difflib.SequenceMatcher(None, words, translations[verse][1]).ratio() < LIKE
    ]


def recall(found: Sequence[Found], order: Callable[[Found], np.ndarray]) -> str:
    """R@1 and R@10 as two cells of a table."""
    ranks = [np.flatnonzero(order(one) == one[1]) for one in found]
    return " | ".join(f"{np.mean([len(rank) > 0 and rank[0] < most for rank in ranks]):.3f}" for most in (1, 10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--translations", type=Path, required=True)
    parser.add_argument("--said", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=250)
    args = parser.parse_args()
    matcher = ImageToPoem()
    pairs, chance = read(args.translations), random.Random(0)
    numbers = matcher.corpus.numbers([verse for verse, _ in pairs])
    searched = len(matcher.facets)
    translations = {numbers[verse]: (verse, text) for verse, text in pairs if numbers.get(verse, searched) < searched}
    asked = said_otherwise(read(args.said), translations)
    asked = chance.sample(asked, min(args.queries, len(asked)))
    free = sorted(set(translations) - {verse for _, verse in asked})
    kept_back = chance.sample(free, min(args.queries, len(free)))
    rows = [(verse, text) for verse, (_, text) in sorted(translations.items()) if verse not in set(kept_back)]
    known = Known(
        [text for _, text in rows], np.array([verse for verse, _ in rows], np.int64), matcher.corpus.corpus_id
    )
    with TemporaryDirectory() as folder:
        build_translations(known, matcher.text_encoder, Path(folder) / "index")
        index = open_translations(Path(folder) / "index", matcher.text_encoder, known.corpus_id)
        library = replace(matcher.library, translations=index)

        def find(sentence: str, verse: int) -> Found:
            return (
                routes.find(library, routes.ask(library.encoder, Sight(None, (), ""), sentence), None),
                verse,
                sentence,
            )

        translated = [find(sentence, verse) for sentence, verse in asked]
        untranslated = [find(translations[verse][1], verse) for verse in kept_back]
    print(f"{len(known):,} of {searched:,} verses translated; {len(translated)} sentences about some of these, in other "
          f"words, and {len(untranslated)} translations of others\n")  # fmt: skip
    print("| words_translation | words_translation_lexical | translated: R@1 | R@10 | not translated: R@1 | R@10 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for dense, lexical in STEPS:
        own = {"words_translation": dense, "words_translation_lexical": lexical}
        weights = replace(matcher.weights, routes={**matcher.weights.routes, **own})

        def fused(one: Found, weights: fusion.Weights = weights) -> np.ndarray:
            return fusion.fuse(one[0], weights, matcher.facets.fame).ids

        cells = (recall(found, fused) for found in (translated, untranslated))
        print(f"| {dense} | {lexical} | {' | '.join(cells)} |", flush=True)
    said, reranker = dict(rows), load_reranker()
    print("\n| read again, by the weights that are shipped | | translated: R@1 | R@10 | not translated: R@1 | R@10 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for way, with_translations in (("the verse alone", False), ("the better of the verse and its translation", True)):

        def readings(ids: Sequence[int], told: bool = with_translations) -> list[tuple[str, ...]]:
            lines = [(verse.id, verse.text) for verse in matcher.corpus.verses(ids)]
            return [(line, said[i]) if told and i in said else (line,) for i, line in lines]

        def reread(one: Found, readings: Callable[[Sequence[int]], list[tuple[str, ...]]] = readings) -> np.ndarray:
            fused = fusion.fuse(one[0], matcher.weights, matcher.facets.fame)
            share = matcher.weights.rerank["words"] * routes.fullness(one[2])
            return reranking.reread(reranker, one[2], share, fused, {}, readings).fused.ids

        cells = (recall(found, reread) for found in (translated, untranslated))
        print(f"| {way} | | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
