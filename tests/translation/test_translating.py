"""A model translates: what it is asked, what is kept, and every way in which that goes wrong."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from translation_fakes import asking, made_up, nobody
from vlm_server import Server, asked, error, hangs, says, serving, translates, truncated

from image2poem import Filters
from image2poem.errors import FilterError, SettingsError, VlmError
from image2poem.translation.batch import batches, estimate, question

KEY = "sk-very-secret-1234567890"


def run(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`image2poem ARGUMENTS`, in English, with nobody at the keyboard."""
    return subprocess.run(
        [sys.executable, "-m", "image2poem", *arguments],
        capture_output=True, text=True, env=own_environment(home) | environment, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def own_environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    return {**kept, "IMAGE2POEM_HOME": str(home), "LC_ALL": "C.UTF-8", "IMAGE2POEM_CONFIG": "/nonexistent"}


def at(server: Server, *arguments: str) -> tuple[str, ...]:
    """`translate` with this server."""
    return ("translate", "--llm-url", server.url, "--model", "translator-7b", *arguments)


# --- what is asked


def test_verses_are_asked_in_batches_with_their_poems_and_no_picture(own_home: Path) -> None:
    with serving(translates(made_up)) as server:
        matcher = asking(server, own_home, vlm_api_key=KEY)
        verses = matcher.untranslated()
        made = matcher.translate(verses, nobody, batch=8)
        assert made.count == len(verses) == len(matcher.corpus) and not made.skipped
        assert len(server.requests) == -(-len(verses) // 8)
        assert sorted(v for i in range(len(server.requests)) for v in server.verses(i)) == sorted(
            v.text for v in verses
        )
        first = server.requests[0]
        assert isinstance(first["messages"][0]["content"], str)  # servers of text models know no parts
        schema = first["response_format"]["json_schema"]["schema"]
        assert schema["required"] == [str(i) for i in range(1, 9)] and schema["additionalProperties"] is False
        assert first["max_tokens"] > 2000
        said = "".join(server.text(i) for i in range(len(server.requests)))
        assert "举头望明月，低头思故乡。（李白《静夜思》）" in said and KEY not in str(server.requests)
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    by_text = {verse.text: verse for verse in verses}
    of_poem = [[by_text[text].poem_id for text in server.verses(i)] for i in range(len(server.requests))]
    together = [poem for batch in of_poem for poem in batch]
    assert [p for i, p in enumerate(together) if p not in together[:i]] == list(dict.fromkeys(together))
    assert sum(a != b for a, b in itertools.pairwise(together)) == len(set(together)) - 1  # side by side


def test_only_what_was_asked_for_is_translated(own_home: Path) -> None:
    with serving(translates(made_up)) as server:
        matcher = asking(server, own_home)
        verses = matcher.untranslated(Filters(author=("李白",), form=("七言",)), limit=3)
        assert {verse.author for verse in verses} == {"李白"} and len(verses) == 3
        assert [verse.id for verse in verses] == sorted(verse.id for verse in verses)  # the best known
        matcher.translate(verses, nobody)
        assert server.verses() and set(server.verses()) == {verse.text for verse in verses}
        rest = matcher.untranslated(Filters(author=("李白",)))
        assert not {v.id for v in rest} & {v.id for v in verses} and rest
        with pytest.raises(FilterError, match="李白"):
            matcher.untranslated(Filters(author=("李百",)))


def test_a_second_run_asks_only_for_what_is_missing(own_home: Path) -> None:
    with serving(translates(made_up)) as server:
        asking(server, own_home).translate(asking(server, own_home).untranslated(limit=20), nobody)
        before = len(server.requests)
        matcher = asking(server, own_home)
        matcher.translate(matcher.untranslated(), nobody)
        again = [v for i in range(before, len(server.requests)) for v in server.verses(i)]
        assert not set(again) & {v for i in range(before) for v in server.verses(i)}
        assert len(again) == len(matcher.corpus) - 20 and not matcher.untranslated()
        assert len(asking(server, own_home).untranslated(fresh=True)) == 0
        other = asking(server, own_home)
        other.settings = other.settings.model_copy(update={"vlm_model": "another"})
        assert len(other.untranslated(fresh=True)) == len(matcher.corpus) and not other.untranslated()


# --- what comes back


def test_what_is_wrong_in_an_answer_is_asked_for_once_more_then_skipped(own_home: Path) -> None:
    tries: dict[str, int] = {}

    def sloppy(verse: str) -> str | None:
        tries[verse] = tries.get(verse, 0) + 1
        if "明月" in verse:
            return verse  # for ever
        if "春" in verse and tries[verse] == 1:
            return "A spring night."
        return None if "雪" in verse and tries[verse] == 1 else made_up(verse)

    with serving(translates(sloppy)) as server:
        matcher = asking(server, own_home)
        made = matcher.translate(matcher.untranslated(), nobody)
    assert made.skipped and all("明月" in verse.text for verse in made.skipped)
    assert made.count == len(matcher.corpus) - len(made.skipped)
    assert max(tries.values()) == 2 and all(
        count == (2 if any(word in verse for word in ("明月", "春", "雪")) else 1) for verse, count in tries.items()
    )
    assert {verse.id for verse in matcher.untranslated()} == {verse.id for verse in made.skipped}


def test_a_server_that_fails_midway_costs_nothing_that_came_before(own_home: Path) -> None:
    with serving(translates(made_up), translates(made_up), error(401, f"bad key {KEY}")) as server:
        matcher = asking(server, own_home, vlm_api_key=KEY)
        with pytest.raises(
            VlmError, match=r"^the VLM translator-7b at \S+ refuses the key; .*; 10 of \d+ translations"
        ) as no:
            matcher.translate(matcher.untranslated(), nobody, batch=5)
        assert "\n" not in str(no.value) and KEY not in str(no.value)
        done = {verse for i in (0, 1) for verse in server.verses(i)}
    with serving(truncated("好"), translates(made_up)) as server:  # a broken answer is asked for again
        matcher = asking(server, own_home)
        matcher.translate(matcher.untranslated(), nobody, batch=5)
        assert not done & {verse for i in range(len(server.requests)) for verse in server.verses(i)}
        assert not matcher.untranslated()


def test_a_model_that_cant_translate_is_given_up_early(own_home: Path) -> None:
    with serving(says("I am sorry, I only speak English.")) as server:
        matcher = asking(server, own_home)
        with pytest.raises(VlmError, match=r"^3 questions in a row .* 'I am sorry, [^']*', which holds no translation"):
            matcher.translate(matcher.untranslated(), nobody, batch=4)
        assert len(server.requests) == 6
    assert not (own_home / "translations.sqlite").exists()


def test_a_question_that_a_server_refuses_doesnt_stop_the_others(own_home: Path) -> None:
    def afraid(handler: Any, request: dict[str, Any]) -> None:
        (error(400, "inappropriate content") if "霜叶" in asked(request) else translates(made_up))(handler, request)

    with serving(afraid) as server:
        matcher = asking(server, own_home)
        made = matcher.translate(matcher.untranslated(), nobody, batch=4)
        assert 1 <= len(made.skipped) <= 4 and any("霜叶" in verse.text for verse in made.skipped)
        assert made.count + len(made.skipped) == len(matcher.corpus)
    verses = matcher.corpus.verses(range(20))
    with (
        serving(error(400, "no such thing")) as server,
        pytest.raises(VlmError, match=r"^3 .*: .* 400 \(no such thing\)"),
    ):
        asking(server, own_home).translate(verses, nobody, batch=4)
    with (
        serving(error(400, "no such thing")) as server,
        pytest.raises(VlmError, match=r"^nothing was .* 400 \(no such"),
    ):
        asking(server, own_home).translate(verses[:3], nobody)


# --- the command


def test_the_command_says_what_it_will_take_and_asks_nobody_with_yes(own_home: Path) -> None:
    with serving(translates(made_up)) as server:
        done = run(*at(server, "--yes", "--limit", "12", "--price-in", "2", "--price-out", "6"), home=own_home,
                   IMAGE2POEM_VLM_API_KEY=KEY)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout == "12 verses translated\n"
        assert "12 verses have no translation: 1 requests to translator-7b at http://" in done.stderr
        assert "tokens there and" in done.stderr and "which cost about 0.00" in done.stderr
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
        kept = b"".join(path.read_bytes() for path in own_home.rglob("*") if path.is_file())
        assert KEY not in done.stdout + done.stderr and KEY.encode() not in kept
        assert run(*at(server, "--yes"), home=own_home).returncode == 0
        before = len(server.requests)
        again = run(*at(server), home=own_home)  # nothing left: nobody is asked, no server either
        assert (again.returncode, again.stdout) == (0, "every verse has a translation\n")
        assert len(server.requests) == before


def test_with_nobody_at_the_keyboard_it_wants_yes(own_home: Path) -> None:
    with serving(translates(made_up)) as server:
        done = run(*at(server, "--author", "李白"), home=own_home)
        assert done.returncode == 2 and done.stdout == "" and not server.requests
        told, refused = done.stderr.splitlines()
        assert "requests to translator-7b" in told and "--price-in" in told
        assert refused == "nobody can be asked whether to start; say so with --yes"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(("key", "requests"), [("n", 0), ("y", 1)])
def test_somebody_at_the_keyboard_is_asked(own_home: Path, key: str, requests: int) -> None:
    ours, theirs = os.openpty()
    with serving(translates(made_up)) as server:
        command = [sys.executable, "-m", "image2poem", *at(server, "--limit", "2")]
        os.write(ours, f"{key}\n".encode())
        done = subprocess.run(
            command, stdin=theirs, capture_output=True, text=True, env=own_environment(own_home), timeout=120
        )
        assert done.returncode == 0 and "Shall they be translated?" in done.stderr
        assert len(server.requests) == requests and ("2 verses translated" in done.stdout) == (requests == 1)
    os.close(ours)
    os.close(theirs)


def test_skipped_verses_are_told(own_home: Path) -> None:
    with serving(translates(lambda verse: None if "故乡" in verse else made_up(verse))) as server:
        done = run(*at(server, "--yes", "--author", "李白"), home=own_home)
    assert done.returncode == 0 and "1 verses were skipped" in done.stderr and "低头思故乡" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        ((), {}, "no server of a language model is set up"),
        (("--llm-url", "http://localhost:9/v1"), {}, "IMAGE2POEM_VLM_MODEL"),
        (("--llm-url", "localhost"), {"IMAGE2POEM_VLM_MODEL": "m"}, "vlm_base_url"),
        (("--model", "m"), {"IMAGE2POEM_VLM_PRESET": "dashscope"}, "dashscope wants a key"),
        (("--limit", "0"), {}, "--limit"),
    ],
)
def test_what_is_missing_gets_one_sentence(
    home: Path, arguments: tuple[str, ...], environment: dict[str, str], says: str
) -> None:
    done = run("translate", "--yes", *arguments, home=home, **environment)
    assert done.returncode == 2 and done.stdout == ""
    assert says in done.stderr and "Traceback" not in done.stderr


def test_a_key_goes_to_no_server_but_its_own(own_home: Path) -> None:
    with serving(translates(made_up)) as server:
        done = run(*at(server, "--yes", "--limit", "2"), home=own_home,
                   IMAGE2POEM_VLM_PRESET="dashscope", IMAGE2POEM_VLM_API_KEY=KEY)  # fmt: skip
        assert done.returncode == 0 and KEY not in str(server.headers)
        own = {"IMAGE2POEM_VLM_BASE_URL": server.url, "IMAGE2POEM_VLM_MODEL": "m", "IMAGE2POEM_VLM_API_KEY": KEY}
        assert run("translate", "--model", "larger", "--limit", "2", "--yes", home=own_home, **own).returncode == 0
        assert server.headers[-1]["authorization"] == f"Bearer {KEY}" and server.requests[-1]["model"] == "larger"


@pytest.mark.parametrize("kill", ["kill", "send_signal"], ids=["kill -9", "Ctrl-C"])
def test_a_run_that_was_stopped_loses_a_batch_at_most(own_home: Path, kill: str) -> None:
    def first_two(handler: Any, request: dict[str, Any]) -> None:
        (translates(made_up) if len(server.requests) <= 2 else hangs(20))(handler, request)

    # a test may itself run with SIGINT ignored, and a child would inherit that
    own = "import signal, runpy; signal.signal(signal.SIGINT, signal.default_int_handler); runpy.run_module('image2poem', run_name='__main__')"
    with serving(first_two) as server:
        command = [sys.executable, "-c", own, *at(server, "--yes", "--batch", "5")]
        with subprocess.Popen(command, env=own_environment(own_home), stderr=subprocess.PIPE, text=True) as running:
            deadline = time.monotonic() + 60
            while len(server.requests) < 3 and time.monotonic() < deadline:
                time.sleep(0.05)
            running.kill() if kill == "kill" else running.send_signal(2)
            _, said = running.communicate(timeout=60)
        assert "Traceback" not in said
        if kill != "kill":
            assert running.returncode == 130 and "run the same command to go on" in said
        done = [verse for i in (0, 1) for verse in server.verses(i)]
    with serving(translates(made_up)) as server:
        assert run(*at(server, "--yes"), home=own_home).returncode == 0
        again = [verse for i in range(len(server.requests)) for verse in server.verses(i)]
        assert len(done) == 10 and not set(done) & set(again)


# --- the estimate


def test_the_estimate_counts_every_question(own_home: Path) -> None:
    with serving(translates(made_up)) as server:
        matcher = asking(server, own_home)
        questions = batches(matcher.untranslated(), 7)
        due = estimate(questions)
        matcher.translate(matcher.untranslated(), nobody, batch=7)
        assert due.requests == len(server.requests) and due.verses == len(matcher.corpus)
        assert (
            due.tokens_in
            == sum(len(server.text(i)) for i in range(due.requests))
            == sum(map(len, map(question, questions)))
        )
        assert due.verses * 20 < due.tokens_out < due.verses * 80
        assert due.cost(1e6, 0) == due.tokens_in and due.cost(0, 2e6) == 2 * due.tokens_out
    assert estimate([]).requests == 0


def test_without_a_server_the_library_says_how_to_have_one(own_home: Path) -> None:
    from image2poem import ImageToPoem, Settings

    with pytest.raises(SettingsError, match="no server of a language model is set up"):
        ImageToPoem(Settings(home=own_home)).translate(ImageToPoem(Settings(home=own_home)).untranslated(), nobody)
