"""What a person gets from translations: verses found by everyday words, and these words beneath them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from translation_fakes import ASKED, BRIDE, SAID, WORKS, asking, build_home, made_up, nobody
from vlm_server import serving, translates

from image2poem import Filters, ImageToPoem, Settings
from image2poem.corpus.convert import bare
from image2poem.encoders import TextEncoder
from image2poem.errors import FilterError, IndexFileError, TranslationError
from image2poem.model import Match, Matches, Sight
from image2poem.record import as_record
from image2poem.retrieval import fusion, routes
from image2poem.translation.store import TranslationStore

RIVER = Path(__file__).parent.parent.parent / "examples" / "moonlit_river.png"
FROST = "床前明月光，疑是地上霜。"
ROUTES = {"words_translation", "words_translation_lexical"}


@pytest.fixture(scope="module")
def translated(translated_home: Path, matcher: ImageToPoem) -> ImageToPoem:
    return with_models(ImageToPoem(Settings(home=translated_home)), matcher)


@pytest.fixture
def changed(translated_home: Path, tmp_path: Path) -> Path:
    """A home with translations, to be changed."""
    return Path(shutil.copytree(translated_home, tmp_path / "translated"))


def with_models(own: ImageToPoem, matcher: ImageToPoem) -> ImageToPoem:
    """The same, with the models that are open already."""
    for name in ("text_encoder", "image_encoder", "lexicon", "seer", "imagery", "weights"):
        own.__dict__[name] = getattr(matcher, name)
    return own


def match_of(answer: Matches, verse: str) -> Match:
    return next(match for match in answer if match.verse == verse)


class Counting:
    """A text encoder that remembers what it encoded."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder, self.queries, self.documents = encoder, [], []  # type: ignore[var-annotated]

    def encode_query(self, texts: list[str]) -> np.ndarray:
        self.queries += texts
        return self._encoder.encode_query(texts)

    def encode_document(self, texts: list[str]) -> np.ndarray:
        self.documents += texts
        return self._encoder.encode_document(texts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)


# --- the route


def test_everyday_words_find_a_verse_that_shares_none_of_them(changed: Path, matcher: ImageToPoem) -> None:
    assert not set(bare(ASKED)) & set(BRIDE)
    with serving(translates(made_up)) as server:  # all others get a translation too
        own = with_models(asking(server, changed), matcher)
        own.translate(own.untranslated(), nobody)
    answer = own.search(ASKED)
    assert answer[0].verse == BRIDE
    assert answer[0].ranks["words_translation"] == answer[0].ranks["words_translation_lexical"] == 1
    assert answer[0].ranks["words_glosses"] > 1 and answer[0].ranks["words"] > 1  # nothing else would have it first


def test_it_is_found_where_hardly_any_verse_is_translated(translated: ImageToPoem) -> None:
    found = match_of(translated.search(ASKED), BRIDE)
    assert found.ranks["words_translation"] == found.ranks["words_translation_lexical"] == 1


def test_without_the_translation_it_isnt_first(
    home: Path, matcher: ImageToPoem, tmp_path: Path, translated: ImageToPoem
) -> None:
    untold = [{**work, "Translation": ""} for work in WORKS]
    without = with_models(ImageToPoem(Settings(home=build_home(tmp_path, home / "own.jsonl", untold))), matcher)
    answer = without.search(ASKED, top=100)
    assert answer[0].verse != BRIDE  # glosses find it too, but not before what is nearer
    assert not any(ROUTES & match.ranks.keys() for match in answer)


def test_a_description_goes_the_same_way(translated: ImageToPoem) -> None:
    answer = translated.match(RIVER, description=ASKED, top=100)
    assert match_of(answer, BRIDE).ranks["translation"] == 1
    own = translated.match(RIVER, top=100)  # what the eyes say
    assert "translation" in match_of(own, BRIDE).ranks


def test_a_verse_is_worth_what_the_best_of_its_translations_is(changed: Path, matcher: ImageToPoem) -> None:
    TranslationStore(changed / "translations.sqlite").add({BRIDE: ASKED}, "m", "translate-1")
    own = with_models(ImageToPoem(Settings(home=changed)), matcher)
    own.build_index(nobody, missing_only=True)
    assert own.translations is not None and len(own.translations) == 3
    query = own.text_encoder.encode_query([ASKED])[0]
    ids, scores = own.translations.search(query, 10)
    assert len(ids) == len(set(ids.tolist())) == 2  # a verse once, however many translations it has
    assert own.corpus.verse(ids[0]).text == BRIDE and scores[0] == pytest.approx(1, abs=0.02)
    assert len(own.translations.search(query, 1)[0]) == 1


def test_filters_are_heeded(translated: ImageToPoem) -> None:
    answer = translated.search(ASKED, top=100, filters=Filters(author=("李白",)))
    assert {match.author for match in answer} == {"李白"}
    assert not any(ROUTES & match.ranks.keys() for match in answer)
    theirs = translated.search(ASKED, top=100, filters=Filters(author=("朱庆馀",)))
    assert len(theirs) == 2 and match_of(theirs, BRIDE).ranks["words_translation"] == 1
    with pytest.raises(FilterError):
        translated.search(ASKED, filters=Filters(author=("朱庆",)))


def test_a_route_proposes_no_more_than_its_depth(translated: ImageToPoem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "DEPTH", 1)
    ranked = routes.translation(translated.translations, translated.text_encoder.encode_query([ASKED])[0], None)  # type: ignore[arg-type]
    assert ranked.ids.tolist() == [match_of(translated.search(ASKED), BRIDE).verse_id]


def test_a_verse_without_a_translation_is_judged_as_before(translated: ImageToPoem) -> None:
    """What it scores doesn't depend on how many others are translated."""

    def scores(library: routes.Library) -> dict[int, float]:
        found = routes.find(library, routes.ask(library.encoder, Sight(None, (), ""), "墙角的梅花在寒冬里开了"), None)
        fused = fusion.fuse(found, translated.weights, translated.facets.fame)
        return dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True))

    before, after = scores(replace(translated.library, translations=None)), scores(translated.library)
    known = set(np.flatnonzero(translated.translations.translated).tolist())  # type: ignore[union-attr]
    assert len(known) == 2 and len(before) == len(after) == len(translated.corpus)
    assert all(after[verse] == before[verse] for verse in before if verse not in known)
    assert all(after[verse] != before[verse] for verse in known)
    assert translated.search("墙角的梅花在寒冬里开了")[0].verse == "墙角数枝梅，凌寒独自开。"


# --- where there is none


def test_without_translations_nothing_is_written_and_nothing_changes(own_home: Path, matcher: ImageToPoem) -> None:
    before = [as_record(matcher.search(FROST, top=9)), as_record(matcher.match(RIVER, top=9))]
    files = {path: path.read_bytes() for path in own_home.rglob("*") if path.is_file()}
    assert not list(own_home.glob("index/*queries*")) and not (own_home / "translations.sqlite").exists()
    own = with_models(ImageToPoem(Settings(home=own_home)), matcher)
    own.build_index(nobody, missing_only=True)
    assert own.translations is None
    assert {path: path.read_bytes() for path in own_home.rglob("*") if path.is_file()} == files
    with serving(translates(made_up)) as server:  # translations come, and go
        mine = with_models(asking(server, own_home), matcher)
        mine.translate(mine.untranslated(), nobody)
    assert as_record(with_models(ImageToPoem(Settings(home=own_home)), matcher).search(FROST, top=9)) != before[0]
    (own_home / "translations.sqlite").unlink()
    again = with_models(ImageToPoem(Settings(home=own_home)), matcher)
    again.build_index(nobody, missing_only=True)
    records = [as_record(again.search(FROST, top=9)), as_record(again.match(RIVER, top=9))]
    assert json.dumps(records) == json.dumps(before)
    assert not list(own_home.glob("index/*queries*"))


# --- the index


def test_only_what_is_new_is_encoded(own_home: Path, matcher: ImageToPoem) -> None:
    with serving(translates(made_up)) as server:
        own = with_models(asking(server, own_home), matcher)
        own.__dict__["text_encoder"] = counting = Counting(matcher.text_encoder)
        verses = own.untranslated(Filters(author=("李白",)))
        own.translate(verses, nobody)
        assert sorted(counting.queries) == sorted(made_up(verse.text) for verse in verses)
        counting.queries.clear()
        more = own.untranslated(Filters(author=("王维",)))
        own.translate(more, nobody)
        assert sorted(counting.queries) == sorted(made_up(verse.text) for verse in more)
        assert not counting.documents  # they are encoded as what a person asks is
        counting.queries.clear()
        files = {path: path.stat().st_mtime_ns for path in own_home.rglob("*") if path.is_file()}
        own.translate([], nobody)
        own.build_index(nobody, missing_only=True)
        assert not counting.queries
        assert {path: path.stat().st_mtime_ns for path in own_home.rglob("*") if path.is_file()} == files
        assert own.translations is not None and len(own.translations) == len(verses) + len(more)


def test_a_corpus_that_is_built_anew_keeps_what_models_made(own_home: Path, home: Path, matcher: ImageToPoem) -> None:
    with serving(translates(made_up)) as server:
        own = with_models(asking(server, own_home), matcher)
        own.translate([verse for verse in own.untranslated() if verse.text == FROST], nobody)
    build_home(
        own_home, home / "own.jsonl", [WORKS[0] | {"Content": "云想衣裳花想容，春风拂槛露华浓。", "Translation": ""}]
    )
    again = with_models(ImageToPoem(Settings(home=own_home)), matcher)
    found = match_of(again.search(made_up(FROST), top=100), FROST)
    assert found.ranks["words_translation"] == 1 and found.translation == made_up(FROST)


def test_a_damaged_index_of_translations_is_noticed_and_mended(changed: Path, matcher: ImageToPoem) -> None:
    (owners,) = changed.glob("index/*/*/owners.npy")
    owners.write_bytes(owners.read_bytes()[:-8])
    with pytest.raises(IndexFileError, match="image2poem index"):
        with_models(ImageToPoem(Settings(home=changed)), matcher).search(ASKED)
    mended = with_models(ImageToPoem(Settings(home=changed)), matcher)
    mended.build_index(nobody, missing_only=True)
    assert match_of(mended.search(ASKED), BRIDE).ranks["words_translation"] == 1
    mended.verify_index()
    (vectors,) = changed.glob("index/*queries*/*/vectors.npy")
    data = bytearray(vectors.read_bytes())
    data[-1] ^= 1
    vectors.unlink()
    vectors.write_bytes(bytes(data))
    with pytest.raises(IndexFileError, match="damaged"):
        mended.verify_index()
    mended.build_index(nobody)
    mended.verify_index()


def test_translations_of_another_corpus_are_never_searched(changed: Path, own_home: Path, matcher: ImageToPoem) -> None:
    (folder,) = changed.glob("index/*queries*")
    shutil.copytree(folder, own_home / "index" / folder.name)
    with pytest.raises(IndexFileError, match=r"from another corpus; .*image2poem index"):
        with_models(ImageToPoem(Settings(home=own_home)), matcher).search(ASKED)


def test_a_build_that_was_cut_short_leaves_the_rest_as_it_was(own_home: Path, matcher: ImageToPoem) -> None:
    class StoppedError(Exception):
        pass

    class Stopping(Counting):
        def encode_query(self, texts: list[str]) -> np.ndarray:
            raise StoppedError

    TranslationStore(own_home / "translations.sqlite").add({FROST: "月光照着床前的地面。"}, "m", "translate-1")
    own = with_models(ImageToPoem(Settings(home=own_home)), matcher)
    own.__dict__["text_encoder"] = Stopping(matcher.text_encoder)
    with pytest.raises(StoppedError):
        own.build_index(nobody, missing_only=True)
    again = with_models(ImageToPoem(Settings(home=own_home)), matcher)
    assert len(again.search(FROST)) == 5 and again.translations is None
    again.build_index(nobody, missing_only=True)
    assert again.translations is not None


def test_a_damaged_file_of_translations_gets_one_sentence(own_home: Path, matcher: ImageToPoem) -> None:
    (own_home / "translations.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(TranslationError, match=r"translations\.sqlite.*is damaged.*; move it away"):
        with_models(ImageToPoem(Settings(home=own_home)), matcher).search(FROST)
    done = run("search", "月光", home=own_home)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1 and "move it away" in done.stderr


# --- what is shown


def run(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "IMAGE2POEM_HOME": str(home), "LC_ALL": "C.UTF-8", "IMAGE2POEM_CONFIG": "/nonexistent"}
    command = [sys.executable, "-m", "image2poem", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env | environment, timeout=120)


@pytest.fixture(scope="module")
def both_home(translated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a source's translations, and a model's of these and others."""
    folder = Path(shutil.copytree(translated_home, tmp_path_factory.mktemp("both") / "home"))
    made = {FROST: "月光照着床前的地面。", BRIDE: "打扮好了轻声问丈夫。"}
    TranslationStore(folder / "translations.sqlite").add(made, "translator-7b", "translate-1")
    ImageToPoem(Settings(home=folder)).build_index(nobody, missing_only=True)
    return folder


def test_a_sources_translation_is_shown_before_a_models(both_home: Path, matcher: ImageToPoem) -> None:
    own = with_models(ImageToPoem(Settings(home=both_home)), matcher)
    found = match_of(own.search(ASKED), BRIDE)
    assert (found.translation, found.translation_by, found.translation_made) == (SAID, "works", False)
    made = match_of(own.search(FROST), FROST)
    assert (made.translation, made.translation_by, made.translation_made) == (
        "月光照着床前的地面。",
        "translator-7b",
        True,
    )
    none = next(
        match for match in own.search(FROST, top=9) if match.verse not in (FROST, BRIDE) and match.author == "王维"
    )
    assert (none.translation, none.translation_by, none.translation_made) == (None, None, False)


def test_a_models_translation_is_labelled_at_every_door(both_home: Path) -> None:
    done = run("search", FROST, "--top", "1", home=both_home)
    assert "   in plain words: 月光照着床前的地面。 (by the model translator-7b)\n" in done.stdout
    done = run("search", FROST, "--top", "1", home=both_home, LC_ALL="zh_CN.UTF-8")
    assert "   白话: 月光照着床前的地面。（模型 translator-7b 译）\n" in done.stdout
    done = run("search", ASKED, "--author", "朱庆馀", home=both_home)
    assert f"   in plain words: {SAID} (works)\n" in done.stdout
    done = run("search", FROST, "--top", "1", "--json", home=both_home)
    (match,) = json.loads(done.stdout)["matches"]
    assert match["translation"] == "月光照着床前的地面。"
    assert match["translation_by"] == "translator-7b" and match["translation_made"] is True


def test_the_api_says_whose_a_translation_is(both_home: Path, matcher: ImageToPoem) -> None:
    testclient = pytest.importorskip("starlette.testclient")
    from image2poem.serve import create_app

    own = with_models(ImageToPoem(Settings(home=both_home, serve_rate=0)), matcher).open()
    with testclient.TestClient(create_app(own)) as client:
        answer = client.post("/v1/search", json={"text": FROST, "top": 1}).json()
    (match,) = answer["matches"]
    assert (match["translation_by"], match["translation_made"]) == ("translator-7b", True)
