"""Models of the hub, as far as that goes without torch: finding them, naming their space, matching with them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from image2poem import ImageToPoem, Settings
from image2poem.encoders import hub, load_image_encoder, load_text_encoder
from image2poem.errors import IndexFileError, ModelError
from image2poem.sight.builtin import load_usual_chances
from image2poem.sight.lexicon import load_lexicon
from image2poem.sight.zeroshot import ZeroShot
from tests.hub_server import hub as serve_hub

RIVER = Path(__file__).parent.parent / "examples" / "moonlit_river.png"
LOADERS = {"text_encoder": load_text_encoder, "image_encoder": load_image_encoder}


@pytest.fixture
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("setting", LOADERS)
def test_without_the_extra_the_sentence_has_the_pip_install(
    setting: str, monkeypatch: pytest.MonkeyPatch, without_network: None
) -> None:
    monkeypatch.setattr(hub, "find_spec", lambda package: None)
    with pytest.raises(ModelError) as caught:
        LOADERS[setting]("BAAI/bge-base-zh-v1.5")
    assert str(caught.value).startswith(f"setting '{setting}' = 'BAAI/bge-base-zh-v1.5' can't be used: ")
    assert str(caught.value).endswith("; pip install 'image2poem[hub]'")


@pytest.mark.parametrize("setting", LOADERS)
@pytest.mark.parametrize("name", ["./nowhere", "builtn", "a/b/c", "~/no such folder", "https://huggingface.co/a/b"])
def test_what_is_neither_a_folder_nor_a_name_of_the_hub_is_refused(
    setting: str, name: str, without_network: None
) -> None:
    with pytest.raises(ModelError, match="no such folder, and names on the hub read owner/model") as caught:
        LOADERS[setting](name)
    assert f"'{setting}' = '{name}'" in str(caught.value)


@pytest.mark.parametrize("setting", LOADERS)
def test_a_folder_without_a_model_is_refused(setting: str, tmp_path: Path, without_network: None) -> None:
    with pytest.raises(ModelError, match=r"holds no model .*modules\.json or config\.json"):
        LOADERS[setting](str(tmp_path))


def some_model(folder: Path, weights: str = "model.safetensors") -> Path:
    """Files as a sentence-transformers model has them."""
    for name, content in {
        "config.json": "{}",
        "modules.json": '[{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Dense"}]',
        "vocab.txt": "月",
        weights: "weights",
        "1_Pooling/config.json": '{"pooling_mode": "cls"}',
        "2_Dense/pytorch_model.bin": "more weights",
        "onnx/model.safetensors": "not wanted",
        "README.md": "a model",
        "tf_model.h5": "not wanted",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    return folder


def test_the_id_of_a_space_follows_what_the_files_hold(tmp_path: Path) -> None:
    def space(folder: Path, extra: str = "") -> str:
        return hub.space_id(hub.HubModel("text_encoder", str(folder), folder, "tiny"), extra)

    one = some_model(tmp_path / "one")
    same = some_model(tmp_path / "same")
    (same / "README.md").write_text("another word", "utf-8")
    assert space(one) == space(same)
    assert space(one).startswith("tiny-")
    ids = {space(one), space(one, "passage: ")}
    for file in ("model.safetensors", "1_Pooling/config.json", "2_Dense/pytorch_model.bin", "vocab.txt"):
        changed = some_model(tmp_path / file.replace("/", "_"))
        (changed / file).write_text("else", "utf-8")
        ids.add(space(changed))
    assert len(ids) == 6


FIND = """
import sys
from image2poem.encoders.hub import find_model
from image2poem.errors import ModelError
for name in sys.argv[1:]:
    try:
        print(find_model(name, "text_encoder", ()).folder)
    except ModelError as error:
        print(error)
"""


def find(url: str, home: Path, *names: str) -> list[str]:
    """Folder or sentence for each name, in a process that takes `url` for the hub."""
    env = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run([sys.executable, "-c", FIND, *names], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_name_of_the_hub_is_fetched_once_and_then_needs_no_network(tmp_path: Path) -> None:
    models = {"tiny/one": some_model(tmp_path / "one"), "tiny/old": some_model(tmp_path / "old", "pytorch_model.bin")}
    with serve_hub(models, gated="tiny/gated") as (url, fetched):
        one, old, missing, gated = find(url, tmp_path / "hf", "tiny/one", "tiny/old", "tiny/no", "tiny/gated")
        files = ["1_Pooling/config.json", "2_Dense/pytorch_model.bin", "config.json", "modules.json", "vocab.txt"]
        wanted = {"tiny/one": [*files, "model.safetensors"], "tiny/old": [*files, "pytorch_model.bin"]}
        assert sorted(fetched) == sorted(f"{name}/{file}" for name in wanted for file in wanted[name])
        assert (Path(one) / "model.safetensors").is_file() and (Path(old) / "2_Dense" / "pytorch_model.bin").is_file()
        assert "'tiny/no' can't be used: the hub has no such model" in missing
        assert "https://huggingface.co/tiny/gated" in gated and "hf auth login" in gated
    kept, unknown = find(url, tmp_path / "hf", "tiny/one", "tiny/no")  # the hub is gone
    assert kept == one
    assert "'tiny/no' can't be used" in unknown and "the hub can't be reached" in unknown


def test_a_download_that_was_cut_short_is_completed(tmp_path: Path) -> None:
    with serve_hub({"tiny/one": some_model(tmp_path / "one")}) as (url, fetched):
        (folder,) = find(url, tmp_path / "hf", "tiny/one")
        (Path(folder) / "modules.json").unlink()
        (Path(folder) / "2_Dense" / "pytorch_model.bin").unlink()
        fetched.clear()
        assert find(url, tmp_path / "hf", "tiny/one") == [folder]
        assert (Path(folder) / "2_Dense" / "pytorch_model.bin").is_file() and (Path(folder) / "modules.json").is_file()


class Towers:
    """Sentences by their characters; every photo looks like the moon in the night sky. Text tower of its own space."""

    dimension = 64

    def __init__(self, model_id: str = "tiny-clip-1", stop_after: int | None = None) -> None:
        self.model_id = self.space = model_id
        self.text_tower = self
        self.encoded: list[str] = []
        self._stop_after = stop_after

    def encode_query(self, texts: list[str]) -> np.ndarray:
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            np.add.at(row, [ord(character) * 7 % self.dimension for character in text], 1)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def encode_document(self, texts: list[str]) -> np.ndarray:
        if self._stop_after is not None and len(self.encoded) >= self._stop_after:
            raise KeyboardInterrupt
        self.encoded += texts
        return self.encode_query(texts)

    def encode_image(self, images: Sequence[Image.Image]) -> np.ndarray:
        return self.encode_query(["夜空中的月亮"] * len(images))


def quiet(*_: object) -> None:
    pass


@pytest.fixture
def own_home(home: Path, tmp_path: Path) -> Path:
    """A copy of the small home, to be changed."""
    return Path(shutil.copytree(home, tmp_path / "home"))


def test_another_text_encoder_gets_an_index_of_its_own_and_leaves_the_cross_modal_route_out(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Towers("tiny-text")
    monkeypatch.setattr("image2poem.matcher.load_text_encoder", lambda *_: text)
    matcher = ImageToPoem(Settings(home=own_home, text_encoder="tiny/my model"))
    command = f"`image2poem index --home {own_home} --text-encoder 'tiny/my model'`"
    with pytest.raises(IndexFileError, match="there is no index") as caught:
        matcher.search("月亮")
    assert command in str(caught.value)
    matcher.build_index(quiet)
    answer = matcher.match(RIVER)
    assert {route for found in answer for route in found.ranks} == {"imagery", "lexical", "vernacular"}
    builtin = ImageToPoem(Settings(home=own_home))
    assert answer.sight.imagery == builtin.match(RIVER).sight.imagery  # the built-in eyes see for it
    scores = text.encode_query(["两只黄鹂"]) @ text.encode_document(matcher.corpus.texts(0, len(matcher.corpus))).T
    found = matcher.search("两只黄鹂", top=20)
    first = next(item for item in found if item.ranks.get("words") == 1)
    assert first.verse_id == int(scores.argmax())


@pytest.fixture
def towers(monkeypatch: pytest.MonkeyPatch) -> Towers:
    """An image encoder with a text tower, in the place of the built-in one."""
    encoder = Towers()
    monkeypatch.setattr("image2poem.matcher.load_image_encoder", lambda *_: encoder)
    return encoder


def test_an_image_encoder_with_a_text_tower_sees_and_finds_by_it(own_home: Path, towers: Towers) -> None:
    settings = Settings(home=own_home, image_encoder="tiny/clip")
    with pytest.raises(IndexFileError) as caught:
        ImageToPoem(settings).match(RIVER)
    assert f"`image2poem index --home {own_home} --image-encoder tiny/clip`" in str(caught.value)
    assert ImageToPoem(settings).search("瀑布").photo is None  # without a photo nothing of it is needed

    ImageToPoem(settings).build_index(quiet, missing_only=True)
    matcher = ImageToPoem(settings)
    assert sorted(towers.encoded) == sorted(matcher.corpus.texts(0, len(matcher.corpus)))
    answer = matcher.match(RIVER, top=20)
    assert {"月", "夜"} <= {item.term for item in answer.sight.imagery}
    scene = answer.sight.scene  # read off the chances, whatever eyes they are of
    assert scene and any({"画面昏暗", "夜"} <= set(facet.basis) for facet in scene.facets)
    assert answer.sight.description.endswith("。")
    assert matcher.photo_space is not None
    vector = towers.encode_image([Image.new("RGB", (8, 8))])[0] - 0.5 * matcher.imagery.usual_vector
    nearest = int((towers.encode_query(matcher.corpus.texts(0, len(matcher.corpus))) @ vector).argmax())
    assert [item.verse_id for item in answer if item.ranks.get("cross_modal") == 1] == [nearest]
    assert any("vernacular" in item.ranks for item in answer)  # by the built-in text encoder, in its own index
    towers.encoded.clear()
    ImageToPoem(settings).build_index(quiet)
    assert towers.encoded == []  # nothing is encoded twice


def test_the_index_of_an_image_encoder_is_taken_up_verified_and_mended(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=own_home, image_encoder="tiny/clip")
    monkeypatch.setattr("image2poem.index.build.CHUNK", 8)
    monkeypatch.setattr("image2poem.index.build.BATCH", 8)
    stopping, going = Towers(stop_after=8), Towers()
    monkeypatch.setattr("image2poem.matcher.load_image_encoder", lambda *_: stopping)
    with pytest.raises(KeyboardInterrupt):
        ImageToPoem(settings).build_index(quiet)
    monkeypatch.setattr("image2poem.matcher.load_image_encoder", lambda *_: going)
    matcher = ImageToPoem(settings)
    matcher.build_index(quiet)
    assert len(stopping.encoded) == 8 and len(going.encoded) == len(matcher.corpus) - 8
    matcher.verify_index()

    (folder,) = own_home.glob("index/*clip*")
    (vectors,) = folder.glob("*/vectors.npy")
    vectors.write_bytes(b"\0" * vectors.stat().st_size)
    with pytest.raises(IndexFileError, match=r"has changed.*--image-encoder tiny/clip"):
        ImageToPoem(settings).verify_index()
    ImageToPoem(settings).build_index(quiet)
    (phrases,) = folder.glob("phrases-*.npy")
    phrases.write_bytes(b"")
    with pytest.raises(IndexFileError, match=r"missing or damaged.*--image-encoder tiny/clip"):
        ImageToPoem(settings).match(RIVER)
    ImageToPoem(settings).build_index(quiet, missing_only=True)
    assert len(ImageToPoem(settings).match(RIVER)) == 5


def test_chances_of_another_model_dont_depend_on_the_band_its_cosines_lie_in() -> None:
    lexicon = load_lexicon()
    usual = load_usual_chances(lexicon)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(usual), 16)).astype(np.float32)
    photo = vectors[lexicon.number["月"]]
    chances = ZeroShot(vectors, vectors.mean(0), usual).chances(photo)
    narrow = ZeroShot(np.c_[vectors * 0.01, np.full(len(usual), 0.3)].astype(np.float32), vectors[0], usual)
    assert np.allclose(narrow.chances(np.append(photo, np.float32(1))), chances, atol=1e-3)
    assert ((chances > 0) & (chances < 1)).all()
    assert chances[lexicon.number["月"]] > usual[lexicon.number["月"]]
    nothing = ZeroShot(vectors, vectors.mean(0), usual).chances(np.zeros(16, np.float32))
    assert np.isfinite(nothing).all() and nothing.sum() < usual.sum()
