"""What a program gets from the HTTP API."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from serve_fakes import EXAMPLES, NEW, RIVER, TOLD, Serve, poet, tower
from starlette.testclient import TestClient

from image2poem import ImageToPoem
from image2poem.card import make_card

JSON = "application/problem+json"


def ask(client: TestClient, **fields: Any) -> Any:
    """The answer for the river."""
    response = client.post("/v1/match", files={"photo": ("river.png", RIVER.read_bytes())}, data=fields)
    assert response.status_code == 200, response.text
    return response.json()


def again(client: TestClient, **asked: Any) -> Any:
    """The answer to a search."""
    response = client.post("/v1/search", json=asked)
    assert response.status_code == 200, response.text
    return response.json()


def lines(answer: Any) -> list[str]:
    """Its verses."""
    return [match["verse"] for match in answer["matches"]]


def problem(response: Any, status: int, kind: str) -> Any:
    """The problem that a response must be."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == JSON
    body = response.json()
    assert body["type"] == (f"urn:problem-type:image2poem:{kind}" if kind else "about:blank")
    assert body["status"] == status and body["title"] and body["detail"]
    return body


def test_a_photo_gets_what_the_library_finds(client: TestClient, matcher: ImageToPoem) -> None:
    answer = ask(client, top=3)
    assert answer["photo"] == "river.png"
    assert lines(answer) == [m.verse for m in matcher.match(RIVER, top=3)]
    for match in answer["matches"]:
        assert match["provenance"] == "retrieved" and match["title"] and match["author"] and match["dynasty"]
        poem = client.get(f"/v1/poems/{match['poem_id']}").json()
        assert match["verse"] in poem["verses"] and poem["title"] == match["title"]


def test_marks_show_where_the_reasons_stand_in_the_verse(client: TestClient, matcher: ImageToPoem) -> None:
    matches = again(client, text="月亮照着江水，两岸有猿猴叫", top=16)["matches"]
    assert any(match["marks"] for match in matches)
    for match in matches:
        assert {mark["term"] for mark in match["marks"]} == set(match["reasons"])
        for mark in match["marks"]:
            assert matcher.lexicon.named(match["verse"][mark["start"] : mark["end"]])


@pytest.mark.parametrize("words", ["", "墙角的梅花在寒冬里开了"])
def test_what_was_seen_gives_the_same_answer_without_the_photo(client: TestClient, words: str) -> None:
    first = ask(client, text=words)
    assert again(client, seen=first["seen"], text=words) == first | {"photo": None}
    assert again(client, seen=first["seen"])["seen"] == ask(client)["seen"]  # words leave no trace in it


def test_a_changed_sight_is_searched_for_and_described_anew(client: TestClient) -> None:
    sight = ask(client)["seen"]
    sight["imagery"] = [{"term": "瀑布"}]
    sight["description"] = None
    answer = again(client, seen=sight, top=1)
    assert answer["matches"][0]["title"] == "望庐山瀑布" and answer["matches"][0]["reasons"] == ["瀑布"]
    assert answer["sight"]["imagery"] == [{"term": "瀑布", "score": 1.0}]
    assert "瀑布" in answer["sight"]["description"]
    snow = again(client, seen=sight | {"imagery": [{"term": "雪"}, {"term": "枯枝"}], "scene": None})
    assert snow["sight"]["scene"] == snow["seen"]["scene"]
    assert snow["sight"]["scene"]["season"]["name"] == "冬" and "雪" in snow["sight"]["scene"]["season"]["basis"]
    sight["imagery"], sight["description"] = [], "荷花映着太阳特别红"
    assert lines(again(client, seen=sight | {"vector": None}, top=1)) == ["接天莲叶无穷碧，映日荷花别样红。"]


def test_when_and_where_come_along_and_can_be_left_aside(client: TestClient) -> None:
    def match(**fields: Any) -> Any:
        return client.post("/v1/match", files={"photo": ("a.jpg", tower())}, data=fields).json()

    first = match()
    assert first["context"]["places"][0] == "鹳雀楼" and first["context"]["festivals"] == ["重阳"]
    assert [first["sight"]["scene"][side]["basis"][0] for side in ("season", "hour")] == ["摄于秋", "摄于暮"]
    assert any("鹳雀楼" in found["occasions"] for found in first["matches"])
    assert again(client, seen=first["seen"]) == first | {"photo": None}
    anew = again(client, seen=first["seen"] | {"description": None})
    assert anew["seen"]["description"].startswith("秋天的傍晚，重阳，在鹳雀楼。")
    without = again(client, seen=first["seen"] | {"context": None})
    assert without["context"] is None and not any(found["occasions"] for found in without["matches"])
    assert match(context=False)["context"] is None
    again(client, seen=first["seen"] | {"context": {"places": ["火星"], "festivals": ["圣诞"], "lunar": "?"}})


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"space": "another-model"}, "other-space"),
        ({"vector": "AAAA"}, "bad-vector"),
        ({"vector": "no base64!"}, "bad-vector"),
        ({"imagery": [{"term": "电视机"}]}, "unknown-term"),
    ],
)
def test_a_sight_that_cant_be_is_refused(client: TestClient, change: dict[str, Any], kind: str) -> None:
    problem(client.post("/v1/search", json={"seen": ask(client)["seen"] | change}), 422, kind)


def test_words_weigh_most_with_and_without_a_photo(client: TestClient) -> None:
    words = "两只黄鹂在柳树上叫，一队白鹭飞上蓝天"
    assert lines(ask(client, text=words, top=1)) == lines(again(client, text=words, top=1))


def test_filters_keep_what_was_asked_for(client: TestClient) -> None:
    assert {m["author"] for m in ask(client, author=["李白", "杜甫"])["matches"]} <= {"李白", "杜甫"}
    assert {m["dynasty"] for m in again(client, text="月亮", dynasty=["宋"])["matches"]} == {"宋"}
    body = problem(client.post("/v1/search", json={"text": "月亮", "author": ["李百"]}), 422, "unknown-name")
    assert "李白" in body["suggestions"]


def test_a_poem_comes_whole_in_both_scripts_with_readings_if_asked_for(client: TestClient) -> None:
    number = again(client, text="飞流直下三千尺，疑是银河落九天", top=1)["matches"][0]["poem_id"]
    poem = client.get(f"/v1/poems/{number}").json()
    assert (poem["title"], poem["author"], len(poem["verses"])) == ("望庐山瀑布", "李白", 2)
    assert poem["traditional"]["title"] == "望廬山瀑布" and poem["pinyin"] is None
    assert poem["traditional"]["verses"][1] == "飛流直下三千尺，疑是銀河落九天。"
    read = client.get(f"/v1/poems/{number}", params={"pinyin": True}).json()["pinyin"]
    assert read[1][:3] == [["飞", "fēi"], ["流", "liú"], ["直", "zhí"]] and ["，", None] in read[1]
    problem(client.get("/v1/poems/99999"), 404, "no-poem")


def test_a_text_is_read_aloud(client: TestClient) -> None:
    read = client.get("/v1/pinyin", params={"text": "轻舟已过万重山。"}).json()["pinyin"]
    assert read[4:] == [["万", "wàn"], ["重", "chóng"], ["山", "shān"], ["。", None]]


def test_about_lists_what_can_be_asked_for(client: TestClient, matcher: ImageToPoem) -> None:
    about = client.get("/v1/about").json()
    assert about["dynasty"] == ["唐", "宋", "元"] and about["genre"] == ["诗", "词", "曲"]
    assert "李白" in about["author"] and about["form"][0] == "五言"
    assert {"term": "月", "group": "天象", "english": "moon"} in about["imagery"]
    assert about["corpus"] == matcher.corpus.corpus_id and about["verses"] == len(matcher.facets)


def draw(client: TestClient, **fields: Any) -> Any:
    """The response with a card of the river."""
    return client.post("/v1/card", files={"photo": ("river.png", RIVER.read_bytes())}, data=fields)


def test_a_card_has_the_photos_size_and_the_corpus_source(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    monkeypatch.setattr(
        "image2poem.card.matched.make_card",
        lambda *a, **k: written.append((*a[1:5], k["composed"])) or make_card(*a, **k),
    )
    response = draw(client, verse="月落乌啼霜满天，江枫渔火对愁眠。")
    assert response.status_code == 200 and response.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(response.content)) as card, Image.open(RIVER) as photo:
        assert card.format == "PNG" and card.width >= photo.width and not card.getexif()
    assert written == [("月落乌啼霜满天，江枫渔火对愁眠。", "枫桥夜泊", "张继", "唐", False)]
    draw(client, verse="手机屏幕照夜白，一江灯火伴人行。", width=400)
    assert written[1] == ("手机屏幕照夜白，一江灯火伴人行。", None, None, None, True)  # nobody's, and called so


def test_every_layout_comes_in_the_format_and_width_asked_for(client: TestClient) -> None:
    layouts = client.get("/v1/about").json()["layouts"]
    assert len(layouts) >= 6
    for layout in layouts:
        response = draw(client, verse="明月几时有", layout=layout, width=360, format="jpeg", script="traditional")
        assert response.headers["content-type"] == "image/jpeg", response.text
        with Image.open(io.BytesIO(response.content)) as card:
            assert card.format == "JPEG" and card.width == 360


def test_a_card_that_cant_be_made_is_a_problem(client: TestClient, serve: Serve) -> None:
    problem(draw(client, verse="moonlight"), 422, "bad-card")
    problem(draw(client, verse="月", layout="mural"), 422, "invalid")
    problem(draw(client, verse="月", font="/etc/passwd"), 422, "invalid")
    problem(draw(serve(max_pixels=2_000_000), verse="月落乌啼霜满天。", width=4000), 413, "card-too-large")


def test_a_vlm_looks_too_where_one_is_set_up(client: TestClient, serve: Serve, tmp_path: Path) -> None:
    photo = {"photo": ("river.png", RIVER.read_bytes())}
    assert client.get("/v1/about").json()["vlm"] is False
    problem(client.post("/v1/match", files=photo, data={"vlm": True}), 422, "no-vlm")
    with poet() as vlm:
        server = serve(vlm_base_url=vlm.url, vlm_model="m", home=tmp_path)
        assert server.get("/v1/about").json()["vlm"] is True
        ask(server)
        assert not vlm.requests  # not unless it is asked for
        first = server.post("/v1/match", files=photo, data={"vlm": True}).json()
    assert first["notes"] == [] and first["seen"]["described"] and first["seen"]["description"] == TOLD
    (new,) = [match for match in first["matches"] if match["provenance"] == "composed"]
    assert new["verse"] == NEW and new["author"] is None and new["poem_id"] is None
    assert new["traditional"]["verse"] == "一葉橫江月色冷，水天無語夜如年。"
    second = again(server, seen=first["seen"], lines=[NEW])  # by now the VLM is gone
    assert NEW in lines(second) and second["seen"] == first["seen"]
    real = again(server, seen=first["seen"], lines=["孤舟蓑笠翁，独钓寒江雪。"])
    assert all(match["provenance"] == "retrieved" for match in real["matches"])  # whoever says he wrote it
    down = server.post("/v1/match", files={"photo": ("b.jpg", tower())}, data={"vlm": True}).json()
    assert len(down["notes"]) == 1 and len(down["matches"]) == 5


# --- problems -----------------------------------------------------------------------------------------------------------


def picture(width: int, height: int) -> bytes:
    """A white PNG."""
    buffer = io.BytesIO()
    Image.new("1", (width, height), 1).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("photo", "status", "kind"),
    [
        (b"no picture at all", 415, "not-a-photo"),
        (b"", 422, "bad-photo"),
        (RIVER.read_bytes()[:20_000], 422, "bad-photo"),
        (picture(2000, 600), 413, "photo-too-large"),  # pixels
        (b"\x89PNG" + bytes(400_000), 413, "photo-too-large"),  # bytes
    ],
)
def test_a_bad_photo_is_a_problem_with_its_kind(serve: Serve, photo: bytes, status: int, kind: str) -> None:
    client = serve(max_pixels=1_000_000, max_bytes=300_000)
    body = problem(client.post("/v1/match", files={"photo": ("a.png", photo)}), status, kind)
    assert "/" not in body["detail"]  # no path of the server


def test_too_long_a_body_is_cut_off_while_it_comes(serve: Serve) -> None:
    client = serve(max_bytes=100_000)
    kind = {"Content-Type": "multipart/form-data; boundary=b"}

    def endless() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\n'
        for _ in range(1000):
            yield bytes(10_000)

    problem(client.post("/v1/match", content=endless(), headers=kind), 413, "photo-too-large")
    problem(client.post("/v1/search", content=b"x" * 70_000), 413, "body-too-large")


@pytest.mark.parametrize(
    "request_",
    [
        {"data": {"top": 5}},
        {"files": {"photo": ("a.png", b"x")}, "data": {"url": "https://example.org/a.png"}},
    ],
)
def test_photo_or_url_not_both_nor_neither(client: TestClient, request_: dict[str, Any]) -> None:
    problem(client.post("/v1/match", **request_), 422, "no-photo")


def test_urls_are_refused_unless_allowed_and_private_ones_always(client: TestClient, serve: Serve) -> None:
    form = {"url": "http://127.0.0.1:9/a.png"}
    problem(client.post("/v1/match", data=form), 403, "no-fetching")
    body = problem(serve(serve_fetch=True).post("/v1/match", data=form), 422, "bad-photo")
    assert "public" in body["detail"]


def test_what_isnt_as_described_is_told_field_by_field(client: TestClient) -> None:
    body = problem(client.post("/v1/search", json={"text": "月", "top": 0, "colour": "red"}), 422, "invalid")
    assert {error["at"] for error in body["errors"]} == {"body/top", "body/colour"}
    problem(client.post("/v1/search", content=b"{", headers={"Content-Type": "application/json"}), 422, "invalid")
    problem(client.post("/v1/search", json={"text": "  "}), 422, "nothing-asked")


def test_plain_http_errors_are_problems_too(client: TestClient) -> None:
    problem(client.get("/v1/nowhere"), 404, "")
    problem(client.get("/nowhere"), 404, "")
    assert "POST" in client.get("/v1/match").headers["allow"]
    problem(client.get("/v1/match"), 405, "")
    problem(client.get(f"/v1/poems/{2**40}"), 422, "invalid")


def test_our_own_mistakes_say_nothing_of_our_insides(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageToPoem, "answer", lambda *_: 1 / 0)
    response = client.post("/v1/search", json={"text": "月亮"})
    assert "division" not in problem(response, 500, "internal")["detail"]


def test_every_example_is_matched(client: TestClient) -> None:
    for path in sorted(EXAMPLES.glob("*.jpg")):
        response = client.post("/v1/match", files={"photo": (path.name, path.read_bytes())})
        assert response.status_code == 200 and len(response.json()["matches"]) == 5
