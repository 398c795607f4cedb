"""Vectors that come with the package: a build takes those that it knows from there, and encodes the rest."""

import hashlib
import json

import numpy as np
import pytest
from index_fakes import HashEncoder, TinyVerses, unit, verse

from image2poem.errors import ModelError
from image2poem.index import build, shipped


def ship(folder, texts, model_id="hash"):
    """Write what `training.vectors` writes, of vectors that sixteen levels suit."""
    folder.mkdir()
    vectors = np.stack([unit(text) for text in texts])
    deviation = np.abs(vectors).max(0) / 7.5
    codes = np.rint(vectors / deviation + 7.5).astype(np.uint8)
    hashes = np.array([build.verse_hash(text) for text in texts], np.uint64)
    order = np.argsort(hashes)
    np.save(folder / "hashes.npy", shipped.shortened(hashes[order]))
    np.save(folder / "codes.npy", codes[order, 0::2] << 4 | codes[order, 1::2])
    np.save(folder / "scale.npy", np.stack([0 * deviation, deviation]))
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    levels = [number - 7.5 for number in range(16)]
    card = {"space": model_id, "dimension": 16, "levels": levels, "files": files}
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return folder


def build_with(monkeypatch, tmp_path, texts, folder, count=40):
    monkeypatch.setattr(shipped, "SHIPPED", folder)
    encoder, known = HashEncoder(), []
    target = tmp_path / "index"
    manifest = build.build_index(
        TinyVerses(count, texts=texts), count, encoder, target, lambda done, total: known.append(done)
    )
    return encoder.encoded, np.load(target / manifest.build / "vectors.npy")


def test_known_verses_are_not_encoded(monkeypatch, tmp_path):
    texts = [verse(i) for i in range(40)]
    encoded, vectors = build_with(monkeypatch, tmp_path, texts, ship(tmp_path / "shipped", texts[10:]))
    assert sorted(encoded) == sorted(texts[:10])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    whole = np.stack([unit(text) for text in texts])
    assert np.allclose(vectors[:10], whole[:10])
    assert ((vectors[10:] * whole[10:]).sum(1) > 0.97).all()


def test_a_corpus_of_other_verses_is_encoded_whole(monkeypatch, tmp_path):
    texts = [verse(i) for i in range(40)]
    encoded, _ = build_with(monkeypatch, tmp_path, texts, ship(tmp_path / "shipped", [verse(i) for i in range(50, 60)]))
    assert sorted(encoded) == sorted(texts)


def test_another_model_gets_none_of_them(monkeypatch, tmp_path):
    texts = [verse(i) for i in range(40)]
    encoded, _ = build_with(monkeypatch, tmp_path, texts, ship(tmp_path / "shipped", texts, model_id="another"))
    assert sorted(encoded) == sorted(texts)


def test_damaged_ones_are_refused(monkeypatch, tmp_path):
    texts = [verse(i) for i in range(40)]
    folder = ship(tmp_path / "shipped", texts)
    codes = bytearray((folder / "codes.npy").read_bytes())
    codes[-1] ^= 1
    (folder / "codes.npy").write_bytes(codes)
    with pytest.raises(ModelError, match="damaged"):
        build_with(monkeypatch, tmp_path, texts, folder)
