"""Verses in traditional characters: the source's own where it has them."""

from __future__ import annotations

import json
from pathlib import Path

from image2poem import Settings
from image2poem.corpus import Corpus, build_corpus, open_corpus
from image2poem.corpus.traditional import to_traditional, traditional_title, traditional_verses


def corpus_of(folder: Path, **poem: str) -> Corpus:
    """A corpus of one poem."""
    (folder / "own.jsonl").write_text(json.dumps(poem, ensure_ascii=False), "utf-8")
    settings = Settings(home=folder)
    build_corpus(settings, [str(folder / "own.jsonl")])
    return open_corpus(settings.corpus_file)


def test_a_verse_is_spelt_as_its_source_spells_it(tmp_path: Path) -> None:
    corpus = corpus_of(
        tmp_path,
        title="雨後作",
        author="於鵠",
        dynasty="唐",
        content="空餘乾葉後，獨聽鐘聲遠。山裏閒雲繞，村邊細雨斜。",
    )
    poem = corpus.poem(corpus.verse(0).poem_id)
    assert traditional_verses(poem, poem.verses) == ("空餘乾葉後，獨聽鐘聲遠。", "山裏閒雲繞，村邊細雨斜。")
    assert traditional_verses(poem, (poem.verses[1],)) == ("山裏閒雲繞，村邊細雨斜。",)
    assert traditional_title(poem) == ("雨後作", "於鵠")


def test_a_simplified_source_is_converted(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, title="鸟鸣涧", author="王维", dynasty="唐", content="人闲桂花落，夜静春山空。")
    poem = corpus.poem(0)
    assert traditional_verses(poem, poem.verses) == (to_traditional("人闲桂花落，夜静春山空。"),)
    assert traditional_title(poem) == ("鳥鳴澗", "王維")


def test_a_verse_that_isnt_in_the_poem_is_converted(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, title="雨後作", author="於鵠", dynasty="唐", content="空餘乾葉後，獨聽鐘聲遠。")
    assert traditional_verses(corpus.poem(0), ("万里云。",)) == ("萬里雲。",)
