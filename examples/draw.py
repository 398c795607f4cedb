"""Draw the example pictures, so that the project can be tried with photos that are nobody else's.

usage: python examples/draw.py [FOLDER]

Each picture is layers of light: gradients and fractal noise in float32[height, width, 3] (0..1), shapes drawn at
twice the size and softened. The same seed draws the same picture.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 900, 600
Array = NDArray[np.float32]
Colour = tuple[float, float, float]
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)


# --- the brushes ------------------------------------------------------------------------------------------------


def rgb(hexadecimal: str) -> Colour:
    red, green, blue = (int(hexadecimal[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def gradient(*stops: tuple[float, str]) -> Array:
    """Colour from top to bottom; a stop is (height 0..1, colour)."""
    heights = [height * HEIGHT for height, _ in stops]
    colours = np.array([rgb(colour) for _, colour in stops])
    channels = [np.interp(Y[:, 0], heights, colours[:, i]) for i in range(3)]
    return np.repeat(np.stack(channels, -1)[:, None], WIDTH, 1).astype(np.float32)


def noise(rng: np.random.Generator, cells: tuple[float, float], octaves: int = 5, fade: float = 0.5) -> Array:
    """Fractal noise in 0..1; `cells` are how many bumps fit across and down in the coarsest octave."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for octave in range(octaves):
        grid = [max(2, min(round(n * 2**octave), limit)) for n, limit in zip(cells, (WIDTH, HEIGHT), strict=True)]
        bumps = Image.fromarray(rng.random((grid[1], grid[0]), np.float32))
        total += fade**octave * np.asarray(bumps.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    total -= total.min()
    return np.asarray(total / total.max(), np.float32)


def ridge(rng: np.random.Generator, base: float, height: float, bumps: float, roughness: float = 0.5) -> Array:
    """A mountain's outline: for each column, the row where it begins."""
    line = np.zeros(WIDTH)
    for octave in range(7):
        points = rng.random(max(3, int(bumps * 2**octave) + 2))
        at = np.linspace(0, WIDTH, len(points))
        x = np.arange(WIDTH)
        i = np.clip(np.searchsorted(at, x, "right") - 1, 0, len(at) - 2)
        t = (x - at[i]) / (at[i + 1] - at[i])
        line += roughness**octave * (points[i] + (points[i + 1] - points[i]) * (t * t * (3 - 2 * t)))
    line = (line - line.min()) / (line.max() - line.min())
    return np.asarray(base - height * line, np.float32)


def below(line: Array, softness: float = 1.2) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip((Y - line[None]) / softness, -30, 30))), np.float32)


def drawn(draw: Callable[[ImageDraw.ImageDraw], object], blur: float = 0.0) -> Array:
    """A mask of what `draw` draws in white, in coordinates of twice the picture."""
    image = Image.new("L", (2 * WIDTH, 2 * HEIGHT))
    draw(ImageDraw.Draw(image))
    return softened(image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS), blur)


def softened(image: Image.Image, blur: float) -> Array:
    if blur:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(image, np.float32) / 255


def glow(x: float, y: float, radius: float, flatten: float = 1.0) -> Array:
    distance = np.hypot(X - x, (Y - y) * flatten) / radius
    return np.asarray(np.exp(-distance), np.float32)


def lay(picture: Array, mask: Array, colour: Array | Colour, strength: float = 1.0) -> Array:
    """Paint over."""
    alpha = (np.clip(mask, 0, 1) * strength)[..., None]
    return np.asarray(picture * (1 - alpha) + np.asarray(colour, np.float32) * alpha, np.float32)


def shine(picture: Array, mask: Array, colour: Colour, strength: float = 1.0) -> Array:
    """Add light, as a film would take it: never beyond white."""
    light = np.clip(mask, 0, None)[..., None] * np.asarray(colour, np.float32) * strength
    return np.asarray(1 - (1 - np.clip(picture, 0, 1)) * (1 - np.clip(light, 0, 1)), np.float32)


def finish(picture: Array, rng: np.random.Generator, grain: float = 0.012, vignette: float = 0.25) -> Image.Image:
    """What a lens and a film add: dark corners and grain."""
    corner = np.hypot((X - WIDTH / 2) / WIDTH, (Y - HEIGHT / 2) / HEIGHT)
    picture = picture * (1 - vignette * np.clip(corner - 0.25, 0, 1) ** 1.5 * 2)[..., None]
    picture = picture + rng.normal(0, grain, (HEIGHT, WIDTH, 1)) if grain else picture
    return Image.fromarray((np.clip(picture, 0, 1) * 255).round().astype(np.uint8))


def leaf(x: float, y: float, length: float, width: float, angle: float, bend: float = 0.0) -> list[tuple[float, float]]:
    """A pointed leaf from its stalk, as a polygon in doubled coordinates."""
    points = []
    for side in (1, -1):
        steps = np.linspace(0, 1, 9) if side == 1 else np.linspace(1, 0, 9)
        for t in steps:
            across = side * width / 2 * math.sin(math.pi * t**0.7)
            turned = angle + bend * t
            points.append(
                (
                    2 * (x + length * t * math.cos(turned) - across * math.sin(turned)),
                    2 * (y + length * t * math.sin(turned) + across * math.cos(turned)),
                )
            )
    return points


def shaded(colour: str, light: float) -> Colour:
    red, green, blue = rgb(colour)
    return red * light, green * light, blue * light


# --- the pictures -----------------------------------------------------------------------------------------------


def moonlit_river() -> Image.Image:
    """A full moon over a river at night, dark hills, and a boat with a lamp."""
    rng = np.random.default_rng(7)
    shore, moon_x, moon_y = 352.0, 628.0, 122.0
    sky = gradient((0, "060b1c"), (0.3, "0e1b38"), (0.5, "233a58"), (0.6, "3a5470"), (1, "3a5470"))
    clouds = np.clip(noise(rng, (2.2, 9), 5) - 0.48, 0, 1) * 2.2
    lit = 0.25 + 1.6 * glow(moon_x, moon_y, 210)
    sky = shine(sky, clouds * lit, rgb("9db4d0"), 0.55)
    stars = drawn(
        lambda pen: (
            [
                pen.ellipse((x, y, x + size, y + size), fill=int(light))
                for x, y, size, light in zip(
                    rng.uniform(0, 2 * WIDTH, 130),
                    rng.uniform(0, 480, 130),
                    rng.choice([1, 1, 2, 3], 130),
                    rng.uniform(60, 230, 130),
                    strict=True,
                )
            ]
        )
    )
    sky = shine(sky, stars * (1 - np.clip(clouds * 1.5 + 1.5 * glow(moon_x, moon_y, 120), 0, 1)), (0.9, 0.95, 1))
    for radius, strength in ((34, 0.5), (90, 0.32), (260, 0.24)):
        sky = shine(sky, glow(moon_x, moon_y, radius), rgb("cfdcf0"), strength)
    seas = noise(rng, (26, 18), 3)
    disc = np.clip(40 - np.hypot(X - moon_x, Y - moon_y), 0, 1)
    sky = lay(sky, disc, (np.array(rgb("fffbea")) * (0.86 + 0.17 * seas[..., None])).astype(np.float32))

    def hills(picture: Array) -> Array:
        for base, height, bumps, colour, seed in (
            (shore + 6, 120, 3, "2a4159", 31),
            (shore + 6, 82, 2.5, "17293f", 12),
            (shore + 5, 52, 4, "0b1626", 15),
        ):
            line = ridge(np.random.default_rng(seed), base, height, bumps, 0.42)
            picture = lay(picture, below(line), rgb(colour))
            mist = np.exp(-(((Y - shore) / 26) ** 2)) * (0.4 + 0.6 * noise(np.random.default_rng(seed), (3, 8)))
            picture = lay(picture, mist * below(line, 20), rgb("5d7a96"), 0.36)
        return picture

    land = hills(sky)
    rows = np.clip((2 * shore - Y + 3 * np.sin(Y * 0.9)).astype(int), 0, HEIGHT - 1)
    ripples = noise(rng, (14, 150), 3)
    columns = np.clip(X + (ripples - 0.5) * (Y - shore) * 0.35, 0, WIDTH - 1).astype(int)
    mirrored = land[rows, columns]
    depth = np.clip((Y - shore) / (HEIGHT - shore), 0, 1)
    water = mirrored * (0.62 - 0.3 * depth)[..., None] + np.array(rgb("0a1424"), np.float32) * 0.35
    water = shine(water, np.clip(ripples - 0.55, 0, 1) * (0.3 + depth), rgb("5f7f9f"), 0.5)
    band = np.exp(-(((X - moon_x) / (16 + 78 * depth)) ** 2))
    facets = np.clip(noise(rng, (34, 130), 3, 0.6) - 0.46 + 0.1 * band, 0, 1) * 5
    water = shine(water, band * np.clip(facets, 0, 1), rgb("fff3cf"), 0.95)
    water = shine(water, np.exp(-(((X - moon_x) / 110) ** 2)), rgb("8aa0b8"), 0.25)
    picture = lay(land, np.clip((Y - shore) / 1.5, 0, 1), water)
    picture = lay(picture, np.exp(-(((Y - shore) / 5) ** 2)) * noise(rng, (5, 3)), rgb("7f9ab4"), 0.4)

    x, y = 282.0, 446.0  # the boat: its waterline, amidships
    hull = [(-78, -10), (-60, 2), (-34, 8), (34, 8), (62, 1), (84, -15), (60, -7), (30, -4), (-40, -4)]

    def boat(pen: ImageDraw.ImageDraw, flip: int = 1) -> None:
        pen.polygon([(2 * (x + px), 2 * (y + flip * py)) for px, py in hull], fill=255)
        roof = [(x - 30 + 2 * i, y - flip * (4 + 24 * math.sin(math.pi * (0.14 + 0.72 * i / 25)))) for i in range(26)]
        pen.polygon([(2 * px, 2 * py) for px, py in [(x - 33, y - flip * 3), *roof, (x + 23, y - flip * 3)]], fill=255)
        man = [(44, -5), (44, -22), (47, -29), (52, -30), (56, -22), (57, -5)]
        pen.polygon([(2 * (x + px), 2 * (y + flip * py)) for px, py in man], fill=255)
        pen.polygon([(2 * (x + px), 2 * (y + flip * py)) for px, py in ((41, -31), (50, -40), (60, -31))], fill=255)
        pen.line((2 * (x + 56), 2 * (y - flip * 20), 2 * (x + 98), 2 * (y + flip * 14)), fill=255, width=4)
        pen.line((2 * (x - 44), 2 * (y - flip * 4), 2 * (x - 44), 2 * (y - flip * 35)), fill=255, width=4)
        pen.line((2 * (x - 44), 2 * (y - flip * 35), 2 * (x - 52), 2 * (y - flip * 32)), fill=255, width=3)

    shadow = softened(Image.fromarray((drawn(lambda pen: boat(pen, -1)) * 255).astype(np.uint8)), 2.5)
    shifted = np.clip(X + (ripples - 0.5) * 26, 0, WIDTH - 1).astype(int)
    picture = lay(picture, shadow[np.clip(Y - 15, 0, None).astype(int), shifted], rgb("050a13"), 0.75)
    lamp_x, lamp_y = x - 52, y - 27
    trail = np.exp(-(((X - lamp_x) / (7 + 0.05 * np.clip(Y - y, 0, None))) ** 2)) * np.clip((Y - y - 4) / 6, 0, 1)
    trail *= np.exp(-np.clip(Y - y, 0, None) / 60) * (0.25 + 1.1 * np.clip(facets, 0, 1))
    picture = shine(picture, trail, rgb("ffae4a"), 0.95)
    picture = lay(picture, drawn(boat, 0.5), rgb("04080f"))
    for radius, strength in ((5, 1.0), (16, 0.6), (60, 0.26)):
        picture = shine(picture, glow(lamp_x, lamp_y, radius), rgb("ffb04e"), strength)

    def reeds(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(120):
            foot = rng.normal(70, 70) if rng.random() < 0.62 else rng.normal(860, 45)
            tall, lean = (
                rng.uniform(50, 165) * math.exp(-abs(foot - (60 if foot < 450 else 880)) / 160),
                rng.normal(0.1, 0.16),
            )
            pen.polygon(leaf(foot, HEIGHT + 8, tall, 4.5, -math.pi / 2 + lean * 0.5, lean * 1.6), fill=255)

    return finish(lay(picture, drawn(reeds, 0.6), rgb("03060c")), rng, grain=0.0, vignette=0.35)


def autumn_mountain() -> Image.Image:
    """Red maples before hills that fade into mist."""
    rng = np.random.default_rng(11)
    picture = gradient((0, "c9d6dc"), (0.3, "e9e2d2"), (0.55, "f3dfc0"), (1, "e6c9a0"))
    picture = shine(picture, glow(300, 130, 240), rgb("fff0cf"), 0.5)
    for base, height, bumps, colour, autumn, seed in (
        (300, 190, 2.2, "a9b7bf", 0.0, 4),
        (350, 150, 2.6, "8b9ba0", 0.1, 9),
        (410, 140, 3.0, "77796a", 0.35, 21),
        (480, 130, 2.6, "6b5a44", 0.7, 34),
        (560, 120, 3.4, "5a3c2a", 0.9, 45),
    ):
        line = ridge(np.random.default_rng(seed), base, height, bumps, 0.46)
        crowns = np.clip(noise(rng, (70 - 40 * autumn, 60 - 30 * autumn), 4, 0.7), 0, 1)
        line = line + (noise(rng, (120, 2), 3)[0] - 0.5) * 12 * autumn
        hues = noise(rng, (9, 7), 4)
        warm = np.array(rgb("8e2a1c")) * (1 - hues[..., None]) + np.array(rgb("d58a2e")) * hues[..., None]
        body = np.array(rgb(colour)) * (1 - autumn) + warm * autumn
        body = body * (1 - 0.55 * autumn * (1 - crowns[..., None]) + 0.1 * (1 - autumn))
        picture = lay(picture, below(line, 0.9), body.astype(np.float32))
        fog = np.clip((Y - base + 120) / 150, 0, 1) * (0.45 + 0.65 * noise(rng, (3, 6), 4))
        picture = lay(picture, fog * below(line, 30), rgb("f2e6d4"), 0.85 - 0.4 * autumn)
    picture = np.asarray(finish(picture, rng, 0, 0).filter(ImageFilter.GaussianBlur(1.1)), np.float32) / 255

    boughs: list[tuple[float, float]] = []

    def branch(pen: ImageDraw.ImageDraw, x: float, y: float, angle: float, length: float, thick: float) -> None:
        if thick < 0.7:
            return
        for _ in range(6):
            step = length / 6
            ahead = x + step * math.cos(angle), y + step * math.sin(angle)
            pen.line((2 * x, 2 * y, 2 * ahead[0], 2 * ahead[1]), fill=255, width=max(1, round(2 * thick)))
            pen.ellipse(
                (2 * ahead[0] - thick, 2 * ahead[1] - thick, 2 * ahead[0] + thick, 2 * ahead[1] + thick), fill=255
            )
            x, y = ahead
            angle += rng.normal(0, 0.12)
            thick *= 0.96
            if thick < 5:
                boughs.append(ahead)
        for turn in (-0.5, 0.15, 0.62) if thick > 3 else (-0.45, 0.4):
            branch(pen, x, y, angle + turn + rng.normal(0, 0.15), length * rng.uniform(0.66, 0.85), thick * 0.62)

    def trees(pen: ImageDraw.ImageDraw) -> None:
        branch(pen, 815, 640, -1.72, 190, 15)
        branch(pen, 905, 420, -2.75, 150, 9)
        branch(pen, -15, 240, -0.35, 120, 7)

    wood = drawn(trees, 0.4)
    picture = lay(picture, wood, rgb("2b1a14"))

    def maple_leaf(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, turn: float) -> None:
        for lobe in (-1.5, -0.75, 0, 0.75, 1.5):
            pen.polygon(leaf(x, y, size * (1.1 - 0.22 * abs(lobe)), size * 0.42, turn + lobe), fill=255)

    clumps = noise(rng, (17, 12), 3)  # where the light falls into the crown
    tones = ("4a0d0d", "74120f", "9c1a13", "bf2a17", "d6451f", "e9732f")
    for depth, tone in enumerate(tones):

        def crown(pen: ImageDraw.ImageDraw, depth: int = depth) -> None:
            for x, y in boughs:
                cx, cy = x + rng.normal(0, 21), y + rng.normal(7 - 2 * depth, 15)
                light = clumps[int(np.clip(cy, 0, HEIGHT - 1)), int(np.clip(cx, 0, WIDTH - 1))]
                if rng.random() < 0.75 and (depth < 2 or light > 0.22 + 0.1 * depth):
                    maple_leaf(pen, cx, cy, rng.uniform(5, 10), rng.uniform(0, 2 * math.pi))

        picture = lay(picture, drawn(crown, 1.0 if depth < 2 else 0.5), rgb(tone), 0.92)

    def falling(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(26):
            cx, cy, size, turn = rng.uniform(150, 780), rng.uniform(160, 590), rng.uniform(4, 8), rng.uniform(0, 6.3)
            maple_leaf(pen, cx, cy, size, turn)

    picture = lay(picture, drawn(falling, 0.8), rgb("b8321a"), 0.9)
    return finish(shine(picture, glow(300, 130, 420), rgb("ffdf9f"), 0.18), rng)


def snowy_bamboo() -> Image.Image:
    """Bamboo bent under snow, and more snow falling."""
    rng = np.random.default_rng(23)
    picture = gradient((0, "aebbc2"), (0.6, "cdd6d9"), (1, "e9eef0"))
    picture = shine(picture, noise(rng, (3, 3), 4), (1, 1, 1), 0.25)

    def stalk(picture: Array, foot: float, lean: float, wide: float, colour: str, blur: float) -> Array:
        middle = foot + lean * (HEIGHT - Y) + 26 * lean * ((HEIGHT - Y) / 300) ** 2
        across = (X - middle) / wide
        body = np.clip((1 - np.abs(across)) * wide / max(1.0, blur), 0, 1)
        phase = ((Y + 37 * foot) % (115 + 3 * wide)) / (115 + 3 * wide)
        light = (
            0.62 + 0.5 * np.sqrt(np.clip(1 - (across + 0.35) ** 2, 0, 1)) - 0.4 * np.exp(-(((phase - 0.5) * 60) ** 2))
        )
        light += 0.25 * np.exp(-(((phase - 0.475) * 50) ** 2))
        return lay(picture, body, (np.array(rgb(colour)) * light[..., None]).astype(np.float32))

    def spray(x: float, y: float, size: float, count: int) -> tuple[list[list[tuple[float, float]]], ...]:
        green, snow = [], []
        for _ in range(count):
            side = rng.choice([-1, 1])
            angle = math.pi / 2 - side * rng.uniform(0.1, 1.25)
            cx, cy, long = x + rng.normal(0, size * 0.5), y + rng.normal(0, size * 0.22), size * rng.uniform(0.6, 1.3)
            green.append(leaf(cx, cy, long, long * 0.17, angle, 0.3 * side))
            if rng.random() < 0.62:
                snow.append(leaf(cx, cy - long * 0.045, long * 0.72, long * 0.13, angle, 0.24 * side))
        for _ in range(9):  # what lies on the twig
            cx, cy, wide = (
                x + rng.normal(0, size * 0.34),
                y - size * 0.04 + rng.normal(0, size * 0.05),
                size * rng.uniform(0.1, 0.22),
            )
            turn = np.linspace(0, 2 * math.pi, 20)
            snow.append([(2 * (cx + wide * math.cos(t)), 2 * (cy + wide * 0.55 * math.sin(t))) for t in turn])
        return green, snow

    def polygons(shapes: list[list[tuple[float, float]]]) -> Callable[[ImageDraw.ImageDraw], object]:
        return lambda pen: [pen.polygon(shape, fill=255) for shape in shapes]

    for colour, wide, stalks, sprays, size, blur in (
        ("a3b3a9", 6, 9, 14, 40, 5.0),
        ("7d9682", 8, 6, 13, 50, 2.6),
        ("4f7a4e", 11, 4, 15, 62, 0.7),
    ):
        for foot in np.linspace(40, 880, stalks) + rng.normal(0, 45, stalks):
            picture = stalk(picture, float(foot), float(rng.normal(0.03, 0.07)), wide, colour, blur * 1.6)
        for _ in range(sprays):
            x, y = rng.uniform(10, 890), rng.uniform(0, 460)
            green, snow = spray(x, y, size, 17)
            half = len(green) // 2
            picture = lay(picture, drawn(polygons(green[:half]), blur), shaded(colour, 0.55), 0.95)
            picture = lay(picture, drawn(polygons(green[half:]), blur), shaded(colour, 0.85), 0.95)
            picture = lay(picture, drawn(polygons(snow), blur + 0.5), rgb("f6f9fb"), 0.93)
        picture = lay(picture, np.ones_like(X), rgb("dbe2e5"), 0.16 if blur > 1 else 0.0)

    ground = ridge(rng, 575, 45, 2.5, 0.35)
    shade = (0.86 + 0.14 * noise(rng, (6, 14), 4))[..., None] * np.array(rgb("f4f8fc"))
    picture = lay(picture, below(ground, 3), shade.astype(np.float32))
    for count, size, blur in ((420, 2.0, 0.6), (170, 4.5, 1.3), (46, 9.0, 3.2)):
        spots = list(zip(rng.uniform(0, 2 * WIDTH, count), rng.uniform(0, 2 * HEIGHT, count), strict=True))
        flakes = drawn(
            lambda pen, spots=spots, size=size: (
                [pen.ellipse((x - size, y - size * 1.2, x + size, y + size * 1.2), fill=255) for x, y in spots]
            ),
            blur,
        )
        picture = lay(picture, flakes, (1, 1, 1), 0.85)
    return finish(picture, rng, grain=0.01, vignette=0.12)


def sunset_sea() -> Image.Image:
    """The sun going down into the sea, a sail, and geese flying home."""
    rng = np.random.default_rng(5)
    horizon, sun_x, sun_y = 372.0, 330.0, 338.0
    sky = gradient((0, "2b3560"), (0.22, "6a4f7d"), (0.42, "c8697a"), (0.55, "f08a52"), (0.62, "ffc163"), (1, "ffc163"))
    sky = shine(sky, glow(sun_x, sun_y, 200, 1.6), rgb("ffb65a"), 0.8)
    clouds = np.clip(noise(rng, (2, 9), 6, 0.55) - 0.45, 0, 1) * 3 * np.clip((horizon - Y) / 60, 0, 1)
    from_below = np.clip(clouds - np.roll(clouds, -7, 0), 0, 1) + 0.25
    sky = lay(sky, clouds, rgb("5b4468"), 0.75)
    sky = shine(sky, clouds * from_below * (0.35 + 1.2 * glow(sun_x, sun_y, 330)), rgb("ff8a54"), 1.2)
    for radius, strength in ((26, 0.9), (85, 0.5)):
        sky = shine(sky, glow(sun_x, sun_y, radius), rgb("ffd27a"), strength)
    sky = lay(sky, np.clip(33 - np.hypot(X - sun_x, Y - sun_y), 0, 1), rgb("fff1c4"))

    line = ridge(np.random.default_rng(3), horizon + 2, 46, 2, 0.4) + np.clip((610 - X[0]) / 5, 0, 60)
    sky = lay(sky, below(line), rgb("5d3f5c"), 0.92)
    depth = np.clip((Y - horizon) / (HEIGHT - horizon), 0, 1)
    waves = noise(rng, (12, 95), 4, 0.6)
    rows = np.clip(2 * horizon - Y + (waves - 0.5) * 80 * depth, 0, HEIGHT - 1).astype(int)
    water = sky[rows, X.astype(int)] * (0.75 - 0.32 * depth)[..., None]
    water = lay(water, np.clip(0.62 - waves, 0, 1) * depth, rgb("1d2347"), 1.5)
    path = np.exp(-(((X - sun_x) / (24 + 105 * depth)) ** 2))
    sparkle = np.clip((noise(rng, (28, 105), 3, 0.6) - 0.5 + 0.12 * path) * 5, 0, 1)
    water = shine(water, path * sparkle, rgb("ffdf9a"), 1.0)
    picture = lay(sky, np.clip((Y - horizon) / 1.5, 0, 1), water)

    def sail(pen: ImageDraw.ImageDraw) -> None:
        x, y = 600.0, 398.0
        pen.polygon([(2 * (x + a), 2 * (y + b)) for a, b in ((-30, -5), (32, -8), (24, 3), (-22, 3))], fill=255)
        pen.polygon([(2 * (x + a), 2 * (y + b)) for a, b in ((-2, -62), (-3, -9), (26, -11), (22, -40))], fill=255)
        pen.polygon([(2 * (x + a), 2 * (y + b)) for a, b in ((-7, -52), (-8, -9), (-25, -9))], fill=255)
        pen.line((2 * (x - 4), 2 * (y - 68), 2 * (x - 4), 2 * y), fill=255, width=3)

    def geese(pen: ImageDraw.ImageDraw) -> None:
        for number in range(9):
            arm = (number + 1) // 2 * (1 if number % 2 else -1)
            x, y = 640 + 21 * abs(arm) + 4 * arm, 118 + 13 * arm + rng.normal(0, 2)
            size = 10 - 0.4 * abs(arm)
            up = rng.uniform(0.25, 0.6)
            for side in (-1, 1):
                wing = [(0, 0), (side * size * 0.5, -size * up), (side * size, -size * up * 0.6)]
                pen.line([(2 * (x + a), 2 * (y + b)) for a, b in wing], fill=255, width=3, joint="curve")
            pen.ellipse((2 * x - 6, 2 * y - 3, 2 * x + 5, 2 * y + 4), fill=255)

    reflection = drawn(sail)[
        np.clip(2 * 401 - Y, 0, HEIGHT - 1).astype(int), np.clip(X + (waves - 0.5) * 22, 0, WIDTH - 1).astype(int)
    ]
    picture = lay(picture, reflection * (Y > 400), rgb("1c1730"), 0.55)
    picture = lay(picture, drawn(sail, 0.5), rgb("1f1730"), 0.96)
    picture = lay(picture, drawn(geese, 0.5), rgb("241a38"), 0.9)
    return finish(picture, rng, vignette=0.3)


PICTURES: dict[str, tuple[Callable[[], Image.Image], dict[str, Any]]] = {
    "moonlit_river.png": (moonlit_river, {"optimize": True}),
    "autumn_mountain.jpg": (autumn_mountain, {"quality": 86, "optimize": True}),
    "snowy_bamboo.jpg": (snowy_bamboo, {"quality": 86, "optimize": True}),
    "sunset_sea.jpg": (sunset_sea, {"quality": 86, "optimize": True}),
}


def main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0]) if arguments else Path(__file__).parent
    for name, (draw, options) in PICTURES.items():
        draw().save(folder / name, **options)
        print(f"{folder / name} {(folder / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
