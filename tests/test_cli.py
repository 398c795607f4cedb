"""What a person gets at the command line: the real command, as a process."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
RIVER = EXAMPLES / "moonlit_river.png"


def run(*arguments: str | Path, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`image2poem ARGUMENTS` with a home of its own, in English."""
    env = {**os.environ, "IMAGE2POEM_HOME": str(home), "LC_ALL": "C.UTF-8", "IMAGE2POEM_CONFIG": "/nonexistent"}
    command = [sys.executable, "-m", "image2poem", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=env | environment, timeout=120)


def test_match_prints_verse_source_score_and_what_was_seen(home: Path) -> None:
    done = run("match", RIVER, home=home)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == str(RIVER)
    assert lines[1].lstrip().startswith("sees: ")
    assert lines[2].lstrip().startswith("scene: ") and re.search(r" 山?水 ", lines[2])
    assert lines[3].endswith("。")  # what the photo shows, as a sentence
    assert "《" in lines[4] and lines[4].endswith("[retrieved]")


def test_messages_follow_the_locale(home: Path) -> None:
    done = run("match", RIVER, home=home, LC_ALL="zh_CN.UTF-8")
    assert "所见: " in done.stdout and "[原句]" in done.stdout


def test_json_is_one_line_a_photo_with_the_promised_fields(home: Path) -> None:
    done = run("match", EXAMPLES, "--json", "--top", "3", home=home)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) == len([p for p in EXAMPLES.iterdir() if p.suffix in {".png", ".jpg"}]) >= 3
    for record in records:
        assert Path(record["photo"]).exists()
        assert {"term", "score"} == set(record["sight"]["imagery"][0])
        assert isinstance(record["sight"]["description"], str)
        scene = record["sight"]["scene"]
        assert set(scene) == {"season", "hour", "weather", "light", "setting", "mood"}
        for facet in filter(None, [*scene.pop("light"), *scene.values()]):
            assert facet["name"] and 0 < facet["confidence"] <= 1 and facet["basis"]
        assert len(record["matches"]) == 3
        for match in record["matches"]:
            assert match["provenance"] == "retrieved"
            assert match["verse"] and match["title"] and match["author"] and match["dynasty"] and match["genre"]
            assert 0 <= match["score"] <= 1 and isinstance(match["reasons"], list)


def test_explain_shows_what_each_score_is_made_of(home: Path) -> None:
    done = run("match", RIVER, "--explain", home=home)
    explained = [line for line in done.stdout.splitlines() if "made of (rank there): " in line]
    assert len(explained) == 5
    for route in ("cross_modal", "imagery"):
        assert re.search(rf"{route} 0\.\d\d \(\d+\)", explained[0])
    assert re.search(r"^ +山?水 0\.\d\d: .*(水|江河|湖|海)", done.stdout, re.MULTILINE)  # what the scene rests on


def test_explain_shows_what_reading_again_did(home: Path) -> None:
    done = run("search", "沙漠里一缕直直的烟，圆圆的夕阳落在河上", "--explain", "--top", "1", home=home)
    assert re.search(r"rerank 0\.\d\d \(1\)", done.stdout)


def test_filters_and_words_reach_the_matcher(home: Path) -> None:
    done = run(
        "match", RIVER, "--dynasty", "唐代", "--form", "七言", "--text", "瀑布", "--top", "1", "--json", home=home
    )
    (match,) = json.loads(done.stdout)["matches"]
    assert match["dynasty"] == "唐" and "瀑布" in match["title"] and len(match["verse"]) == 16


def test_search_needs_no_photo(home: Path) -> None:
    done = run("search", "荷花映着太阳特别红", "--json", home=home)
    record = json.loads(done.stdout)
    assert record["photo"] is None and record["matches"][0]["verse"] == "接天莲叶无穷碧，映日荷花别样红。"


def test_one_bad_photo_doesnt_stop_the_rest(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture at all")
    (tmp_path / "b.png").write_bytes(RIVER.read_bytes())
    done = run("match", tmp_path, "--json", home=home)
    assert done.returncode == 2
    assert [Path(json.loads(line)["photo"]).name for line in done.stdout.splitlines()] == ["b.png"]
    assert "a.jpg" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("match", "nowhere.jpg"), "nowhere.jpg"),
        (("match", RIVER, "--author", "李百"), "李白"),
        (("match", RIVER, "--size", "huge"), "size"),
        (("match", RIVER, "--top", "0"), "--top"),
        (("corpus", "--source", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(home: Path, arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments, home=home)
    assert done.returncode == 2
    assert says in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_fresh_home_says_what_to_run(tmp_path: Path) -> None:
    done = run("match", RIVER, home=tmp_path)
    assert done.returncode == 2
    assert "image2poem corpus" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_setup_makes_what_is_missing_and_nothing_twice(home: Path, tmp_path: Path) -> None:
    made = run("corpus", "--source", home / "own.jsonl", home=tmp_path)
    assert made.returncode == 0, made.stderr
    assert run("setup", home=tmp_path).returncode == 0
    files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    assert run("setup", home=tmp_path).returncode == 0
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == files
    assert run("index", "--verify", home=tmp_path).stdout == "the index is whole\n"


def test_ctrl_c_says_that_one_may_go_on(home: Path, tmp_path: Path) -> None:
    poems = tmp_path / "many.jsonl"
    characters = "山水云月花鸟风雪江天日夜春秋松竹"
    rows = (f"{a}{b}{c}{d}{e}，{e}{d}{c}{b}{a}。" for a, b, c, d, e in itertools.product(characters, repeat=5))
    poems.write_text("".join(f'{{"content": "{row}"}}\n' for row in itertools.islice(rows, 6_000)), "utf-8")
    assert run("corpus", "--source", poems, home=tmp_path).returncode == 0
    env = {**os.environ, "IMAGE2POEM_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "image2poem", "index"]
    # a test may itself run with SIGINT ignored, and a child would inherit that
    program = f"import os, signal; signal.signal(signal.SIGINT, signal.default_int_handler); os.execv({command[0]!r}, {command!r})"
    with subprocess.Popen([sys.executable, "-c", program], env=env, stderr=subprocess.PIPE, text=True) as building:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("index/*/*/progress.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        building.send_signal(signal.SIGINT)
        _, said = building.communicate(timeout=60)
    assert building.returncode == 130
    assert "run the same command to go on" in said and "Traceback" not in said
    assert run("index", home=tmp_path).returncode == 0
    assert run("search", "山上的月亮", home=tmp_path).returncode == 0


def test_corpus_stats_say_what_is_in_it(home: Path) -> None:
    done = run("corpus", "stats", home=home)
    assert done.returncode == 0 and "16" in done.stdout  # poems


def test_the_reader_of_a_pipe_may_go_away(home: Path) -> None:
    env = {**os.environ, "IMAGE2POEM_HOME": str(home)}
    command = f"{sys.executable} -m image2poem match {EXAMPLES} --json | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=env, timeout=120)
    assert len(done.stdout.splitlines()) == 1 and "Traceback" not in done.stderr


def test_importing_costs_nothing_and_needs_no_torch() -> None:
    program = (
        "import sys, image2poem, image2poem.cli\n"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'numpy', 'PIL', 'bm25s'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_matching_never_loads_torch(home: Path) -> None:
    program = (
        "import sys\nfrom image2poem import ImageToPoem\n"
        f"ImageToPoem(home={str(home)!r}).match({str(RIVER)!r})\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
