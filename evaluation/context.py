"""What when and where a photo was taken does to the verses for it: do they fit what is seen as well as without?

usage: python -m evaluation.context [--shared ../shared]

The bench photos have neither date nor place. Each gets some by lot, so they mostly have nothing to do with what it shows:
that is the hard case, where context must not drown what is seen. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import io
import random
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from evaluation import bench as benches
from image2poem import ImageToPoem, Matches
from image2poem.context.calendar import look_up
from image2poem.context.gazetteer import load_places

FIRST, DAYS = date(2012, 1, 1), 5000


def photo_taken(image: Image.Image, day: date | None, place: tuple[float, float] | None, hour: int) -> bytes:
    """The photo as a camera would have written it."""
    exif = Image.Exif()
    if day is not None:
        exif.get_ifd(0x8769)[0x9003] = f"{day:%Y:%m:%d} {hour:02}:00:00"
    if place is not None:
        latitude, longitude = ((degrees, 0.0, 0.0) for degrees in place)
        exif.get_ifd(0x8825).update({1: "N", 2: latitude, 3: "E", 4: longitude})
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def lines_that_belong(answer: Matches) -> int:
    """How many verses are there for the place or the day too, not for what is seen alone."""
    return sum(bool(match.occasions) for match in answer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    args = parser.parse_args()
    bench = benches.load(args.shared)
    matcher = ImageToPoem()
    rng = random.Random(0)
    days = [FIRST + timedelta(after) for after in range(DAYS)]
    festive = [day for day in days if look_up(day).festivals]
    spots = [circle[:2] for place in load_places() for circle in place.circles[:1]]
    by_lot: Mapping[str, tuple[list[date] | None, list[tuple[float, float]] | None]] = {
        "no context": (None, None),
        "any day": (days, None),
        "a festival": (festive, None),
        "a place": (None, spots),
        "a festival and a place": (festive, spots),
    }
    print("| taken | hit@1 | F1 of the first | lines of five that belong | photos with one or more |")
    print("| --- | --- | --- | --- | --- |")
    for name, (some_days, some_spots) in by_lot.items():
        first, belong = {}, []
        for photo in bench.photos:
            day = rng.choice(some_days) if some_days else None
            spot = rng.choice(some_spots) if some_spots else None
            answer = matcher.match(photo_taken(photo.image, day, spot, rng.randrange(6, 22)))
            first[photo.name] = answer[0].verse
            belong.append(lines_that_belong(answer))
        figures = bench.figures(first).mean(0)
        share = np.mean([count > 0 for count in belong])
        print(f"| {name} | {figures[0]:.2f} | {figures[-1]:.3f} | {np.mean(belong):.2f} | {share:.2f} |", flush=True)


if __name__ == "__main__":
    main()
