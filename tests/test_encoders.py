"""The built-in encoders, used alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from image2poem.encoders import DATA, load_image_encoder, load_text_encoder
from image2poem.errors import ModelError
from image2poem.sight.builtin import load_imagery
from image2poem.sight.lexicon import load_lexicon

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_text_vectors_are_unit_rows_in_the_order_given() -> None:
    encoder = load_text_encoder()
    texts = ["月", "孤舟蓑笠翁，独钓寒江雪。" * 9, "", "a boat in 1999", "月"]
    vectors = encoder.encode_query(texts)
    assert vectors.dtype == np.float32 and vectors.shape == (5, encoder.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert np.allclose(vectors[0], vectors[4], atol=1e-2)
    assert np.allclose(encoder.encode_document(["孤舟蓑笠翁，独钓寒江雪。" * 9])[0], vectors[1], atol=2e-2)
    assert encoder.encode_query([]).shape == (0, encoder.dimension)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_numbers_dont_depend_on_how_many_threads_there_are(threads: int) -> None:
    texts = [f"{'江上' * (number % 7)}第{number}只船" for number in range(50)]
    assert np.array_equal(
        load_text_encoder(threads=threads).encode_document(texts), load_text_encoder().encode_document(texts)
    )


def test_a_translation_is_nearest_to_its_verse() -> None:
    encoder = load_text_encoder()
    verses = [
        "孤舟蓑笠翁，独钓寒江雪。",
        "飞流直下三千尺，疑是银河落九天。",
        "春眠不觉晓，处处闻啼鸟。",
        "大漠孤烟直，长河落日圆。",
    ]
    said = [
        "一个老人独自在落雪的江上钓鱼",
        "瀑布从高处直冲下来，好像银河从天而降",
        "春天睡得很香，醒来到处是鸟叫",
        "沙漠上一缕烟直直升起，太阳落到河上",
    ]
    scores = encoder.encode_query(said) @ encoder.encode_document(verses).T
    assert (scores.argmax(1) == np.arange(4)).all()


def test_characters_that_the_base_model_never_learnt_have_vectors_of_their_own() -> None:
    encoder = load_text_encoder()
    a, b = encoder.encode_document(["馀霞散成绮", "霞散成绮"])
    assert float(a @ b) < 0.9999


def test_image_vectors_lie_in_the_text_encoders_space() -> None:
    images, text = load_image_encoder(), load_text_encoder()
    assert images.space == text.model_id
    with Image.open(EXAMPLES / "moonlit_river.png") as river, Image.open(EXAMPLES / "autumn_mountain.jpg") as hill:
        vectors = images.encode_image([river.convert("RGB"), hill.convert("RGB")])
    assert vectors.dtype == np.float32 and vectors.shape == (2, text.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    scores = vectors @ text.encode_query(["夜晚的月亮照着江水", "秋天的红叶和山"]).T
    assert scores[0, 0] > scores[1, 0] and scores[1, 1] > scores[0, 1]


@pytest.mark.parametrize("harm", ["missing", "truncated", "no card"])
def test_a_model_that_isnt_whole_is_named_in_a_sentence(tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "text"
    shutil.copytree(DATA / "text", folder)
    model = folder / "encoder.onnx"
    if harm == "missing":
        model.unlink()
    elif harm == "truncated":
        model.write_bytes(model.read_bytes()[:-1])
    else:
        (folder / "card.json").unlink()
    with pytest.raises(ModelError, match=str(folder)):
        load_text_encoder(str(folder))


def test_a_file_that_is_no_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    import hashlib

    folder = tmp_path / "text"
    shutil.copytree(DATA / "text", folder)
    (folder / "encoder.onnx").write_bytes(b"not a model")
    card = json.loads((folder / "card.json").read_text("utf-8"))
    card["files"]["encoder.onnx"] = hashlib.sha256(b"not a model").hexdigest()
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    with pytest.raises(ModelError, match="ONNX Runtime"):
        load_text_encoder(str(folder))


def test_imagery_of_another_space_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sight"
    shutil.copytree(DATA / "sight", folder)
    card = json.loads((folder / "card.json").read_text("utf-8"))
    (folder / "card.json").write_text(json.dumps(card | {"space": "another"}), "utf-8")
    with pytest.raises(ModelError, match="another model"):
        load_imagery(load_image_encoder().space, load_lexicon(), folder)


def test_each_shipped_model_says_what_it_is_made_of() -> None:
    for folder in ("text", "image", "sight", "vectors", "rerank"):
        card = json.loads((DATA / folder / "card.json").read_text("utf-8"))
        assert {"id", "data", "recipe", "card", "files"} <= set(card)
    sizes = [p.stat().st_size for p in DATA.rglob("*") if p.is_file()]
    assert sum(sizes) < 75_000_000 and max(sizes) < 30_000_000
