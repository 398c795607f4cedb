"""Opening: an index that is missing, damaged or somebody else's gives one sentence that says what to do."""

import json

import pytest
from index_fakes import HashEncoder, TinyVerses

from image2poem.errors import IndexFileError
from image2poem.index import build_index, index_folder, open_index, store


@pytest.fixture
def folder(tmp_path):
    build_index(TinyVerses(50), 50, HashEncoder(), tmp_path / "index")
    return tmp_path / "index"


def assert_refused(folder, pattern, model_id="hash", corpus_id="tiny", count=50):
    with pytest.raises(IndexFileError, match=pattern) as caught:
        open_index(folder, model_id, corpus_id, count)
    sentence = str(caught.value)
    assert "`image2poem index`" in sentence and "\n" not in sentence and str(folder) in sentence


def test_missing(tmp_path):
    assert_refused(tmp_path / "nowhere", "no index")
    (tmp_path / "a file").touch()
    assert_refused(tmp_path / "a file", "no index")


def test_of_another_model(folder):
    assert_refused(folder, "made by the model hash, and other is in use", model_id="other")


def test_of_another_corpus(folder):
    assert_refused(folder, "made from another corpus", corpus_id="other")


def test_of_another_size(folder):
    assert_refused(folder, "has 50 verses instead of 60", count=60)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"count": 50', '"count": 51'),
        lambda text: text.replace('"dimension"', '"dimensions"'),
        lambda text: "\udcff",
    ],
)
def test_damaged_manifest(folder, spoil):
    path = folder / "manifest.json"
    path.write_text(spoil(path.read_text()), errors="surrogateescape")
    assert_refused(folder, "damaged .its manifest.json.")


def test_of_another_format(folder):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))
    assert_refused(folder, "has format 2, this program reads 1")


@pytest.mark.parametrize(
    "name", ["vectors.npy", "verses.npy", "tokens.npy", "starts.npy", "postings.npy", "scores.npy"]
)
def test_damaged_files(folder, name):
    (path,) = folder.glob(f"*/{name}")
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert_refused(folder, f"damaged .{name} has {len(content) - 1} bytes instead of {len(content)}")
    path.unlink()
    assert_refused(folder, f"damaged .{name} is gone")
    if name != "verses.npy":  # which nobody opens to search
        path.write_bytes(b"\0" * len(content))
        assert_refused(folder, "damaged")


def test_replaced_while_it_is_opened(folder, monkeypatch):
    read = store.read_manifest

    def read_then_rebuild(path):
        manifest = read(path)
        monkeypatch.undo()
        build_index(TinyVerses(0, "tiny", list(reversed(TinyVerses(50).all))), 50, HashEncoder(), folder)
        return manifest

    monkeypatch.setattr(store, "read_manifest", read_then_rebuild)
    assert len(open_index(folder, "hash", "tiny", 50).dense) == 50


def test_folders_of_models_never_meet(tmp_path):
    names = ["a/b", "a_b", "a:b", "builtin-text-0", "x" * 300, "模型", "../../etc", ""]
    folders = {index_folder(tmp_path, name, "select") for name in names}
    assert len(folders) == len(names)
    assert all(folder.parent == tmp_path and len(folder.name) < 100 for folder in folders)
