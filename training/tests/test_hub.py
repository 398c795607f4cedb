"""Models of the hub for real: tiny ones with random weights, saved as the hub has them, from folder to verse."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    ChineseCLIPConfig,
    ChineseCLIPModel,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SiglipProcessor,
    ViTConfig,
    ViTModel,
)

from image2poem import ImageToPoem, Settings
from image2poem.corpus import build_corpus
from image2poem.encoders import load_image_encoder, load_text_encoder
from image2poem.errors import IndexFileError, ModelError
from image2poem.rerank import load_reranker
from image2poem.sight.lexicon import load_lexicon
from tests.hub_server import hub as serve_hub

PHOTO = Path(__file__).parents[2] / "examples" / "moonlit_river.png"
VERSES = (
    "床前明月光，疑是地上霜。",
    "孤舟蓑笠翁，独钓寒江雪。",
    "白日依山尽，黄河入海流。",
    "千山鸟飞绝，万径人踪灭。",
    "两个黄鹂鸣翠柳，一行白鹭上青天。",
    "月落乌啼霜满天，江枫渔火对愁眠。",
    "大漠孤烟直，长河落日圆。",
    "春眠不觉晓，处处闻啼鸟。",
)
PROMPT = "为这个句子生成表示以用于检索相关文章："
TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture(scope="module", autouse=True)
def without_network(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder must never make anything ask the network."""
    with pytest.MonkeyPatch.context() as patch:

        def refuse(*_: object) -> None:
            raise AssertionError("the network was asked")

        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        torch.manual_seed(0)
        yield


def tokenizer(longest: int) -> BertTokenizer:
    """A character a token: those of the verses, the lexicon's phrases and some Latin letters."""
    phrases = [phrase for term in load_lexicon().terms for phrase in term.phrases]
    characters = sorted(set("".join([*VERSES, *phrases, PROMPT, "query: passage: "])) - {" "})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{letter}" for letter in "querypassage")]
    return BertTokenizer(vocab={word: i for i, word in enumerate(dict.fromkeys(words))}, model_max_length=longest)


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    """With larger weights: a fresh model hardly tells one input from another."""
    with torch.no_grad():
        for weights in model.parameters():
            weights.normal_(std=0.2)
    return model


def save_sentence_model(folder: Path, prompts: dict[str, str] | None = None) -> Path:
    """A BERT of two layers with cls pooling, as sentence-transformers saves it."""
    parts, words = folder.with_name(folder.name + "-parts"), tokenizer(64)
    shaken(BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **TINY))).save_pretrained(parts)
    words.save_pretrained(parts)
    transformer = Transformer(str(parts))
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="cls")
    SentenceTransformer(modules=[transformer, pooling], prompts=prompts, device="cpu").save(str(folder))
    shutil.rmtree(parts)
    return folder


def save_chinese_clip(folder: Path) -> Path:
    """As OFA-Sys publishes it: vocab.txt, a .bin and an old preprocessor_config.json."""
    words = tokenizer(64)
    text = {"vocab_size": len(words), "max_position_embeddings": 64, **TINY}
    photos = {"image_size": 32, "patch_size": 8, **TINY}
    model = shaken(ChineseCLIPModel(ChineseCLIPConfig(text_config=text, vision_config=photos, projection_dim=24)))
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    vocabulary = sorted(words.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word, _ in vocabulary), "utf-8")
    old = {"feature_extractor_type": "ChineseCLIPFeatureExtractor", "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_center_crop": False, **old}), "utf-8")
    return folder


def save_siglip(folder: Path) -> Path:
    """A SigLIP whose text tower was trained on sentences padded to 16 tokens."""
    words = tokenizer(16)
    text = {"vocab_size": len(words), "max_position_embeddings": 16, "projection_size": 32, **TINY}
    photos = {"image_size": 32, "patch_size": 8, **TINY}
    model = shaken(SiglipModel(SiglipConfig(text_config=text, vision_config=photos)))
    model.save_pretrained(folder)
    images = SiglipImageProcessor(size={"height": 32, "width": 32})
    SiglipProcessor(image_processor=images, tokenizer=words).save_pretrained(folder)
    return folder


def save_cross_encoder(folder: Path, scores: int = 1) -> Path:
    """A cross-encoder of two layers, as BAAI publishes its rerankers."""
    words = tokenizer(64)
    config = BertConfig(vocab_size=len(words), max_position_embeddings=64, num_labels=scores, **TINY)
    shaken(BertForSequenceClassification(config)).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


SAVERS = {"chinese_clip": save_chinese_clip, "siglip": save_siglip}


@pytest.fixture(scope="module")
def sentence_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sentence_model(tmp_path_factory.mktemp("text") / "bge-tiny-zh")


@pytest.fixture(scope="module", params=SAVERS)
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return SAVERS[request.param](tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of a few verses with the built-in index. Not to be changed."""
    folder = tmp_path_factory.mktemp("home")
    rows = [{"title": str(i), "author": "某", "dynasty": "唐", "content": verse} for i, verse in enumerate(VERSES)]
    (folder / "own.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    settings = Settings(home=folder)
    build_corpus(settings, [str(folder / "own.jsonl")])
    ImageToPoem(settings).build_index(quiet)
    return folder


def quiet(*_: object) -> None:
    pass


def test_a_folder_gives_the_vectors_that_sentence_transformers_gives(sentence_model: Path) -> None:
    ours = load_text_encoder(str(sentence_model), device="cpu")
    theirs = SentenceTransformer(str(sentence_model), device="cpu")
    vectors = ours.encode_document(list(VERSES))
    assert vectors.dtype == np.float32 and vectors.shape == (len(VERSES), ours.dimension) == (8, 32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors, theirs.encode(list(VERSES), normalize_embeddings=True), atol=1e-5)
    assert ours.encode_query([]).shape == (0, 32)


@pytest.mark.parametrize(
    ("name", "own", "query", "document"),
    [
        ("bge-base-zh-v1.5", None, PROMPT, ""),
        ("multilingual-e5-small", None, "query: ", "passage: "),
        ("my-model", None, "", ""),
        ("bge-small-zh", {"query": "query: ", "passage": "passage: "}, "query: ", "passage: "),
    ],
)
def test_queries_and_verses_get_the_prompts_that_a_model_was_trained_with(
    tmp_path: Path, name: str, own: dict[str, str] | None, query: str, document: str
) -> None:
    folder = save_sentence_model(tmp_path / name, own)
    encoder, plain = load_text_encoder(str(folder)), SentenceTransformer(str(folder), prompts={"query": ""})

    def encode(text: str) -> np.ndarray:
        return plain.encode([text], prompt="", normalize_embeddings=True)

    if query:
        assert not np.allclose(encode(query + VERSES[0]), encode(VERSES[0]), atol=1e-3)
    assert np.allclose(encoder.encode_query([VERSES[0]]), encode(query + VERSES[0]), atol=1e-5)
    assert np.allclose(encoder.encode_document([VERSES[0]]), encode(document + VERSES[0]), atol=1e-5)


def test_a_model_of_the_same_files_has_the_same_id_and_another_has_another(
    sentence_model: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(sentence_model, tmp_path / sentence_model.name))
    same = load_text_encoder(str(copy)).model_id
    assert same == load_text_encoder(str(sentence_model)).model_id and same.startswith("bge-tiny-zh-")
    other = save_sentence_model(tmp_path / "other" / sentence_model.name)
    assert load_text_encoder(str(other)).model_id != same


def test_match_with_a_text_encoder_from_a_folder(sentence_model: Path, home: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(home, tmp_path / "home"))
    settings = Settings(home=own, text_encoder=str(sentence_model), device="cpu")
    with pytest.raises(IndexFileError, match=f"--text-encoder {sentence_model}"):
        ImageToPoem(settings).match(PHOTO)
    ImageToPoem(settings).build_index(quiet)
    answer = ImageToPoem(settings).match(PHOTO, top=8)
    routes = {route for found in answer for route in found.ranks}
    assert "vernacular" in routes and "cross_modal" not in routes  # the photo's vector lies in another space
    found = ImageToPoem(settings).search(VERSES[4], top=8)
    assert found[0].verse == VERSES[4] and found[0].ranks["words"] == 1


def test_match_with_an_image_encoder_from_a_folder(clip: Path, home: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(home, tmp_path / "home"))
    settings = Settings(home=own, image_encoder=str(clip), device="cpu")
    with pytest.raises(IndexFileError, match=f"image2poem index --home {own} --image-encoder {clip}`"):
        ImageToPoem(settings).match(PHOTO)
    ImageToPoem(settings).build_index(quiet)
    matcher = ImageToPoem(settings)
    matcher.verify_index()
    answer = matcher.match(PHOTO, top=8)
    assert answer.sight.imagery and answer.sight.vector is not None
    assert [item.verse_id for item in answer if item.ranks["cross_modal"] == 1] == [
        int(np.argmax(features(clip, matcher) @ (answer.sight.vector - 0.5 * matcher.imagery.usual_vector)))
    ]


def features(folder: Path, matcher: ImageToPoem) -> np.ndarray:
    """What the model itself says of the verses, one by one and by another way in."""
    kind, longest = (ChineseCLIPModel, 64) if "chinese" in (folder / "config.json").read_text() else (SiglipModel, 16)
    model, words = kind.from_pretrained(folder, dtype=torch.float32).eval(), tokenizer(longest)
    padding = "max_length" if kind is SiglipModel else False
    rows = []
    for verse in matcher.corpus.texts(0, len(matcher.corpus)):
        with torch.no_grad():
            tokens = words([verse], padding=padding, truncation=True, max_length=longest, return_tensors="pt")
            rows.append(model.get_text_features(**tokens).pooler_output[0])
    return torch.nn.functional.normalize(torch.stack(rows), dim=-1).numpy()


def test_both_towers_give_unit_rows_whatever_stands_beside_them(clip: Path) -> None:
    encoder = load_image_encoder(str(clip), device="cpu")
    tower = encoder.text_tower
    assert tower is not None and encoder.space == tower.model_id
    with Image.open(PHOTO) as picture:
        photo = picture.convert("RGB")
    photos = encoder.encode_image([photo, photo.rotate(180), Image.new("RGB", (9, 90), "navy")])
    verses = tower.encode_document([*VERSES, "长" * 200])
    for rows in (photos, verses):
        assert rows.dtype == np.float32 and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(encoder.encode_image([photo])[0], photos[0], atol=1e-4)
    assert np.allclose(tower.encode_query([VERSES[1]])[0], verses[1], atol=1e-4)
    assert not np.allclose(photos[0], photos[2], atol=1e-3)
    assert tower.encode_query([]).shape == (0, tower.dimension)


def sentence(load, folder: Path, **options: str) -> str:
    """What a person reads of a model that can't be opened."""
    with pytest.raises(ModelError) as caught:
        load(str(folder), **options)
    said = str(caught.value)
    assert "\n" not in said and len(said) < 600
    return said


def test_a_model_that_lacks_what_is_needed_is_refused_in_a_sentence(sentence_model: Path, tmp_path: Path) -> None:
    assert f"'image_encoder' = '{sentence_model}'" in sentence(load_image_encoder, sentence_model)
    assert "it is a BertModel, without a tower for text beside one for photos" in sentence(
        load_image_encoder, sentence_model
    )
    ViTModel(ViTConfig(image_size=32, patch_size=8, **TINY)).save_pretrained(tmp_path / "vit")
    assert "it is a ViTModel, without a tower for text beside one for photos" in sentence(
        load_image_encoder, tmp_path / "vit"
    )
    clip = save_siglip(tmp_path / "clip")
    (clip / "processor_config.json").unlink()
    assert "image" in sentence(load_image_encoder, clip)


def test_a_damaged_or_foreign_model_is_refused_in_a_sentence(sentence_model: Path, tmp_path: Path) -> None:
    cut = Path(shutil.copytree(sentence_model, tmp_path / "cut"))
    weights = cut / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "can't be opened as a sentence-transformers model" in sentence(load_text_encoder, cut)
    own_code = Path(shutil.copytree(sentence_model, tmp_path / "own code"))
    config = json.loads((own_code / "config.json").read_text("utf-8")) | {"model_type": "new"}
    config["auto_map"] = {"AutoConfig": "configuration.NewConfig", "AutoModel": "modeling.NewModel"}
    (own_code / "config.json").write_text(json.dumps(config), "utf-8")
    assert "program of its own, and those are not run" in sentence(load_text_encoder, own_code)
    assert "program of its own, and those are not run" in sentence(load_image_encoder, own_code)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}", "utf-8")
    assert "docs/hub.md" in sentence(load_text_encoder, tmp_path / "empty")


def test_a_device_that_is_not_there_is_named(sentence_model: Path) -> None:
    missing = next(d for d, m in {"cuda": torch.cuda, "mps": torch.backends.mps}.items() if not m.is_available())
    said = sentence(load_text_encoder, sentence_model, device=missing)
    assert f"setting 'device' = '{missing}' can't be used" in said and "auto or cpu" in said


SETUP_AND_MATCH = """
import sys
from image2poem.cli import app
app(["setup", *sys.argv[2:]], standalone_mode=False)
app(["match", sys.argv[1], "--explain", *sys.argv[2:]], standalone_mode=False)
"""


def test_names_of_the_hub_work_at_the_command_line(home: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(home, tmp_path / "home"))
    models = {
        "tiny/bge-base-zh-v1.5": save_sentence_model(tmp_path / "bge"),
        "tiny/chinese-clip": save_chinese_clip(tmp_path / "clip"),
    }
    names = ("--text-encoder", "tiny/bge-base-zh-v1.5", "--image-encoder", "tiny/chinese-clip")
    with serve_hub(models) as (url, fetched):
        env = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "hf"), "IMAGE2POEM_HOME": str(own)}
        command = [sys.executable, "-c", SETUP_AND_MATCH, str(PHOTO), *names]
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=180)
    assert done.returncode == 0, done.stderr
    assert "cross_modal" in done.stdout and "vernacular" in done.stdout
    assert len(fetched) == len(set(fetched)) and "tiny/chinese-clip/pytorch_model.bin" in fetched  # each file once
    (text,) = own.glob("index/bge-base-zh-v1.5-*-select/manifest.json")
    (images,) = own.glob("index/chinese-clip-*-image-select/manifest.json")
    assert len(json.loads(text.read_text())["files"]) > len(json.loads(images.read_text())["files"])  # vectors only


def test_a_cross_encoder_from_a_folder_scores_as_sentence_transformers_does(tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path / "bge-reranker-tiny")
    ours, theirs = load_reranker(str(folder), device="cpu"), CrossEncoder(str(folder), device="cpu")
    scores = ours.score("月光照在床前", VERSES)
    assert scores.dtype == np.float32 and scores.shape == (len(VERSES),) and scores.std() > 0
    assert np.allclose(scores, theirs.predict([("月光照在床前", verse) for verse in VERSES]), atol=1e-5)
    assert ours.score("月光照在床前", []).shape == (0,)
    assert ours.model_id.startswith("bge-reranker-tiny-")


def test_a_search_read_again_by_a_cross_encoder(home: Path, tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path / "cross")
    matcher = ImageToPoem(Settings(home=home, reranker=str(folder), device="cpu"))
    answer = matcher.search("鸟在山里飞", top=8)
    order = np.argsort(-load_reranker(str(folder), device="cpu").score("鸟在山里飞", [m.verse for m in answer]))
    assert [answer[int(i)].ranks["rerank"] for i in order] == list(range(1, len(answer) + 1))


def test_a_cross_encoder_with_several_scores_is_refused(tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path / "classes", scores=3)
    with pytest.raises(ModelError, match="it gives a pair 3 scores"):
        load_reranker(str(folder), device="cpu")
