"""What cards look like in numbers: contrast, type out of place, time, characters without a glyph; and a sheet to look at.

usage: python -m evaluation.cards PHOTOS... [--cards 240] [--seed 0] [--sheet FILE]

Sets verses drawn from the whole corpus on parts of the photos of many shapes, in every layout, script and way of
punctuation in turn. Prints Markdown. Times are processor time; the largest card is made from the first photo enlarged.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from image2poem.card import LAYOUTS, Card, make_card
from image2poem.card.box import Box
from image2poem.card.fonts import open_fonts
from image2poem.corpus import Corpus, open_corpus
from image2poem.photo import find_photos, load_photo
from image2poem.settings import load_settings

SHAPES = (None, None, 0.67, 0.5, 1.0, 1.78, 3.0, 0.3, 5.0)  # width to height; None: as it is
SCRIPTS = ("simplified", "simplified", "traditional")
PUNCTUATION = ("pauses", "pauses", "full", "none")
WIDTH = 1080
LARGE = 22_000_000  # pixels
CELL = 400  # pixels of a card on the sheet


@dataclass(frozen=True)
class Row:
    """One card."""

    layout: str
    contrast: float
    misplaced: int
    seconds: float


def misplaced(card: Card) -> int:
    """How many characters lie outside their area, on the seal or on one another."""
    boxes = [glyph.box for glyph in card.glyphs]
    whole = Box(0, 0, *card.size)
    bad = sum(1 for box in boxes if not card.text_area.holds(box) or not whole.holds(box) or box.meets(card.seal))
    inner = [box.grown(-0.02 * glyph.size) for box, glyph in zip(boxes, card.glyphs, strict=True)]
    return bad + sum(1 for one, other in itertools.combinations(inner, 2) if one.meets(other))


def cut(photo: Image.Image, shape: float | None) -> Image.Image:
    """The middle of a photo with this shape."""
    if shape is None:
        return photo
    wide, high = min(photo.width, round(photo.height * shape)), min(photo.height, round(photo.width / shape))
    left, top = (photo.width - wide) // 2, (photo.height - high) // 2
    return photo.crop((left, top, left + max(1, wide), top + max(1, high)))


def sheet(pictures: list[Image.Image], columns: int = 5) -> Image.Image:
    """Small pictures side by side."""
    out = Image.new("RGB", (columns * (CELL + 10), -(-len(pictures) // columns) * (CELL + 10)), "grey")
    for number, picture in enumerate(pictures):
        x, y = number % columns * (CELL + 10), number // columns * (CELL + 10)
        out.paste(picture, (x + (CELL - picture.width) // 2, y + (CELL - picture.height) // 2))
    return out


def missing(corpus: Corpus) -> tuple[int, int, int, int]:
    """Characters of the corpus that the serif lacks: different ones, of how many; occurrences, of how many."""
    face = open_fonts().faces[0]
    counts = Counter("".join(corpus.texts()))
    lacks = {char: n for char, n in counts.items() if not face.has(char)}
    return len(lacks), len(counts), sum(lacks.values()), sum(counts.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--cards", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    photos = [load_photo(path).image for path in find_photos(args.photos)]
    corpus = open_corpus(load_settings().corpus_file)
    rows, pictures = [], []
    for number in range(args.cards):
        verse = corpus.verse(rng.randrange(corpus.select_count if number % 3 else len(corpus)))
        photo = cut(rng.choice(photos), SHAPES[rng.randrange(len(SHAPES))])
        started = time.process_time()
        card = make_card(
            photo,
            verse.text,
            verse.title,
            verse.author,
            verse.dynasty,
            layout=LAYOUTS[number % len(LAYOUTS)],
            width=WIDTH,
            script=rng.choice(SCRIPTS),
            genre=verse.genre,
            punctuation=rng.choice(PUNCTUATION),
        )
        picture = card.image
        took = time.process_time() - started
        rows.append(Row(LAYOUTS[number % len(LAYOUTS)], card.contrast(), misplaced(card), took))
        if args.sheet:
            picture.thumbnail((CELL, CELL))
            pictures.append(picture)
    print("| layout | cards | lowest contrast | characters out of place | seconds, median |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for layout in LAYOUTS:
        mine = [row for row in rows if row.layout == layout]
        if mine:
            worst, seconds = min(row.contrast for row in mine), sorted(row.seconds for row in mine)[len(mine) // 2]
            print(f"| {layout} | {len(mine)} | {worst:.2f} | {sum(row.misplaced for row in mine)} | {seconds:.2f} |")
    if args.sheet:
        sheet(pictures).save(args.sheet)
    kinds, of_kinds, times, of_times = missing(corpus)
    print(f"\nthe serif lacks {kinds:,} of {of_kinds:,} characters, {times:,} of {of_times:,} in running text")
    scale = (LARGE / (photos[0].width * photos[0].height)) ** 0.5
    large = photos[0].resize((round(photos[0].width * scale), round(photos[0].height * scale)))
    started = time.process_time()
    card = make_card(large, "大漠孤烟直，长河落日圆。", "使至塞上", "王维", "唐")
    drawn = card.image.size
    middle = time.process_time()
    size = len(card.encode("png"))
    print(
        f"{LAYOUTS[0]}, {drawn[0]} x {drawn[1]}: {middle - started:.1f} s, "
        f"as PNG {time.process_time() - middle:.1f} s more ({size / 1e6:.1f} MB)"
    )


if __name__ == "__main__":
    main()
