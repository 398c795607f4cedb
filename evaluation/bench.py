"""The bench: tagged landscape photos, and how a list of verses for them is judged.

The judge and its table of words are kept outside the project (`--shared`), so that nobody tunes them.
"""

from __future__ import annotations

import importlib.util
import io
import json
import random
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

FIGURES = ("hit@1", "coverage@1", "precision@1", "F1")


@dataclass(frozen=True)
class BenchPhoto:
    """A photo, what people tagged it with, and what somebody said of it."""

    name: str
    image: Image.Image
    tags: tuple[str, ...]
    caption: str


@dataclass(frozen=True)
class Bench:
    """Photos and the judge of verses for them."""

    photos: tuple[BenchPhoto, ...]
    table: Mapping[str, list[str]]
    judge: ModuleType

    def score(self, top: Mapping[str, str]) -> dict[str, float]:
        """Figures for one top verse a photo: name -> verse."""
        tags = {p.name: list(p.tags) for p in self.photos}
        return self.judge.judge(self.table, tags, {name: [verse] for name, verse in top.items()})

    def figures(self, top: Mapping[str, str]) -> np.ndarray:
        """float64[photos, 4], a row of FIGURES for each photo that the judge counts."""
        tags = {p.name: list(p.tags) for p in self.photos}
        rows = []
        for name, verse in top.items():
            if any(tag in self.table for tag in tags[name]):
                result = self.judge.judge(self.table, tags, {name: [verse]})
                rows.append([result[figure] for figure in FIGURES])
        return np.array(rows)


def load(shared: Path, name: str = "bench") -> Bench:
    """The bench out of `shared`, the folder that holds data/ and tools/."""
    spec = importlib.util.spec_from_file_location("judge_photos", shared / "tools" / "judge_photos.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(shared / "tools" / "judge_photos.py")
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    folder = shared / "data" / "photos"
    table = json.loads((folder / "imagery_words.json").read_text("utf-8"))
    rows = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text("utf-8").splitlines()]
    with zipfile.ZipFile(folder / f"{name}.zip") as archive:
        photos = tuple(
            BenchPhoto(
                name=row["file"],
                image=Image.open(io.BytesIO(archive.read(row["file"]))).convert("RGB"),
                tags=tuple(row["labels"]),
                caption=row["captions_zh"][0],
            )
            for row in rows
        )
    return Bench(photos, {k: v for k, v in table.items() if not k.startswith("_")}, judge)


def interval(values: Sequence[float], draws: int = 2000) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean, over photos."""
    rng = random.Random(0)
    means = sorted(np.mean(rng.choices(list(values), k=len(values))) for _ in range(draws))
    return means[int(0.025 * draws)], means[int(0.975 * draws)]


def table_rows(bench: Bench, answers: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """A Markdown table, a row for each way of answering."""
    yield f"| top verse from | {' | '.join(FIGURES)} | F1 95 % | distinct |"
    yield "| --- " * (len(FIGURES) + 3) + "|"
    for way, top in answers.items():
        figures = bench.figures(top)
        low, high = interval(figures[:, -1])
        means = " | ".join(f"{value:.2f}" for value in figures.mean(0))
        yield f"| {way} | {means} | {low:.2f}–{high:.2f} | {len(set(top.values())) / len(top):.2f} |"
