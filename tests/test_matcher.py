"""What a person gets from the Python API."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from image2poem import Filters, Image2PoemError, ImageToPoem, Settings
from image2poem.errors import CorpusError, FilterError, IndexFileError
from image2poem.model import Imagery, Provenance
from image2poem.photo import load_photo
from image2poem.sight.builtin import BuiltinSeer

EXAMPLES = Path(__file__).parent.parent / "examples"
RIVER = EXAMPLES / "moonlit_river.png"


def test_a_photo_gets_real_verses_with_their_sources(matcher: ImageToPoem) -> None:
    answer = matcher.match(RIVER, top=4)
    assert len(answer) == 4
    for found in answer:
        assert found.provenance is Provenance.RETRIEVED
        verse = matcher.corpus.verse(found.verse_id)
        assert (found.verse, found.title, found.author) == (verse.text, verse.title, verse.author)
        assert found.verse in matcher.corpus.poem(found.poem_id).verses
        assert 0 <= found.score <= 1
    assert answer[0].score >= answer[1].score >= answer[2].score


def test_what_was_seen_is_told_and_reasons_are_what_the_verse_names_of_it(matcher: ImageToPoem) -> None:
    answer = matcher.match(RIVER)
    seen = [item.term for item in answer.sight.imagery]
    assert seen and answer.sight.description
    assert all(0 < item.score <= 1 for item in answer.sight.imagery)
    for found in answer:
        named = matcher.lexicon.named(found.verse)
        assert set(found.reasons) <= set(seen) & set(named)
    assert any(found.reasons for found in answer)


def test_a_photo_that_shows_hardly_anything_says_so_until_the_person_does(matcher: ImageToPoem) -> None:
    bare = Image.new("RGB", (300, 200), "grey")
    answer = matcher.match(bare)
    assert max(item.score for item in answer.sight.imagery) < 0.45
    assert answer and "own words" in answer.notes[0]
    assert not matcher.match(bare, text="墙角的梅花").notes and not matcher.match(RIVER).notes


def test_what_is_seen_is_never_as_sure_as_a_persons_word(matcher: ImageToPoem) -> None:
    class Certain:
        usual_vector = matcher.imagery.usual_vector

        def chances(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.ones(len(matcher.lexicon.terms), np.float32)

    sight = BuiltinSeer(matcher.image_encoder, Certain(), matcher.lexicon).see(load_photo(RIVER))
    assert sight.imagery and all(round(item.score, 3) < 1 for item in sight.imagery)


def test_path_bytes_and_picture_give_the_same_answer(matcher: ImageToPoem) -> None:
    by_path = [m.verse for m in matcher.match(str(RIVER))]
    assert [m.verse for m in matcher.match(RIVER.read_bytes())] == by_path
    with Image.open(RIVER) as picture:
        assert [m.verse for m in matcher.match(picture)] == by_path


def test_a_photo_taken_sideways_is_matched_upright(matcher: ImageToPoem) -> None:
    with Image.open(RIVER) as picture:
        upright = picture.convert("RGB")
    sideways, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to see it upright
    upright.transpose(Image.Transpose.ROTATE_90).save(sideways, "PNG", exif=exif)
    plain = io.BytesIO()
    upright.save(plain, "PNG")
    a, b = (matcher.match(data.getvalue()).sight.vector for data in (sideways, plain))
    assert a is not None and b is not None
    assert float(a @ b) > 0.999


def test_what_eyes_describe_is_searched_where_nobody_says_it_better(matcher: ImageToPoem) -> None:
    routes = [
        {route for found in matcher.match(RIVER, text, description=told) for route in found.ranks}
        for text, told in ((None, None), ("江上有船", None), ("江上有船", "夜里的江"))
    ]
    assert [{"vernacular", "words", "description"} & some for some in routes] == [
        {"vernacular"}, {"words"}, {"words", "description"}
    ]  # fmt: skip


def test_of_a_word_or_two_the_vector_knows_more_than_characters_and_reranker(matcher: ImageToPoem) -> None:
    said = [matcher.search(words, top=100) for words in ("下雪", "一个老人独自在落雪的江上钓鱼")]
    parts = [{name: max(match.parts.get(name, 0.0) for match in answer) for name in ("words", "words_glosses", "rerank")}
             for answer in said]  # fmt: skip
    for name in ("words_glosses", "rerank"):
        assert 0 < parts[0][name] / parts[0]["words"] < 0.5 * parts[1][name] / parts[1]["words"]


def test_the_persons_words_weigh_most(matcher: ImageToPoem) -> None:
    answer = matcher.match(RIVER, text="墙角的梅花在寒冬里开了", top=1)
    assert "梅" in answer[0].verse
    assert answer.sight.imagery[0].score == 1
    assert "梅" in answer[0].reasons


def test_a_term_that_a_person_adds_outweighs_what_was_seen(matcher: ImageToPoem) -> None:
    sight = matcher.match(RIVER).sight
    assert "瀑布" not in {item.term for item in sight.imagery}
    answer = matcher.answer(replace(sight, imagery=(Imagery("瀑布", 1.0), *sight.imagery)), top=1)
    assert "瀑布" in answer[0].reasons and "named" in answer[0].ranks
    assert "named" not in matcher.answer(sight, top=1)[0].ranks


@pytest.mark.parametrize(
    ("description", "verse"),
    [
        ("雪地的江上，一个披着蓑衣的老人独自钓鱼", "孤舟蓑笠翁，独钓寒江雪。"),
        ("两只黄鹂在柳树上叫，一队白鹭飞上蓝天", "两个黄鹂鸣翠柳，一行白鹭上青天。"),
        ("沙漠里一缕直直的烟，圆圆的夕阳落在河上", "大漠孤烟直，长河落日圆。"),
        ("瀑布从高处直冲下来，好像银河从天而降", "飞流直下三千尺，疑是银河落九天。"),
    ],
)
def test_a_description_finds_the_verse_that_says_it(matcher: ImageToPoem, description: str, verse: str) -> None:
    assert matcher.search(description)[0].verse == verse


def test_traditional_characters_are_understood(matcher: ImageToPoem) -> None:
    assert matcher.search("兩隻黃鸝在柳樹上鳴叫")[0].verse == "两个黄鹂鸣翠柳，一行白鹭上青天。"


def test_words_that_are_not_chinese_are_read_too(matcher: ImageToPoem) -> None:
    assert len(matcher.search("moon over the river")) == 5


def test_filters_keep_what_was_asked_for(matcher: ImageToPoem) -> None:
    assert {m.dynasty for m in matcher.match(RIVER, filters=Filters(dynasty=("宋",)))} == {"宋"}
    assert {m.author for m in matcher.match(RIVER, filters=Filters(author=("李白",)))} == {"李白"}
    assert {m.genre for m in matcher.match(RIVER, filters=Filters(genre=("词", "曲")))} == {"词", "曲"}
    seven = matcher.match(RIVER, filters=Filters(form=("七言",)), top=20)
    assert {len(m.verse) for m in seven} == {16}


def test_an_unknown_author_is_answered_with_near_ones(matcher: ImageToPoem) -> None:
    with pytest.raises(FilterError, match="李白"):
        matcher.match(RIVER, filters=Filters(author=("李百",)))


def test_a_filter_that_leaves_nothing_leaves_nothing(matcher: ImageToPoem) -> None:
    answer = matcher.match(RIVER, filters=Filters(author=("李白",), dynasty=("宋",)))
    assert len(answer) == 0


def test_one_poem_doesnt_fill_the_answer(matcher: ImageToPoem) -> None:
    poems = [m.poem_id for m in matcher.match(RIVER, top=8)]
    assert len(set(poems)) == 8


def test_answers_are_the_same_every_time(matcher: ImageToPoem, home: Path) -> None:
    again = ImageToPoem(Settings(home=home))
    assert again.match(RIVER)[0] == matcher.match(RIVER)[0]


@pytest.mark.parametrize("picture", [Image.new("RGB", (1, 1)), Image.new("RGB", (3000, 2), "white")])
def test_a_picture_of_nothing_still_gets_an_answer(matcher: ImageToPoem, picture: Image.Image) -> None:
    answer = matcher.match(picture)
    assert answer.sight.vector is not None and np.isfinite(answer.sight.vector).all()
    assert len(answer) == 5


def test_without_a_corpus_one_sentence_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="image2poem corpus"):
        ImageToPoem(Settings(home=tmp_path)).match(RIVER)


def test_without_an_index_one_sentence_says_how_to_build_it(home: Path, tmp_path: Path) -> None:
    shutil.copy(home / "corpus.sqlite", tmp_path)
    with pytest.raises(IndexFileError, match="image2poem index"):
        ImageToPoem(Settings(home=tmp_path)).match(RIVER)


def test_a_damaged_index_is_noticed_and_mended(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    (vectors,) = copy.glob("index/*/*/vectors.npy")
    vectors.write_bytes(vectors.read_bytes()[:-100])
    with pytest.raises(IndexFileError, match="image2poem index"):
        ImageToPoem(Settings(home=copy)).match(RIVER)
    mended = ImageToPoem(Settings(home=copy))
    mended.build_index(lambda stage, done, total: None, missing_only=True)
    assert len(mended.match(RIVER)) == 5


def test_a_lost_naming_is_noticed_and_mended(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    for naming in copy.glob("index/*/naming-*.npy"):
        naming.write_bytes(b"")
    with pytest.raises(IndexFileError, match="image2poem index"):
        ImageToPoem(Settings(home=copy)).match(RIVER)
    mended = ImageToPoem(Settings(home=copy))
    mended.build_index(lambda stage, done, total: None, missing_only=True)
    assert len(mended.match(RIVER)) == 5


def test_every_error_is_of_one_family() -> None:
    assert issubclass(IndexFileError, Image2PoemError)
    assert issubclass(FilterError, Image2PoemError)


def test_a_photo_comes_with_its_scene_and_a_sentence(matcher: ImageToPoem) -> None:
    sight = matcher.match(EXAMPLES / "sunset_sea.jpg").sight
    assert sight.scene and sight.scene.hour and sight.scene.hour.name == "暮"
    assert sight.scene.hour.basis and sight.scene.setting and sight.scene.setting.name == "水"
    assert "夕阳" in sight.description and sight.description.endswith("。")
    assert matcher.search("海上日落").sight.scene is None
