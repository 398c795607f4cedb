"""What the routes make of a sight."""

from __future__ import annotations

import numpy as np

from image2poem import ImageToPoem
from image2poem.model import Imagery, Sight
from image2poem.retrieval import routes


def counted(matcher: ImageToPoem, sight: Sight) -> dict[str, float]:
    chances = routes.counted(matcher.library, sight)
    return {matcher.lexicon.terms[i].term: float(chances[i]) for i in np.flatnonzero(chances)}


def test_what_nobody_tells_of_counts_little_until_somebody_does(matcher: ImageToPoem) -> None:
    seen = (Imagery("天", 0.9), Imagery("月", 0.9))
    merely = counted(matcher, Sight(None, seen, "天空中一轮明月"))
    assert merely["天"] < 0.3 < merely["月"] == np.float32(0.9)
    described = counted(matcher, Sight(None, seen, "天空中一轮明月", described=True))
    assert described["天"] == np.float32(0.9)
    said = counted(matcher, Sight(None, (Imagery("天", 1.0), Imagery("月", 0.9)), ""))
    assert said["天"] == 1


def test_verses_that_name_what_was_said_come_with_those_first_that_name_the_rest(matcher: ImageToPoem) -> None:
    number = matcher.lexicon.number
    chances = np.zeros(len(number), np.float32)
    chances[number["瀑布"]], chances[number["雪"]] = 1, 0.9
    said = chances >= 1
    named = routes.named(matcher.library, chances, said, None)
    verses = [matcher.corpus.verse(int(i)).text for i in named.ids]
    assert verses and all("瀑布" in matcher.lexicon.named(verse) for verse in verses)
    allowed = np.ones(len(matcher.library.naming), np.bool_)
    allowed[named.ids[0]] = False
    assert named.ids[0] not in routes.named(matcher.library, chances, said, allowed).ids
