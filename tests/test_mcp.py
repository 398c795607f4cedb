"""What an assistant gets, through the SDK's own client."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from PIL import Image

from image2poem import ImageToPoem
from image2poem.mcp import create_server

RIVER = Path(__file__).parent.parent / "examples" / "moonlit_river.png"


def with_client(server: Any, work: Callable[[Client], Awaitable[Any]]) -> Any:
    """Do `work` with a client of `server`."""

    async def connected() -> Any:
        async with Client(server) as client:
            return await work(client)

    return asyncio.run(connected())


def call(matcher: ImageToPoem, tool: str, **arguments: Any) -> Any:
    """A tool's result."""
    return with_client(create_server(matcher.open()), lambda client: client.call_tool(tool, arguments))


def test_tools_say_what_they_do_and_take(matcher: ImageToPoem) -> None:
    listed = with_client(create_server(matcher), lambda client: client.list_tools())
    tools = {tool.name: tool for tool in listed.tools}
    assert set(tools) == {"match_photo", "search_verse", "get_poem", "make_card"}
    for tool in tools.values():
        assert tool.description
        assert all("description" in about for about in tool.input_schema["properties"].values())


def test_a_photo_is_matched_by_path_and_by_data(matcher: ImageToPoem) -> None:
    data = "data:image/png;base64," + base64.b64encode(RIVER.read_bytes()).decode()
    expected = [m.verse for m in matcher.match(RIVER, top=3)]
    for photo in (str(RIVER), data):
        found = call(matcher, "match_photo", photo=photo, top=3).structured_content
        assert [m["verse"] for m in found["matches"]] == expected
        assert found["sight"]["imagery"] and "水" in found["sight"]["scene"]["setting"]["name"]
        assert found["matches"][0]["provenance"] == "retrieved"


def test_a_verse_is_searched_for_and_its_poem_read(matcher: ImageToPoem) -> None:
    found = call(matcher, "search_verse", description="瀑布像银河落下来", author=["李白"], top=1).structured_content
    (match,) = found["matches"]
    assert match["verse"] == "飞流直下三千尺，疑是银河落九天。"
    assert match["translation"] is match["translation_by"] is None and match["translation_made"] is False
    poem = call(matcher, "get_poem", poem_id=match["poem_id"], readings=True).structured_content
    assert match["verse"] in poem["verses"] and poem["author"] == "李白"
    assert poem["pinyin"][1][0] == ["飞", "fēi"]


def test_a_card_is_shown_and_saved_but_never_over_something(matcher: ImageToPoem, tmp_path: Path) -> None:
    file = tmp_path / "card.png"
    arguments = {"photo": str(RIVER), "verse": "飞流直下三千尺，疑是银河落九天。", "save_as": str(file)}
    shown, said = call(matcher, "make_card", **arguments).content
    assert shown.mime_type == "image/jpeg"
    with Image.open(io.BytesIO(base64.b64decode(shown.data))) as small, Image.open(file) as full:
        assert small.width == 900 < full.width
    assert "李白《望庐山瀑布》" in said.text and str(file) in said.text
    assert "exists" in call(matcher, "make_card", **arguments).content[0].text
    new = call(matcher, "make_card", photo=str(RIVER), verse="手机屏幕照夜白，一江灯火伴人行。")
    assert "composed" in new.content[1].text


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("match_photo", {"photo": "/nowhere.png"}, "/nowhere.png"),
        ("match_photo", {"photo": "data:image/png;base64,!"}, "base64"),
        ("match_photo", {"photo": "http://127.0.0.1:9/a.png"}, "public Internet"),
        ("search_verse", {"description": "月", "author": ["李百"]}, "李白"),
        ("search_verse", {"description": "月", "top": 0}, "top"),
        ("get_poem", {"poem_id": 99999}, "99999"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(
    matcher: ImageToPoem, tool: str, arguments: dict[str, Any], says: str
) -> None:
    result = call(matcher, tool, **arguments)
    assert result.is_error and says in result.content[0].text and "Traceback" not in result.content[0].text


def test_the_command_serves_on_standard_input_and_output(home: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "image2poem", "mcp"],
        env={**os.environ, "IMAGE2POEM_HOME": str(home), "IMAGE2POEM_CONFIG": "/nonexistent"},
    )
    found = with_client(
        stdio_client(server), lambda client: client.call_tool("search_verse", {"description": "月光", "top": 2})
    )
    assert len(found.structured_content["matches"]) == 2


def test_without_a_corpus_it_says_so_and_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "image2poem", "mcp", "--home", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and "image2poem corpus" in done.stderr and "Traceback" not in done.stderr
