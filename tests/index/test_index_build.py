"""Building: nothing is encoded twice, nothing half-made is opened, whatever happens in the middle."""

import errno
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from index_fakes import HashEncoder, TinyVerses, unit, verse

from image2poem.errors import IndexFileError, ModelError
from image2poem.index import build as building
from image2poem.index import build_index, index_folder, open_index, verify

FAKES = Path(__file__).with_name("index_fakes.py")
posix = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(building, "CHUNK", 32)
    monkeypatch.setattr(building, "BATCH", 8)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "index"  # never tmp_path itself: a build looks for vectors in the folders beside its own


def opened(folder, count, model_id="hash", corpus_id="tiny"):
    return open_index(folder, model_id, corpus_id, count)


def holds(folder, texts, **names):
    """Whether the index opens and holds the vectors of these texts, in their order."""
    vectors = opened(folder, len(texts), **names).dense.vectors(np.arange(len(texts)))
    return np.array_equal(vectors, np.stack([unit(text) for text in texts]))


def test_built_index_holds_every_verse_in_its_place(folder):
    verses, seen = TinyVerses(100), []
    manifest = build_index(verses, 90, HashEncoder(), folder, lambda done, total: seen.append((done, total)))
    assert (manifest.count, manifest.dimension, manifest.model_id, manifest.corpus_id) == (90, 16, "hash", "tiny")
    assert holds(folder, verses.all[:90])
    assert seen == sorted(seen) and seen[0] == (0, 90) and seen[-1] == (90, 90)
    assert verify(folder) == manifest


def test_a_second_build_does_nothing(folder):
    build_index(TinyVerses(50), 50, HashEncoder(), folder)
    again = HashEncoder()
    build_index(TinyVerses(50), 50, again, folder)
    assert again.encoded == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("the model fell over")])
def test_an_interrupted_build_goes_on_where_it_stopped(folder, error):
    first = HashEncoder(after=70, error=error)
    with pytest.raises(type(error)):
        build_index(TinyVerses(100), 100, first, folder)
    with pytest.raises(IndexFileError, match=r"no index .* yet; build it with `image2poem index`"):
        opened(folder, 100)
    second = HashEncoder()
    build_index(TinyVerses(100), 100, second, folder)
    assert len(second.encoded) == 100 - 64  # two chunks of 32 were on disk
    assert holds(folder, TinyVerses(100).all)


def start_slow_build(folder, count):
    program = [sys.executable, str(FAKES), str(folder), str(count)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)


def wait_for(process, verses):
    for line in process.stdout:
        if int(line) >= verses:
            return
    raise AssertionError(f"the build ended with {process.wait()}")


@posix
def test_a_killed_build_goes_on_where_it_stopped(folder):
    process = start_slow_build(folder, 2000)
    wait_for(process, 128)
    process.kill()
    process.wait()
    with pytest.raises(IndexFileError, match="no index"):
        opened(folder, 2000)
    encoder = HashEncoder()
    build_index(TinyVerses(2000), 2000, encoder, folder)
    assert len(encoder.encoded) <= 2000 - 96
    assert holds(folder, TinyVerses(2000).all)


@posix
def test_two_builds_at_once_and_a_killed_one_leaves_no_lock(folder):
    process = start_slow_build(folder, 2000)
    wait_for(process, 1)
    with pytest.raises(IndexFileError, match="another process is building"):
        build_index(TinyVerses(2000), 2000, HashEncoder(), folder)
    process.kill()
    process.wait()
    build_index(TinyVerses(2000), 2000, HashEncoder(), folder)
    assert holds(folder, TinyVerses(2000).all)


def test_a_changed_corpus_encodes_only_what_is_new(folder):
    build_index(TinyVerses(100), 100, HashEncoder(), folder)
    texts = ["大漠孤烟直。", *reversed(TinyVerses(100).all), "长河落日圆。"]
    encoder = HashEncoder()
    build_index(TinyVerses(0, "changed", texts), 102, encoder, folder)
    assert sorted(encoder.encoded) == sorted(["大漠孤烟直。", "长河落日圆。"])
    assert holds(folder, texts, corpus_id="changed")
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1  # the old build is gone


def test_an_interrupted_build_helps_even_after_the_corpus_changed(folder):
    with pytest.raises(KeyboardInterrupt):
        build_index(TinyVerses(100), 100, HashEncoder(after=70, error=KeyboardInterrupt()), folder)
    encoder, texts = HashEncoder(), ["大漠孤烟直。", *TinyVerses(100).all]
    build_index(TinyVerses(0, "changed", texts), 101, encoder, folder)
    assert len(encoder.encoded) == 101 - 64
    assert holds(folder, texts, corpus_id="changed")


def test_full_takes_over_the_vectors_of_select(folder):
    select, full = (index_folder(folder, "BAAI/bge-base-zh", size) for size in ("select", "full"))
    assert select != full and select.parent == full.parent == folder
    build_index(TinyVerses(100), 40, HashEncoder(), select)
    encoder = HashEncoder()
    build_index(TinyVerses(100), 100, encoder, full)
    assert len(encoder.encoded) == 60
    assert holds(select, TinyVerses(40).all) and holds(full, TinyVerses(100).all)


def test_another_model_encodes_everything(tmp_path):
    build_index(TinyVerses(50), 50, HashEncoder("one"), tmp_path / "one")
    encoder = HashEncoder("two")
    build_index(TinyVerses(50), 50, encoder, tmp_path / "two")
    assert len(encoder.encoded) == 50


def test_vectors_next_door_that_changed_on_disk_are_not_taken_over(tmp_path):
    manifest = build_index(TinyVerses(40), 40, HashEncoder(), tmp_path / "select")
    flip(tmp_path / "select" / manifest.build / "vectors.npy", -5)
    encoder = HashEncoder()
    build_index(TinyVerses(60), 60, encoder, tmp_path / "full")
    assert len(encoder.encoded) == 60


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_new_corpus_id_with_the_same_verses_costs_nothing(folder):
    build_index(TinyVerses(50), 50, HashEncoder(), folder)
    encoder = HashEncoder()
    build_index(TinyVerses(50, "other names of poets"), 50, encoder, folder)
    assert encoder.encoded == []
    assert holds(folder, TinyVerses(50).all, corpus_id="other names of poets")


@pytest.mark.parametrize(
    ("name", "encoded"), [("vectors.npy", 50), ("verses.npy", 50), ("scores.npy", 0), ("tokens.npy", 0)]
)
def test_a_build_repairs_a_damaged_index_and_only_what_is_damaged(folder, name, encoded):
    manifest = build_index(TinyVerses(50), 50, HashEncoder(), folder)
    flip(folder / manifest.build / name, -5)
    with pytest.raises(IndexFileError, match=f"damaged .{name} has changed.; build it again"):
        verify(folder)
    encoder = HashEncoder()
    assert build_index(TinyVerses(50), 50, encoder, folder) == manifest
    assert len(encoder.encoded) == encoded
    assert verify(folder) == manifest


def test_an_open_index_answers_while_it_is_rebuilt(folder):
    build_index(TinyVerses(50), 50, HashEncoder(), folder)
    old = opened(folder, 50)
    build_index(TinyVerses(80, "more"), 80, HashEncoder(), folder)
    ids, scores = old.dense.search(unit(verse(7))[None], 1)
    assert ids[0, 0] == 7 and scores[0, 0] == pytest.approx(1)


FULL = r"no space left for the index in .*takes 1 MB in all; free some, or set IMAGE2POEM_HOME .* goes on where"


@pytest.mark.parametrize(
    "calls", [0, 3, 13, 16, 22]
)  # the disk fills up among the vectors, the characters, the manifest
def test_a_full_disk_leaves_the_old_index_as_it_was(folder, monkeypatch, calls):
    build_index(TinyVerses(40), 40, HashEncoder(), folder)
    texts = ["大漠孤烟直。", *TinyVerses(99).all]
    left, fsync = calls, os.fsync

    def full(descriptor):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(IndexFileError, match=FULL):
        build_index(TinyVerses(0, "new", texts), 100, HashEncoder(), folder)
    monkeypatch.undo()
    assert not list(folder.rglob("*.tmp"))
    assert holds(folder, TinyVerses(40).all)
    build_index(TinyVerses(0, "new", texts), 100, HashEncoder(), folder)
    assert holds(folder, texts, corpus_id="new")


@posix
def test_a_file_that_may_not_grow_is_a_full_disk(folder):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    program = [sys.executable, str(FAKES), str(folder), "1000"]
    result = subprocess.run(program, capture_output=True, text=True, preexec_fn=limit)
    assert "IndexFileError: no space left for the index" in result.stderr
    encoder = HashEncoder()
    build_index(TinyVerses(1000), 1000, encoder, folder)
    assert len(encoder.encoded) < 1000
    assert holds(folder, TinyVerses(1000).all)


def test_too_small_a_disk_is_told_before_the_work(folder, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1))
    encoder = HashEncoder()
    with pytest.raises(IndexFileError, match=FULL):
        build_index(TinyVerses(100), 100, encoder, folder)
    assert encoder.encoded == []


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IndexFileError, match=r"can't be written in .*IMAGE2POEM_HOME"):
        build_index(TinyVerses(10), 10, HashEncoder(), tmp_path / "file" / "index")


@pytest.mark.parametrize("bad", [np.zeros((10, 15), np.float32), np.full((10, 16), np.nan, np.float32)])
def test_vectors_that_are_none_are_refused(folder, bad):
    encoder = HashEncoder()
    encoder.encode_document = lambda texts: bad[: len(texts)]
    with pytest.raises(ModelError, match="the text encoder hash gave"):
        build_index(TinyVerses(10), 10, encoder, folder)


def test_more_verses_than_there_are(folder):
    with pytest.raises(ValueError, match="11 verses asked for, the corpus has 10"):
        build_index(TinyVerses(10), 11, HashEncoder(), folder)
