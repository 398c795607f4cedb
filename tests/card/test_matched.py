"""From a match, or a line that a person gives, to its card; and the command."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from image2poem import ImageToPoem, Settings
from image2poem.card import LAYOUTS, find_source
from image2poem.corpus import build_corpus, open_corpus
from image2poem.errors import CardError, PhotoError
from image2poem.model import Match, Provenance

RIVER = Path(__file__).parent.parent.parent / "examples" / "moonlit_river.png"


def said(card: object) -> str:
    return "".join(glyph.char for glyph in card.glyphs)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def old_spelling(tmp_path_factory: pytest.TempPathFactory) -> ImageToPoem:
    """A corpus whose source is in traditional characters."""
    folder = tmp_path_factory.mktemp("traditional")
    poem = {
        "title": "長恨歌",
        "author": "白居易",
        "dynasty": "唐",
        "content": "漢皇重色思傾國，御宇多年求不得。后宮佳麗三千人，三千寵愛在一身。",
        "script": "traditional",
    }
    (folder / "own.jsonl").write_text(json.dumps(poem, ensure_ascii=False), "utf-8")
    settings = Settings(home=folder)
    build_corpus(settings, [str(folder / "own.jsonl")])
    matcher = ImageToPoem(settings)
    matcher.build_index(lambda stage, done, total: None)
    return matcher


def test_a_match_makes_its_card_from_the_photo_in_full_resolution(matcher: ImageToPoem, tmp_path: Path) -> None:
    with Image.open(RIVER) as picture:
        picture.resize((1800, 1200)).save(tmp_path / "large.jpg")
    found = matcher.match(tmp_path / "large.jpg", top=2)[1]
    card = found.card()
    assert card.size == (1800, 1200)
    assert found.author in said(card) and found.dynasty in said(card)
    assert found.card(layout="square", width=640, script="traditional").size == (640, 640)


def test_a_match_holds_no_pixels_and_travels(matcher: ImageToPoem) -> None:
    answer = matcher.match(str(RIVER), top=3)
    assert len(pickle.dumps(answer)) < 20_000
    again = pickle.loads(pickle.dumps(answer))
    assert again[0].card(width=540).image.tobytes() == answer[0].card(width=540).image.tobytes()
    assert "origin" not in repr(answer[0])


def test_bytes_and_pictures_have_cards_too(matcher: ImageToPoem) -> None:
    with Image.open(RIVER) as picture:
        answer = matcher.match(picture, top=1)
    assert answer[0].card().size == matcher.match(RIVER.read_bytes(), top=1)[0].card().size


def test_a_photo_that_is_gone_is_told(matcher: ImageToPoem, tmp_path: Path) -> None:
    shutil.copy(RIVER, tmp_path / "gone.png")
    found = matcher.match(tmp_path / "gone.png", top=1)[0]
    (tmp_path / "gone.png").unlink()
    with pytest.raises(PhotoError, match="doesn't exist"):
        found.card()
    assert found.card(RIVER, width=540).size[0] == 540


def test_a_search_has_no_photo_but_takes_one(matcher: ImageToPoem) -> None:
    found = matcher.search("江上的孤舟")[0]
    with pytest.raises(CardError, match="give one"):
        found.card()
    assert found.verse[0] in said(found.card(RIVER, width=540))


def test_a_search_knows_the_old_spelling_too(old_spelling: ImageToPoem) -> None:
    found = old_spelling.search("后宫里有三千美女", top=1)[0]
    assert "后宮佳麗三千人" in said(found.card(RIVER, script="traditional", width=540))


def test_a_composed_match_is_labelled(matcher: ImageToPoem) -> None:
    line = Match("一夜星河落画船", None, None, None, None, 0.5, Provenance.COMPOSED, ())
    card = line.card(RIVER, width=540)
    assert said(card).endswith("新作") and card.sheet.stamp.text == "以图寻诗"


def test_traditional_comes_from_the_corpus(old_spelling: ImageToPoem) -> None:
    found = old_spelling.match(RIVER, top=1)[0]
    written = said(found.card(script="traditional", width=540))
    assert "后宮佳麗三千人" in written or "漢皇重色思傾國" in written
    assert "長恨歌" in written
    simplified = said(found.card(width=540))
    assert "后宫佳丽三千人" in simplified or "汉皇重色思倾国" in simplified


@pytest.mark.parametrize(
    ("line", "verse"),
    [
        ("月落乌啼霜满天，江枫渔火对愁眠。", "月落乌啼霜满天，江枫渔火对愁眠。"),
        ("月落烏啼霜滿天 江楓漁火對愁眠", "月落乌啼霜满天，江枫渔火对愁眠。"),
        ("月落乌啼霜满天江枫渔火对愁眠", "月落乌啼霜满天，江枫渔火对愁眠。"),  # no marks at all
        ("夜半钟声到客船", "夜半钟声到客船。"),  # half a couplet
        (
            "江枫渔火对愁眠,姑苏城外寒山寺",  # across two
            "江枫渔火对愁眠。姑苏城外寒山寺。",
        ),
        (
            "月落乌啼霜满天，江枫渔火对愁眠。姑苏城外寒山寺，夜半钟声到客船。",
            "月落乌啼霜满天，江枫渔火对愁眠。姑苏城外寒山寺，夜半钟声到客船。",
        ),
    ],
)
def test_a_line_that_a_person_gives_is_found_in_its_poem(home: Path, line: str, verse: str) -> None:
    source = find_source(open_corpus(home / "corpus.sqlite"), line)
    assert source and (source.verse, source.title, source.author) == (verse, "枫桥夜泊", "张继")


@pytest.mark.parametrize("line", ["夜半钟声", "一夜星河落画船", "月落乌啼霜满天，白云生处有人家", "hello", ""])
def test_what_no_poem_holds_has_no_source(home: Path, line: str) -> None:
    assert find_source(open_corpus(home / "corpus.sqlite"), line) is None


# --- the command ----------------------------------------------------------------------------------------------


def run(*arguments: str | Path, home: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "IMAGE2POEM_HOME": str(home), "LC_ALL": "C.UTF-8", "IMAGE2POEM_CONFIG": "/nonexistent"}
    command = [sys.executable, "-m", "image2poem", "card", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, timeout=120)


def test_the_command_sets_the_best_match(home: Path, tmp_path: Path) -> None:
    done = run(RIVER, "-o", "card.png", "--text", "墙角的梅花开了", home=home, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    first, second = done.stdout.splitlines()
    assert first == "card.png  1080 x 720" and "王安石《梅花》" in second and second.endswith("[retrieved]")
    assert Image.open(tmp_path / "card.png").size == (1080, 720)


def test_the_command_takes_a_verse_and_says_where_it_is_from(home: Path, tmp_path: Path) -> None:
    done = run(RIVER, "--verse", "夜半钟声到客船", "--layout", "moon", "--width", "640", home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "张继《枫桥夜泊》 唐" in done.stdout
    assert Image.open(tmp_path / "moonlit_river-card.png").width == 640


def test_the_command_says_that_a_verse_is_new(home: Path, tmp_path: Path) -> None:
    done = run(RIVER, "--verse", "一夜星河落画船", "-o", "new.jpg", home=home, cwd=tmp_path)
    assert done.returncode == 0 and "[composed]" in done.stdout and "新作" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere.jpg",), "nowhere.jpg"),
        ((RIVER, "--layout", "cubist"), "overlay, side, band"),
        ((RIVER, "--rank", "90"), "--rank"),
        ((RIVER, "-o", "card.gif"), "png"),
        ((RIVER, "--font", "nowhere.ttf"), "nowhere.ttf"),
    ],
)
def test_the_commands_errors_are_one_sentence(
    home: Path, tmp_path: Path, arguments: tuple[str | Path, ...], says: str
) -> None:
    done = run(*arguments, home=home, cwd=tmp_path)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_commands_help_names_every_layout(home: Path, tmp_path: Path) -> None:
    shown = run("--help", home=home, cwd=tmp_path).stdout
    assert all(layout in shown for layout in LAYOUTS)
