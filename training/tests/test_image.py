"""The recipe of the built-in image encoder, run small but whole: every step on a handful of pictures."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from evaluation import tagged
from image2poem import Settings
from image2poem.corpus import build_corpus
from image2poem.encoders import DATA
from image2poem.encoders.onnx import OnnxImageEncoder, read_card
from image2poem.sight.lexicon import load_lexicon
from training.image_encoder import Head, held_back, load_photos
from training.image_tower import CUT, FEATURES, SIZE, ImageTower


def run(module: str, *arguments: str | Path) -> str:
    """`python -m module arguments`; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def write_rows(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def from_archive(path: Path) -> list[Image.Image]:
    """The photos of a set, in order."""
    with zipfile.ZipFile(path) as archive:
        return [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in archive.namelist()]


def test_the_image_encoder_is_trained_exported_and_agrees(tmp_path: Path) -> None:
    work, text = tmp_path, DATA / "text"
    rng = np.random.default_rng(0)
    photos, names = work / "photos", ("flickr8k", "scenes", "bench")
    photos.mkdir()
    pictures = [Image.fromarray(rng.integers(0, 255, (40, 60, 3), np.uint8)) for _ in range(12)]
    for name in names:
        rows = []
        with zipfile.ZipFile(photos / f"{name}.zip", "w") as archive:
            for i, picture in enumerate(pictures):
                with archive.open(f"{i:05}.jpg", "w") as file:
                    picture.save(file, "JPEG")
                split = "bench" if name == "bench" else "dev" if i < 3 else "train"
                labels = ["river"] if i % 2 else ["mountain"]
                captions = ["江河"] if i % 2 else ["高山"]
                rows.append({"file": f"{i:05}.jpg", "captions_zh": captions, "labels": labels, "split": split})
        write_rows(photos / f"{name}.jsonl", rows)
    tags = [{"set": "scenes", "file": f"{i:05}.jpg", "tags": ["江河"], "caption": "一条江"} for i in range(4, 12)]
    write_rows(work / "tags.jsonl", tags)
    run("training.image_features", "--photos", photos, "--out", work / "features", "--views", "2", "--below")
    features = np.load(work / "features" / "scenes.npy")
    assert features.shape == (12, 2, FEATURES) and np.isfinite(features).all()
    head_arguments = ("--tags", work / "tags.jsonl", "--text", text)
    head = ("--features", work / "features", *head_arguments)
    printed = run("training.image_encoder", "--photos", photos, *head, "--out", work / "head.pt", "--batch", "8")
    assert "scenes 3: top-1" in printed
    tuned = ("--photos", photos, *head, "--head", work / "head.pt")
    printed = run("training.image_finetune", *tuned, "--out", work / "tuned.pt", "--steps", "2", "--batch", "4")
    assert "scenes 3: top-1" in printed
    run("training.image_export", "--head", work / "tuned.pt", "--text", text, "--data", work / "data", "--id", "x")
    encoder = OnnxImageEncoder(work / "data" / "image")
    assert encoder.space == read_card(text)["id"]
    vectors = encoder.encode_image(pictures)
    assert vectors.shape == (12, 384) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    # what ships, int8 weights and all, must be what was trained
    saved = torch.load(work / "tuned.pt", weights_only=True)
    head = Head.of(saved["head"]).eval()
    tower, before = ImageTower(), ImageTower().state_dict()
    tower.load_state_dict(saved["tower"])
    moved = {name.split(".")[2] for name, value in tower.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(name in ("weight", "bias") or int(name) >= CUT for name in moved)  # the lower blocks stay
    shown = np.stack([np.asarray(p.resize((SIZE, SIZE), Image.Resampling.BILINEAR)) for p in pictures])
    with torch.no_grad():
        trained = head(tower(torch.from_numpy(shown).permute(0, 3, 1, 2).float())).numpy()
    assert ((trained * vectors).sum(1) > 0.95).all()  # int8 weights, and pictures of noise
    # another head for the tower that ships
    shipped, again = work / "data" / "image", work / "again.pt"
    run("training.image_features", "--photos", photos, "--out", work / "more", "--views", "1", "--tower", shipped)
    head = ("--features", work / "more", *head_arguments)
    run("training.image_encoder", "--photos", photos, *head, "--out", again, "--batch", "8")
    run(
        "training.image_export",
        "--head",
        again,
        "--text",
        text,
        "--data",
        work / "again",
        "--id",
        "y",
        "--tower",
        shipped,
    )
    features = torch.from_numpy(np.load(work / "more" / "bench.npy")[:, 0]).float()
    with torch.no_grad():
        trained = Head.of(torch.load(again, weights_only=True)["head"]).eval()(features).numpy()
    vectors = OnnxImageEncoder(work / "again" / "image").encode_image(from_archive(photos / "bench.zip"))
    assert ((trained * vectors).sum(1) > 0.99).all()


def test_photos_held_back_judge_what_a_verse_names(tmp_path: Path) -> None:
    lexicon, picture = load_lexicon(), tmp_path / "picture.jpg"
    photos, tag_file = tmp_path / "photos", tmp_path / "tags.jsonl"
    photos.mkdir()
    Image.new("RGB", (60, 40), "navy").save(picture)
    for name in ("scenes", "walls"):
        with zipfile.ZipFile(photos / f"{name}.zip", "w") as archive:
            for i in range(16):
                archive.write(picture, f"{i}.jpg")
        rows = [{"file": f"{i}.jpg", "captions_zh": [], "split": "train", "labels": ["night"]} for i in range(16)]
        write_rows(photos / f"{name}.jsonl", rows)
    tags = [
        {"set": name, "file": f"{i}.jpg", "tags": ["月", "湖", "天"], "caption": "湖上一轮月亮"}
        for name in ("scenes", "walls")
        for i in range(16)
    ]
    write_rows(tag_file, tags)
    held = tagged.load([photos], [tag_file], lexicon)
    known = held_back(load_photos([photos], [tag_file]))
    assert len(known) == 4 and {photo.name for photo in held} == {name for name in known if "walls" in name}
    for photo in held:
        assert photo.image().size == (60, 40)
        assert photo.f1(lexicon.find("湖上月")) == 1
        assert photo.f1(lexicon.find("天")) == 0  # nobody tells of it
        assert 0 < photo.f1(lexicon.find("月下花")) < photo.f1(lexicon.find("月"))


def test_moons_and_geese_are_drawn_where_there_is_room(tmp_path: Path) -> None:
    sky = np.linspace(120, 200, 360, dtype=np.uint8)[:, None, None].repeat(480, 1).repeat(3, 2)
    file = tmp_path / "sky.jpg"
    Image.fromarray(sky).save(file)
    with zipfile.ZipFile(tmp_path / "walls.zip", "w") as archive:
        for i in range(8):
            archive.write(file, f"{i}.jpg")
    shown = [{"file": f"{i}.jpg", "captions_zh": [], "split": "dev" if i == 7 else "train"} for i in range(8)]
    write_rows(tmp_path / "walls.jsonl", shown)
    tags = [{"set": "walls", "file": f"{i}.jpg", "tags": ["晴空", "山", "楼"], "caption": "山"} for i in range(8)]
    write_rows(tmp_path / "tags.jsonl", tags)
    out = tmp_path / "drawn"
    run("training.image_drawn", "--photos", tmp_path, "--tags", tmp_path / "tags.jsonl", "--out", out, "--number", "25")
    rows = [json.loads(line) for line in (out / "drawn_tags.jsonl").read_text("utf-8").splitlines()]
    seen = {tag for row in rows for tag in row["tags"]}
    assert {"月", "星", "雁", "灯笼", "雾", "雨", "夜"} <= seen
    assert not any("夜" in row["tags"] and "晴空" in row["tags"] for row in rows)
    with zipfile.ZipFile(out / "drawn.zip") as archive:
        drawn = {r["file"]: np.asarray(Image.open(archive.open(r["file"])).convert("L"), np.float32) for r in rows}
    for row in rows:
        picture, plain = drawn[row["file"]], sky[..., 0].astype(np.float32)
        if "月" in row["tags"] and "夜" in row["tags"]:
            assert picture.max() > 150 > np.median(picture)  # one light in the dark
        if "雁" in row["tags"]:
            assert 0 < (picture < plain - 25).mean() < 0.1  # few dark marks


def test_tagged_photos_get_verses_that_name_what_they_show(tmp_path: Path) -> None:
    verses = (
        "明月松间照，清泉石上流。",
        "孤舟蓑笠翁，独钓寒江雪。",
        "接天莲叶无穷碧，映日荷花别样红。",
        "大漠孤烟直，长河落日圆。",
    )
    poems = [
        {"title": f"其{i}", "author": "某", "dynasty": "唐", "genre": "诗", "content": v} for i, v in enumerate(verses)
    ]
    write_rows(tmp_path / "own.jsonl", poems)
    settings = Settings(home=tmp_path / "home")
    build_corpus(settings, [str(tmp_path / "own.jsonl")])
    photos = tmp_path / "photos"
    photos.mkdir()
    shown = [("荷", "池塘里开着荷花"), ("雪", "雪中江上一条小船"), ("沙漠", "沙漠里的夕阳")]
    rows = [{"file": f"{i}.jpg", "captions_zh": [], "split": "train"} for i in range(3)]
    write_rows(photos / "walls.jsonl", rows)
    tags = [{"set": "walls", "file": f"{i}.jpg", "tags": [t], "caption": c} for i, (t, c) in enumerate(shown)]
    write_rows(tmp_path / "tags.jsonl", tags)
    given = ("--photos", photos, "--tags", tmp_path / "tags.jsonl", "--corpus", settings.home / "corpus.sqlite")
    run("training.image_verses", *given, "--text", DATA / "text", "--out", tmp_path / "out.jsonl", "--number", "1")
    found = [json.loads(line)["verses"] for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [verse[0][:2] for verse in found] == ["接天", "孤舟", "大漠"]
    run("training.captions", *given, "--verses", tmp_path / "out.jsonl", "--out", tmp_path / "rows.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text("utf-8").splitlines()]
    assert {row["query"]: row["pos"] for row in rows} == dict(zip((c for _, c in shown), found, strict=True))
    assert all(row["neg"] and row["pos"][0] not in row["neg"] for row in rows)


def test_tagged_photos_are_gathered_out_of_clones(tmp_path: Path) -> None:
    clone = tmp_path / "clones" / "someone" / "pictures"
    clone.mkdir(parents=True)

    def git(*arguments: str) -> None:
        names = ("-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", clone, *names, *arguments], check=True, capture_output=True)

    git("init", "--quiet")
    Image.new("RGB", (1200, 600), (200, 30, 30)).save(clone / "山 红.jpg")
    (clone / "broken.jpg").write_bytes(b"no picture")
    git("add", ".")
    git("commit", "-qm", "first")
    (clone / "山 红.jpg").unlink()  # a photo that stands in the history alone is found too
    git("commit", "-qam", "second")
    src = {"a.jpg": "someone/pictures 山 红.jpg", "b.jpg": "someone/pictures broken.jpg", "c.jpg": "nobody/here d.jpg"}
    rows = [{"set": "wild", "file": file, "src": where, "tags": ["山"], "caption": ""} for file, where in src.items()]
    write_rows(tmp_path / "tags.jsonl", [*rows, {"set": "scenes", "file": "x.jpg", "tags": [], "caption": ""}])
    told = run("training.photos", "--tags", tmp_path / "tags.jsonl", "--clones", tmp_path / "clones", "--out", tmp_path)
    assert "nobody/here: not in" in told and "someone/pictures: 1 of 2 photos" in told
    assert [json.loads(line)["file"] for line in (tmp_path / "wild.jsonl").read_text().splitlines()] == ["a.jpg"]
    with zipfile.ZipFile(tmp_path / "wild.zip") as archive, archive.open("a.jpg") as file:
        photo = Image.open(file)
        assert photo.size == (512, 256) and photo.getpixel((9, 9))[0] > 150
    assert not (tmp_path / "scenes.zip").exists()
