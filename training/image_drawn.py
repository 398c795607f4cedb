"""Draw what photo sets hardly show into photos they do show: the moon, stars, geese, lanterns, mist and rain.

usage: python -m training.image_drawn --photos DIR [DIR ...] --tags FILE --out DIR [--number 1000]

--photos  sets as for training.image_features, of which tagged photos to train on are drawn upon
--tags    photos whose imagery was written down completely
--out     gets drawn.zip, drawn.jsonl and drawn_tags.jsonl: a set like the others, and its tags

A moon is drawn where the upper part of a photo is calm; by day it stays pale, and half of the photos are darkened to
night first. A tenth gets nothing but the night, so that darkness alone does not become a moon.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Pixels = NDArray[np.float32]  # [h, w, 3], 0..1
SKY = {"晴空", "云", "暮色", "霞", "星", "雪山", "峰", "荒野", "草原"}
LAND = {"山", "林", "树", "湖", "江河", "峰", "田野", "草", "村", "桥", "舟"}
HOUSES = {"屋", "楼", "院", "宫殿", "寺", "市集", "城", "门", "桥", "亭", "塔"}
# gone once it is dark, once it is misty
DAYLIGHT = {
    "晴空",
    "日",
    "夕阳",
    "霞",
    "金光",
    "青绿",
    "绿叶",
    "红",
    "黄",
    "白",
    "紫",
    "晨",
    "暮色",
    "虹",
    "云",
    "夏",
    "春",
}
CLEAR = {"晴空", "日", "夕阳", "星", "倒影", "金光"}
ROOM = 0.5  # share of the height, from the top, in which the sky is looked for


@dataclass
class Scene:
    """A photo being drawn upon, with what it shows."""

    pixels: Pixels
    tags: list[str]
    said: list[str]  # what was drawn, in words

    def now(self, terms: list[str], words: str, gone: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        """It shows `terms` too, and no longer those that are `gone`."""
        self.tags = [*terms, *(t for t in self.tags if t not in gone and t not in terms)]
        self.said.append(words)


def screen(below: Pixels, light: Pixels) -> Pixels:
    """Light added to a picture."""
    return 1 - (1 - below) * (1 - np.clip(light, 0, 1))


def layer(pixels: Pixels, draw: Callable[[ImageDraw.ImageDraw, int], None], blur: float = 0.0) -> Pixels:
    """A mask float32[h, w, 1] of what `draw` draws at four times the size."""
    height, width = pixels.shape[:2]
    mask = Image.new("L", (4 * width, 4 * height))
    draw(ImageDraw.Draw(mask), 4)
    mask = mask.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(mask.filter(ImageFilter.GaussianBlur(blur)) if blur else mask, np.float32)[..., None] / 255


def calm_spot(pixels: Pixels, rng: random.Random) -> tuple[float, float] | None:
    """(x, y) of a smooth place high in the photo, or None if there is none."""
    height, width = pixels.shape[:2]
    grey = pixels.mean(2)[: round(ROOM * height)]
    rough = np.hypot(*np.gradient(grey))
    places = []
    side = min(width, height) // 14
    for _ in range(60):
        x, y = rng.randint(side, width - side - 1), rng.randint(side, max(side, len(grey) - side - 1))
        window = rough[y - side : y + side, x - side : x + side]
        places.append((float(window.mean()) if window.size else 1.0, float(x), float(y)))
    best = [place for place in sorted(places)[:8] if place[0] < 0.02]
    return rng.choice(best)[1:] if best else None


def night(scene: Scene, rng: random.Random) -> None:
    """Darken the photo: little light, and that bluish."""
    tint = np.array([rng.uniform(0.7, 0.9), rng.uniform(0.85, 1.0), 1.15], np.float32)
    scene.pixels = np.clip(scene.pixels ** rng.uniform(1.2, 1.8) * rng.uniform(0.25, 0.65) * tint, 0, 1)
    scene.now(["夜"], "夜里", DAYLIGHT)


def moon(scene: Scene, rng: random.Random) -> bool:
    """A moon in one of its phases, with a glow if it is dark."""
    spot = calm_spot(scene.pixels, rng)
    if spot is None:
        return False
    x, y = spot
    height, width = scene.pixels.shape[:2]
    radius = min(width, height) * math.exp(rng.uniform(math.log(0.014), math.log(0.075)))
    phase, tilt = rng.choice([0.0, 0.0, 0.5, 0.8, 1.1, 1.4]), rng.uniform(-math.pi, math.pi)
    dx, dy = (2 - phase) * radius * math.cos(tilt), (2 - phase) * radius * math.sin(tilt)

    def lit(draw: ImageDraw.ImageDraw, k: int) -> None:
        draw.ellipse([k * (x - radius), k * (y - radius), k * (x + radius), k * (y + radius)], fill=255)
        if phase:  # the shadow is a disc of the same size, moved aside
            draw.ellipse(
                [k * (x + dx - radius), k * (y + dy - radius), k * (x + dx + radius), k * (y + dy + radius)], fill=0
            )

    colour = np.array(rng.choice([(1, 1, 0.95), (1, 0.95, 0.8), (1, 0.85, 0.6), (0.92, 0.95, 1)]), np.float32)
    dark = float(scene.pixels[: height // 2].mean()) < 0.35
    if dark:
        glow = layer(scene.pixels, lit, blur=radius * rng.uniform(1.2, 3))
        scene.pixels = screen(scene.pixels, glow * colour * rng.uniform(0.4, 1.2))
    disc = layer(scene.pixels, lit, blur=0.4) * (rng.uniform(0.85, 1) if dark else rng.uniform(0.5, 0.85))
    scene.pixels = scene.pixels * (1 - disc) + colour * disc
    scene.now(["月"], "天上一弯月" if phase and phase < 1.2 else "天上一轮明月")
    return True


def stars(scene: Scene, rng: random.Random) -> bool:
    """Stars over the upper part of a night."""
    height, width = scene.pixels.shape[:2]
    sky = np.zeros((height, width, 1), np.float32)
    for _ in range(rng.randint(60, 400)):
        y = int(height * min(0.95, abs(rng.gauss(0, 0.6 * ROOM))))
        sky[y, rng.randrange(width)] = rng.uniform(0.3, 1)
    dark = scene.pixels.max(2, keepdims=True) < 0.35  # not before trees and towers that are brighter than the sky
    scene.pixels = screen(scene.pixels, sky * dark)
    scene.now(["星"], "满天的星星")
    return True


def geese(scene: Scene, rng: random.Random) -> bool:
    """A file or a wedge of birds, small and dark."""
    spot = calm_spot(scene.pixels, rng)
    if spot is None:
        return False
    unit = min(scene.pixels.shape[:2]) * rng.uniform(0.012, 0.03)
    heading, wedge = rng.uniform(-0.4, 0.4) + rng.choice([0, math.pi]), rng.random() < 0.7

    def birds(draw: ImageDraw.ImageDraw, k: int) -> None:
        for i in range(rng.randint(6, 15)):
            side = (-1) ** i if wedge else 1
            back, out = (i + 1) // 2 if wedge else i, 0.45 * ((i + 1) // 2 if wedge else i * 0.3)
            along, across = -1.7 * unit * back + rng.gauss(0, 0.2 * unit), side * 1.7 * unit * out
            cx = spot[0] + along * math.cos(heading) - across * math.sin(heading)
            cy = spot[1] + along * math.sin(heading) + across * math.cos(heading)
            lift = unit * rng.uniform(-0.1, 0.5)
            wing = [(cx - unit / 2, cy - lift), (cx, cy), (cx + unit / 2, cy - lift)]
            draw.line([(k * a, k * b) for a, b in wing], fill=255, width=max(2, round(k * unit * 0.16)))

    mask = layer(scene.pixels, birds) * rng.uniform(0.7, 1)
    scene.pixels = scene.pixels * (1 - mask) + 0.08 * mask
    scene.now(["雁", "鸟"], "一行大雁飞过天空")
    return True


def lanterns(scene: Scene, rng: random.Random) -> bool:
    """A row of red lanterns, lit."""
    height, width = scene.pixels.shape[:2]
    size, count = min(width, height) * rng.uniform(0.03, 0.09), rng.randint(2, 7)
    left, top = rng.uniform(0.05, 0.4) * width, rng.uniform(0.12, 0.5) * height
    step, sag = size * rng.uniform(1.5, 2.8), rng.uniform(0, 0.6) * size
    centres = [(left + i * step, top + sag * math.sin(math.pi * i / max(1, count - 1))) for i in range(count)]

    def bodies(draw: ImageDraw.ImageDraw, k: int) -> None:
        for x, y in centres:
            draw.ellipse(
                [k * (x - size / 2), k * (y - size * 0.42), k * (x + size / 2), k * (y + size * 0.42)], fill=255
            )

    red = np.array([0.95, rng.uniform(0.12, 0.35), 0.08], np.float32)
    scene.pixels = screen(scene.pixels, layer(scene.pixels, bodies, blur=size) * red * 0.8)
    mask, heart = layer(scene.pixels, bodies), layer(scene.pixels, bodies, blur=size * 0.3)
    scene.pixels = scene.pixels * (1 - mask) + mask * np.clip(red + 0.35 * heart**2, 0, 1)
    scene.now(["灯笼", "灯", "灯火"], "挂着一串红灯笼")
    return True


def mist(scene: Scene, rng: random.Random) -> bool:
    """Pale mist, thicker in one part than in another."""
    height, width = scene.pixels.shape[:2]
    noise = Image.fromarray(np.uint8([[rng.randrange(256) for _ in range(6)] for _ in range(5)]))
    cloud = np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC), np.float32)[..., None] / 255
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    band = np.exp(-(((rows - rng.uniform(0.1, 0.6)) / rng.uniform(0.25, 0.6)) ** 2))
    alpha = np.clip(band * rng.uniform(0.65, 1.0) + 0.35 * (cloud - 0.5), 0, 0.93)
    pale = np.array([0.86, 0.88, 0.9], np.float32) * rng.uniform(0.8, 1.05)
    grey = scene.pixels.mean(2, keepdims=True)
    scene.pixels = np.clip((0.5 * scene.pixels + 0.5 * grey) * (1 - alpha) + pale * alpha, 0, 1)
    scene.now(["雾"], "雾气弥漫", CLEAR)
    return True


def rain(scene: Scene, rng: random.Random) -> bool:
    """Slanting streaks under a grey light."""
    height, width = scene.pixels.shape[:2]
    slant, length = rng.uniform(-0.25, 0.25), height * rng.uniform(0.03, 0.09)

    def streaks(draw: ImageDraw.ImageDraw, k: int) -> None:
        for _ in range(rng.randint(250, 700)):
            x, y, long = rng.uniform(0, width), rng.uniform(-length, height), length * rng.uniform(0.5, 1.2)
            draw.line([k * x, k * y, k * (x + slant * long), k * (y + long)], fill=rng.randint(90, 220), width=k - 1)

    grey = scene.pixels.mean(2, keepdims=True)
    scene.pixels = (0.55 * scene.pixels + 0.45 * grey) * rng.uniform(0.6, 0.9)
    scene.pixels = screen(scene.pixels, layer(scene.pixels, streaks, blur=0.3) * rng.uniform(0.35, 0.7))
    scene.now(["雨"], "下着雨", CLEAR | {"夕阳", "霞", "雪"})
    return True


def after_dark(what: Callable[[Scene, random.Random], bool]) -> Callable[[Scene, random.Random], bool]:
    """The same, the photo darkened before."""

    def drawn(scene: Scene, rng: random.Random) -> bool:
        if "夜" not in scene.tags:
            night(scene, rng)
        return what(scene, rng)

    return drawn


def moon_and_stars(scene: Scene, rng: random.Random) -> bool:
    """Both; few stars beside a moon."""
    return moon(scene, rng) and stars(scene, rng)


# share, photos that it may be drawn upon (any of these tags, none of those), and how
KINDS = (
    (0.20, SKY, {"月", "日", "夕阳"}, after_dark(moon)),
    (0.16, SKY, {"月", "日", "夕阳"}, moon),
    (0.04, SKY, {"月", "日", "夕阳"}, after_dark(moon_and_stars)),
    (0.10, SKY, {"星"}, after_dark(stars)),
    (0.14, SKY, {"雁", "夜"}, geese),
    (0.08, HOUSES, {"灯笼", "海"}, lanterns),
    (0.06, HOUSES, {"灯笼", "海"}, after_dark(lanterns)),
    (0.08, LAND, {"雾", "夜"}, mist),
    (0.04, LAND | HOUSES, {"雨", "夜"}, rain),
    (0.10, SKY | LAND, {"夜"}, after_dark(lambda scene, rng: True)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--tags", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    archives = {file.stem: file for folder in args.photos for file in folder.glob("*.zip")}
    train = {
        (name, row["file"])
        for name, file in archives.items()
        for row in map(json.loads, file.with_suffix(".jsonl").read_text("utf-8").splitlines())
        if row["split"] == "train"
    }
    tagged = [json.loads(line) for line in args.tags.read_text("utf-8").splitlines()]
    tagged = [r for r in tagged if (r["set"], r["file"]) in train]
    args.out.mkdir(parents=True, exist_ok=True)
    photos, tags = [], []
    with zipfile.ZipFile(args.out / "drawn.zip", "w") as out:
        for share, wanted, unwanted, draw in KINDS:
            fit = [r for r in tagged if wanted & set(r["tags"]) and not unwanted & set(r["tags"])]
            rng.shuffle(fit)
            made = 0
            for record in fit:
                if made == round(share * args.number):
                    break
                with zipfile.ZipFile(archives[record["set"]]) as archive:
                    photo = Image.open(io.BytesIO(archive.read(record["file"]))).convert("RGB")
                scene = Scene(np.asarray(photo, np.float32) / 255, list(record["tags"]), [])
                if not draw(scene, rng):
                    continue
                made += 1
                file, buffer = f"{len(photos):05}.jpg", io.BytesIO()
                Image.fromarray(np.uint8(np.clip(scene.pixels, 0, 1) * 255)).save(buffer, "JPEG", quality=90)
                out.writestr(file, buffer.getvalue())
                others = [
                    t for t in scene.tags if t not in {"夜", "月", "星", "雁", "鸟", "灯笼", "灯", "灯火", "雾", "雨"}
                ]
                caption = "，".join([*scene.said, *(["、".join(others[:3])] if others else [])])
                photos.append({"file": file, "captions_zh": [caption], "labels": [], "split": "train"})
                tags.append({"set": "drawn", "file": file, "tags": scene.tags, "caption": caption})
    for name, rows in (("drawn.jsonl", photos), ("drawn_tags.jsonl", tags)):
        (args.out / name).write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    print(f"{len(photos)} photos drawn upon: {args.out}")


if __name__ == "__main__":
    main()
