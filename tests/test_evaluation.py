"""The benches tell the truth: their figures are what one reckons by hand, and they run to the end."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation import bench, context, speed, translation
from image2poem import ImageToPoem
from image2poem.errors import Image2PoemError

EXAMPLES = Path(__file__).parent.parent / "examples"

# Counts what the frozen judge counts, where each word is one character.
JUDGE = """
def judge(table, photos, matches):
    rows = []
    for name, (verse,) in matches.items():
        tags = [tag for tag in photos[name] if tag in table]
        if not tags:
            continue
        right = {word for tag in tags for word in table[tag]}
        named = {word for words in table.values() for word in words if word in verse}
        hits = [any(word in verse for word in table[tag]) for tag in tags]
        coverage = sum(hits) / len(hits)
        precision = len(named & right) / len(named) if named else 0.0
        f1 = 2 * coverage * precision / (coverage + precision) if coverage + precision else 0.0
        rows.append((float(any(hits)), coverage, precision, f1))
    names = ("hit@1", "coverage@1", "precision@1", "F1")
    return dict(n=len(rows), **{k: sum(row[i] for row in rows) / len(rows) for i, k in enumerate(names)})
"""
TABLE = {"_note": "not a tag", "moon": ["月"], "river": ["江", "河"], "snow": ["雪"]}
PHOTOS = {
    "a.png": (["moon", "river"], "江上的月亮"),
    "b.png": (["snow", "photo"], "雪地"),  # nothing in verse is named "photo"
    "c.png": (["moon"], "月亮"),
    "d.png": (["portrait"], "一个人"),  # no tag that the judge knows: never counted
}


@pytest.fixture
def tagged(tmp_path: Path) -> bench.Bench:
    """Four tagged photos and their judge, laid out as the real ones are."""
    tools, photos = tmp_path / "tools", tmp_path / "data" / "photos"
    tools.mkdir()
    photos.mkdir(parents=True)
    (tools / "judge_photos.py").write_text(JUDGE, "utf-8")
    (photos / "imagery_words.json").write_text(json.dumps(TABLE), "utf-8")
    with zipfile.ZipFile(photos / "bench.zip", "w") as archive:
        for name in PHOTOS:
            picture = io.BytesIO()
            Image.new("L", (8, 6)).save(picture, "PNG")
            archive.writestr(name, picture.getvalue())
    rows = [{"file": name, "labels": tags, "captions_zh": [said]} for name, (tags, said) in PHOTOS.items()]
    (photos / "bench.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return bench.load(tmp_path)


def test_the_bench_is_read_as_it_lies(tagged: bench.Bench) -> None:
    assert [photo.name for photo in tagged.photos] == list(PHOTOS)
    assert tagged.photos[0].tags == ("moon", "river")
    assert tagged.photos[0].caption == "江上的月亮"
    assert tagged.photos[0].image.mode == "RGB"
    assert tagged.photos[0].image.size == (8, 6)
    assert list(tagged.table) == ["moon", "river", "snow"]


def test_figures_are_those_reckoned_by_hand(tagged: bench.Bench) -> None:
    figures = tagged.figures(
        {
            "a.png": "月照雪",  # one of two tags; of two things named, one is there
            "b.png": "独钓寒江雪",  # its tag, and a river that isn't there
            "c.png": "人家",  # names nothing
            "d.png": "月",
        }
    )
    assert figures == pytest.approx(np.array([[1, 1 / 2, 1 / 2, 1 / 2], [1, 1, 1 / 2, 2 / 3], [0, 0, 0, 0]]))


def test_the_mean_of_the_figures_is_what_the_judge_says_of_all(tagged: bench.Bench) -> None:
    top = {"a.png": "江月", "b.png": "月", "c.png": "月照雪"}
    score = tagged.score(top)
    assert [score[name] for name in bench.FIGURES] == pytest.approx(tagged.figures(top).mean(0))


def test_the_table_has_a_row_for_each_way_of_answering(tagged: bench.Bench) -> None:
    rows = list(
        bench.table_rows(
            tagged,
            {
                "the same for all": dict.fromkeys(("a.png", "b.png", "c.png"), "月"),
                "all right": {"a.png": "江月", "b.png": "雪", "c.png": "月"},
            },
        )
    )
    columns = [row.count("|") for row in rows]
    assert len(rows) == 4 and len(set(columns)) == 1
    # a: coverage 1/2, precision 1, F1 2/3; b: nothing; c: all. With three photos the interval is as wide as can be.
    assert rows[2] == "| the same for all | 0.67 | 0.50 | 0.67 | 0.56 | 0.00–1.00 | 0.33 |"
    assert rows[3] == "| all right | 1.00 | 1.00 | 1.00 | 1.00 | 1.00–1.00 | 1.00 |"


def test_an_interval_is_about_as_wide_as_the_binomial_one() -> None:
    low, high = bench.interval([0.0, 1.0] * 50)
    assert low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.02)
    assert high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.02)


def test_an_interval_narrows_with_more_photos_and_vanishes_without_difference() -> None:
    few, many = bench.interval([0.0, 1.0] * 8), bench.interval([0.0, 1.0] * 100)
    assert few[0] < many[0] < 0.5 < many[1] < few[1]
    assert bench.interval([0.25] * 10) == (0.25, 0.25)


def test_the_speed_table_divides_theirs_by_ours() -> None:
    clock = speed.Clock()
    clock.spent |= {
        "match": [0.05, 0.1, 9.0],
        "their request": [4.0],
        "their query": [0.1],
        "their search": [0.05],
        "their rerank": [0.2, 0.1, 0.1],
        "batch": [speed.BATCH / 8],
        "verses": [speed.VERSES / 300],
        "their verses": [speed.THEIR_VERSES / 20],
    }
    rows = list(speed.table(clock))
    assert len({row.count("|") for row in rows}) == 1
    assert rows[2].endswith("| 100 ms | 4,000 ms | 40 |")
    assert rows[3].endswith("| 100 ms | 250 ms | 2.5 |")
    assert rows[-2].endswith("| 8 / s | – | – |")
    assert rows[-1].endswith("| 300 / s | 20 / s | 15 |")


def test_without_the_reference_our_own_times_are_still_told() -> None:
    clock = speed.Clock()
    clock.spent["match"] = [0.1]
    assert list(speed.table(clock))[2].endswith("| 100 ms | – | – |")


def test_a_package_that_is_not_there_is_named_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    sentence = speed.missing()
    assert sentence is not None and "torch" in sentence and "make bench" in sentence and "\n" not in sentence


def test_a_command_that_fails_says_what_it_says_to_a_person() -> None:
    with pytest.raises(Image2PoemError, match="no poems here"):
        speed._python("-c", "import sys; sys.exit('no poems here')")


def test_each_part_of_a_match_is_timed(matcher: ImageToPoem) -> None:
    clock = speed.Clock()
    speed.ask(matcher, EXAMPLES / "moonlit_river.png", clock)
    parts = {"match", "words", "photo", "sight", "query", "routes", "fusion", "rerank", "choice", "search"}
    assert set(clock.spent) == parts
    assert all(seconds > 0 for (seconds,) in clock.spent.values())


def test_the_reference_answers_with_verses_of_its_index(tmp_path: Path) -> None:
    for package in ("torch", "transformers", "faiss"):
        pytest.importorskip(package, reason=f"{package} is for training and benches: make bench installs it")
    reference = speed.Reference(speed.Shape(1, 64, 100, 200), verses=50, folder=tmp_path, threads=1)
    clock = speed.Clock()
    ids = reference.request(clock)
    reference.encode_verses(clock)
    assert reference.index.ntotal == 50
    assert len(set(ids)) == speed.TOP and set(ids) <= set(range(50))
    assert set(clock.spent) == {"their request", *speed.THEIR_ANSWER, "their verses"}


def test_a_bench_photo_gets_a_date_and_a_place(matcher: ImageToPoem) -> None:
    with Image.open(EXAMPLES / "moonlit_river.png") as picture:
        photo = picture.convert("RGB")
    answer = matcher.match(context.photo_taken(photo, date(2024, 9, 17), (34.855, 110.28), 20))
    assert answer.sight.context is not None
    assert answer.sight.context.festivals == ("中秋",) and answer.sight.context.places[0] == "鹳雀楼"
    assert context.lines_that_belong(answer) >= 1
    assert context.lines_that_belong(matcher.match(context.photo_taken(photo, None, None, 20))) == 0


def test_the_bench_of_translations_asks_in_other_words(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {
        "床前明月光，疑是地上霜。": "月亮的光洒在床前，好像地上结了霜。",
        "孤舟蓑笠翁，独钓寒江雪。": "一只小船上，穿蓑衣的老人在雪里钓鱼。",
        "大漠孤烟直，长河落日圆。": "沙漠里一缕烟笔直上升，河面上太阳又大又圆。",
    }
    said = {"床前明月光": "月亮的光洒在床前，好像地上结了霜！", "大漠孤烟直": "荒凉的地方，烟像柱子一般。"}
    files = []
    for name, rows in (("told", told), ("said", said)):
        files.append(tmp_path / f"{name}.jsonl")
        lines = (json.dumps({"verse": verse, "vernacular": text}) for verse, text in rows.items())
        files[-1].write_text("\n".join(lines), "utf-8")
    monkeypatch.setenv("IMAGE2POEM_HOME", str(home))
    monkeypatch.setattr(
        sys, "argv", ["translation", "--translations", str(files[0]), "--said", str(files[1]), "--queries", "1"]
    )
    translation.main()
    head, fused, reread = capsys.readouterr().out.split("\n\n")
    assert head.startswith("2 of 30 verses translated; 1 sentences about some of these")
    for table, ways in ((fused, len(translation.STEPS)), (reread, 2)):  # the verse alone; with its translation
        rows = table.strip().splitlines()
        assert len(rows) == 2 + ways and all(row.count("|") == 7 for row in rows)
    assert not list(home.glob("index/*queries*"))
