"""When and where a photo was taken, from its EXIF to the answer, at the Python API and the command line."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from image2poem import ImageToPoem, Settings

RIVER = Path(__file__).parent.parent / "examples" / "moonlit_river.png"
NOTHING = IFDRational(0, 0)  # as some phones write where they have no satellite
TOWER = ("2024:10:11 17:20:00", ((34.0, 51.0, 18.0), (110.0, 16.0, 48.0)))  # 鹳雀楼, at the Double Ninth
BRIDGE = ("2024:10:11 23:20:00", ((31.0, 18.0, 38.0), (120.0, 34.0, 6.0)))  # 枫桥


def taken(when: str | None = None, where: tuple[Any, Any] | None = None) -> bytes:
    """A photo of a river that tells when and where it was taken."""
    exif = Image.Exif()
    if when is not None:
        exif.get_ifd(0x8769)[0x9003] = when
    if where is not None:
        exif.get_ifd(0x8825).update({1: "N", 2: where[0], 3: "E", 4: where[1]})
    file = io.BytesIO()
    with Image.open(RIVER) as picture:
        picture.convert("RGB").save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_a_photo_gets_what_was_written_where_it_was_taken(matcher: ImageToPoem) -> None:
    answer = matcher.match(taken(*TOWER), top=5)
    context = answer.sight.context
    assert context is not None and context.places[0] == "鹳雀楼" and context.festivals == ("重阳",)
    there = [match for match in answer if match.title == "登鹳雀楼"]
    assert there and all("鹳雀楼" in match.occasions for match in there)
    assert all(0 <= match.score <= 1 for match in answer)
    assert "秋天的傍晚，重阳，在鹳雀楼。" in answer.sight.description
    bridge = [match.title for match in matcher.match(taken(*BRIDGE), top=5)]
    elsewhere = [match.title for match in matcher.match(taken(), top=5)]
    assert bridge[0] == "枫桥夜泊" != elsewhere[0]


def test_it_can_be_left_aside(matcher: ImageToPoem, home: Path) -> None:
    plain = matcher.match(taken())
    assert plain.sight.context is None
    without = matcher.match(taken(*TOWER), context=False)
    assert without.sight.context is None
    assert without.sight.imagery == plain.sight.imagery and without.items == plain.items
    off = ImageToPoem(Settings(home=home, context=False))
    assert off.match(taken(*TOWER)).sight.context is None
    assert off.match(taken(*TOWER), context=True).sight.context is not None


def test_what_was_plainly_seen_stays_ahead_of_the_season_and_the_hour(matcher: ImageToPoem) -> None:
    plain = matcher.match(taken(), context=False).sight.imagery
    by_noon = [item.term for item in matcher.match(taken("2024:10:11 12:00:00")).sight.imagery]
    terms = {term.term: term for term in matcher.lexicon.terms}
    # what belongs to no hour, so that noon takes nothing off it; the picture is of a night
    plainly = [item.term for item in plain if item.score > 0.6 and not terms[item.term].hour]
    assert plainly and [name for name in by_noon if name in plainly] == plainly
    assert by_noon.index("秋") > by_noon.index(plainly[-1])


def test_the_persons_words_outweigh_the_place(matcher: ImageToPoem) -> None:
    answer = matcher.match(taken(*TOWER), text="墙角的梅花在寒冬里开了", top=1)
    assert "梅" in answer[0].verse


@pytest.mark.parametrize(
    ("when", "where"),
    [
        ("1970:01:01 00:00:00", None),
        ("2024:99:99 99:99:99", ((NOTHING, 0.0, 0.0), (NOTHING, 0.0, 0.0))),
        ("\0\0\0\0", ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))),
        ("2024:10:11", ((1e9, 1e9, 1e9), (110.0, 16.0, 48.0))),
    ],
)
def test_exif_that_makes_no_sense_changes_nothing(matcher: ImageToPoem, when: str, where: Any) -> None:
    answer = matcher.match(taken(when, where))
    assert answer.sight.context is None
    assert [match.verse for match in answer] == [match.verse for match in matcher.match(taken())]


def test_nothing_is_asked_over_the_network(matcher: ImageToPoem, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **more: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert matcher.match(taken(*TOWER)).sight.context is not None


def test_an_index_of_before_knows_places_too(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    (known,) = copy.glob("index/*/occasions-*.npy")
    known.unlink()
    answer = ImageToPoem(Settings(home=copy)).match(taken(*TOWER))
    assert any("鹳雀楼" in match.occasions for match in answer)
    assert known.exists()


def run(*arguments: str | Path, home: Path, **environment: str) -> str:
    env = {**os.environ, "IMAGE2POEM_HOME": str(home), "LC_ALL": "C.UTF-8", "IMAGE2POEM_CONFIG": "/nonexistent"}
    command = [sys.executable, "-m", "image2poem", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=env | environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_shows_it_and_leaves_it_aside(home: Path, tmp_path: Path) -> None:
    photo = tmp_path / "tower.jpg"
    photo.write_bytes(taken(*TOWER))
    told = "九月初九 · 秋 · 寒露 · 重阳 · 暮 · 鹳雀楼"
    assert run("match", photo, home=home).splitlines()[2].strip().startswith(f"taken: {told}")
    assert f"时地: {told}" in run("match", photo, home=home, LC_ALL="zh_CN.UTF-8")
    assert "taken: " not in run("match", photo, "--no-context", home=home)


def test_json_has_it(home: Path, tmp_path: Path) -> None:
    photo = tmp_path / "tower.jpg"
    photo.write_bytes(taken(*TOWER))
    context = json.loads(run("match", photo, "--json", home=home))["context"]
    assert context["date"] == "2024-10-11" and context["lunar"] == "九月初九" and context["places"][0] == "鹳雀楼"
    assert set(context) == {"date", "lunar", "season", "solar_term", "hour", "festivals", "places"}
    assert json.loads(run("match", photo, "--json", home=home, IMAGE2POEM_CONTEXT="false"))["context"] is None
