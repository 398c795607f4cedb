"""A VLM behind a server: what goes out, what comes back, and every way in which that goes wrong."""

from __future__ import annotations

import io
import json
import logging
import re
import socket
import time
from typing import Any, get_args

import pytest
from PIL import Image
from vlm_server import Answer, Server, body, drips, error, hangs, raw, says, serving, truncated

from image2poem import Settings
from image2poem.errors import ModelError, SettingsError, VlmError
from image2poem.settings import load_settings
from image2poem.vlm import load_vlm
from image2poem.vlm.asking import small_jpeg
from image2poem.vlm.endpoint import EndpointVlm
from image2poem.vlm.presets import PRESETS

KEY = "sk-very-secret-1234567890"
SCHEMA = {"type": "object", "properties": {"lines": {"type": "array"}}}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits between tries are noted down instead of waited; no settings or proxies from outside."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("IMAGE2POEM_CONFIG", "/nonexistent")
    waited: list[float] = []
    monkeypatch.setattr("image2poem.vlm.endpoint.sleep", waited.append)
    return waited


def endpoint(server: Server, **settings: Any) -> EndpointVlm:
    return EndpointVlm(Settings(vlm_base_url=server.url, vlm_model="m", vlm_api_key=KEY, **settings))


def ask(vlm: EndpointVlm) -> str:
    return vlm.ask(small_jpeg(Image.new("RGB", (40, 30), "navy"), 1024), "写两句", SCHEMA)


def test_a_good_answer_and_what_was_asked() -> None:
    with serving(says('{"lines": []}')) as server:
        assert ask(endpoint(server)) == '{"lines": []}'
        (request,) = server.requests
        assert request["path"] == "/v1/chat/completions" and request["model"] == "m"
        assert request["response_format"]["json_schema"]["schema"] == SCHEMA
        assert not request.get("stream") and request["max_tokens"] > 100
        assert server.text() == "写两句"
        assert Image.open(io.BytesIO(server.picture())).size == (40, 30)
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_text_without_a_picture_is_a_plain_text_with_a_limit_of_its_own() -> None:
    with serving(says("好")) as server:
        assert endpoint(server).ask(None, "译两句", SCHEMA, 4321) == "好"
        (request,) = server.requests
        assert request["messages"] == [{"role": "user", "content": "译两句"}]
        assert request["max_tokens"] == 4321 and request["response_format"]["json_schema"]["schema"] == SCHEMA
        assert endpoint(server).model == "m"


def test_no_key_is_sent_but_the_one_that_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "of-another-service")
    with serving(says("好")) as server:
        ask(EndpointVlm(Settings(vlm_base_url=server.url, vlm_model="m")))
        assert "of-another-service" not in str(server.headers)


@pytest.mark.parametrize(
    ("refuses", "level"),
    [(("response_format",), 1), (("response_format", "max_tokens"), 2)],
)
def test_a_server_that_knows_no_schema_is_asked_without_and_remembered(refuses: tuple[str, ...], level: int) -> None:
    def picky(handler: Any, request: dict[str, Any]) -> None:
        known = not any(name in request for name in refuses)
        (says("好") if known else error(400, "unknown parameter"))(handler, request)

    with serving(picky) as server:
        vlm = endpoint(server)
        assert ask(vlm) == "好"
        assert len(server.requests) == level + 1
        assert ask(vlm) == "好"
        assert len(server.requests) == level + 2


def test_too_many_requests_then_an_answer(no_waiting: list[float]) -> None:
    with serving(error(429, retry_after="7"), error(429), says("好")) as server:
        assert ask(endpoint(server)) == "好"
        assert no_waiting == [7.0, 1.0]  # as the server says, then ever longer


def test_a_server_that_wants_more_patience_than_there_is_isnt_waited_for(no_waiting: list[float]) -> None:
    with serving(error(429, retry_after="600")) as server:
        with pytest.raises(VlmError, match="too many requests"):
            ask(endpoint(server))
        assert len(server.requests) == 1 and not no_waiting


def test_errors_of_the_server_are_tried_again_and_told(no_waiting: list[float]) -> None:
    with serving(error(500, "out of\nmemory"), error(503), says("好")) as server:
        assert ask(endpoint(server)) == "好"
    with serving(error(500, "out of\nmemory")) as server:
        with pytest.raises(VlmError, match=r"^the VLM m at \S+ answered 500 \(out of memory\); try again later[^\n]*$"):
            ask(endpoint(server))
        assert len(server.requests) == 4 and no_waiting[-3:] == [0.5, 1.0, 2.0]


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    with serving(truncated("好" * 500), raw(200, body("好")[:40]), says("好")) as server:
        assert ask(endpoint(server)) == "好"
        assert len(server.requests) == 3


@pytest.mark.parametrize("answer", [hangs(3), drips(3)], ids=["hangs", "drips"])
def test_a_server_that_hangs_is_given_up_in_time_and_left_alone(answer: Answer) -> None:
    with serving(answer) as server:
        vlm = endpoint(server, vlm_timeout=0.4)
        start = time.monotonic()
        with pytest.raises(VlmError, match=r"gave no answer in 0\.4 seconds; [^\n]*IMAGE2POEM_VLM_TIMEOUT$"):
            ask(vlm)
        assert time.monotonic() - start < 2.5
        with pytest.raises(VlmError, match="gave no answer in"):
            ask(vlm)
        assert len(server.requests) == 1  # the second time it wasn't asked


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (raw(200, b"<html>login</html>", "text/html"), r"can't be read \(text/html\)"),
        (raw(200, b'{"choices": []}'), r"can't be read"),
        (raw(200, b'{"choices": [{"message": 5}]}'), r"can't be read"),
        (raw(200, b"data: {}\n\n", "text/event-stream"), r"can't be read \(text/event-stream\)"),
        (raw(200, b"\xff\xfe" * 40), r"can't be read"),
        (raw(200, body("好" * 500_000)), r"more than 1,000,000 bytes"),
        (error(404, "model 'm' not found"), r"isn't there \(model 'm' not found\)"),
        (error(401, f"Incorrect API key provided: {KEY[:8]}***{KEY[-4:]}"), r"/v1 refuses the key; check"),
        (error(402, f"pay for {KEY}"), r"answered 402 \(pay for \*\*\*\)"),
        (raw(403, b"no", "text/plain"), r"refuses the key"),
        (error(400, "bad image"), r"answered 400 \(bad image\)"),
    ],
)
def test_what_is_no_answer_gets_one_sentence(answer: Answer, says: str) -> None:
    with serving(answer) as server, pytest.raises(VlmError, match=says) as caught:
        ask(endpoint(server))
    assert "\n" not in str(caught.value) and "; " in str(caught.value)


def test_json_under_another_name_is_read() -> None:
    with serving(raw(200, body("好"), "text/plain; charset=utf-8")) as server:
        assert ask(endpoint(server)) == "好"
    with serving(raw(200, body([{"type": "text", "text": "好"}, {"type": "text", "text": "诗"}]))) as server:
        assert ask(endpoint(server)) == "好诗"
    with serving(raw(200, body(None))) as server:
        assert ask(endpoint(server)) == ""


def test_nobody_there_says_how_to_start_it(no_waiting: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    vlm = EndpointVlm(Settings(vlm_preset="ollama", vlm_base_url=f"http://127.0.0.1:{port}/v1"))
    with pytest.raises(VlmError, match=r"can't be reached; start it with `ollama serve`$"):
        ask(vlm)
    assert no_waiting == [0.5]  # one more try is enough


# --- settings and secrets


def test_presets_fill_in_address_and_model() -> None:
    assert set(PRESETS) == set(get_args(Settings.model_fields["vlm_preset"].annotation)) - {""}
    for name, preset in PRESETS.items():
        key = KEY if preset.needs_key else ""
        vlm = load_vlm(Settings(vlm_preset=name, vlm_api_key=key))
        assert vlm.name == f"{preset.model} at {preset.base_url}" and 256 <= vlm.side <= 2048
        assert preset.base_url.startswith("http://localhost:" if not preset.needs_key else "https://")
    other = load_vlm(Settings(vlm_preset="ollama", vlm_model="llava:7b"))
    assert other.name == "llava:7b at http://localhost:11434/v1"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, r"^no VLM is set up; the quickest is Ollama \(https://ollama\.com\): `ollama pull [^\n]*=ollama;[^\n]*$"),
        ({"vlm_preset": "dashscope"}, r"^dashscope wants a key; set IMAGE2POEM_VLM_API_KEY$"),
        ({"vlm_base_url": "http://localhost:9/v1"}, r"IMAGE2POEM_VLM_MODEL$"),
        ({"vlm_base_url": "localhost:9", "vlm_model": "m"}, r"^setting 'vlm_base_url' can't be used"),
        ({"vlm": "folder", "vlm_preset": "ollama"}, r"^both a local VLM"),
        (
            {"vlm_preset": "openai", "vlm_api_key": "sk-1\n"},
            r"^setting 'vlm_api_key' can't be used; a key has no spaces",
        ),
        ({"vlm_preset": "openai", "vlm_api_key": "密钥"}, r"^setting 'vlm_api_key' can't be used"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_gets_one_sentence(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_vlm(Settings(**settings))


def test_a_secret_in_the_address_is_refused_without_being_repeated() -> None:
    for url in (f"https://me:{KEY}@host/v1", f"https://host/v1?key={KEY}"):
        with pytest.raises(SettingsError) as caught:
            load_vlm(Settings(vlm_base_url=url, vlm_model="m"))
        assert KEY not in str(caught.value) and "IMAGE2POEM_VLM_API_KEY" in str(caught.value)


def test_the_key_shows_nowhere(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    settings = Settings(vlm_api_key=KEY, vlm_base_url="http://localhost:9/v1", vlm_model="m")
    shown = [repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())]
    with (
        caplog.at_level(logging.DEBUG),
        serving(error(401, f"wrong: {KEY}"), error(402, KEY), says(f"好 {KEY}")) as server,
    ):
        vlm = endpoint(server)
        shown.append(repr(vlm) + str(vlm.name))
        for _ in range(3):
            try:
                shown.append(ask(vlm))
            except VlmError as problem:
                shown += [str(problem), repr(problem), repr(problem.__cause__)]
                monkeypatch.setattr(vlm, "_down_until", 0.0)
    shown.append(caplog.text)
    assert "***" in " ".join(shown)
    for misspelt in ({"vlm_api_key": 5}, {"vlm_apikey": KEY}, {"VLM_KEY": KEY}):
        config = tmp_path / "config.toml"
        config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in misspelt.items()))
        monkeypatch.setenv("IMAGE2POEM_CONFIG", str(config))
        with pytest.raises(SettingsError, match=re.escape(next(iter(misspelt)))) as caught:
            load_settings()
        shown.append(str(caught.value))
    assert KEY not in "\n".join(shown)


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    with pytest.raises(ModelError, match=re.escape('pip install "image2poem[vlm]"')):
        load_vlm(Settings(vlm_preset="ollama"))


# --- the picture


def test_a_picture_leaves_small_and_with_nothing_but_its_pixels() -> None:
    exif = Image.Exif()
    exif[0x010E] = "home of somebody"
    exif.get_ifd(0x8825)[1] = "N"
    file = io.BytesIO()
    xmp = b"<x:xmpmeta>SECRET PLACE</x:xmpmeta>"
    Image.new("RGB", (3000, 2000), "teal").save(file, "JPEG", exif=exif, comment=b"SECRET PLACE", xmp=xmp)
    sent = small_jpeg(Image.open(io.BytesIO(file.getvalue())), 768)
    picture = Image.open(io.BytesIO(sent))
    assert picture.size == (768, 512) and picture.format == "JPEG" and len(sent) < 60_000
    assert not picture.getexif() and set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert b"SECRET" not in sent and b"somebody" not in sent
    assert Image.open(io.BytesIO(small_jpeg(Image.new("L", (10, 10)), 768))).mode == "RGB"
