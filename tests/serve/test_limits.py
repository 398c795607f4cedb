"""What keeps a server up: queue, time, rate, key, CORS, and what it tells Prometheus."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from serve_fakes import EXAMPLES, RIVER, Serve, Slow, Unopened
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from image2poem import Filters, ImageToPoem
from image2poem.serve.gate import Rate, client


def send(client: TestClient, pool: ThreadPoolExecutor) -> Future[Any]:
    """A match under way."""
    return pool.submit(client.post, "/v1/match", files={"photo": ("river.png", RIVER.read_bytes())})


def slow(client: TestClient) -> Slow:
    """The matcher that the server waits for."""
    matcher: Slow = client.app.state.service.matcher  # type: ignore[attr-defined]
    return matcher


def test_a_full_queue_sends_away_with_a_time_to_come_again(serve: Serve) -> None:
    server = serve(Slow, serve_workers=1, serve_queue=1)
    with ThreadPoolExecutor(3) as pool:
        first = send(server, pool)
        assert slow(server).begun.acquire(timeout=10)
        second = send(server, pool)
        while 'image2poem_work_inside{lane="match"} 2.0' not in server.get("/metrics").text:
            pass
        third = send(server, pool).result()
        slow(server).go.set()
        assert first.result().status_code == second.result().status_code == 200
    assert third.status_code == 503 and third.json()["type"].endswith(":busy")
    assert int(third.headers["retry-after"]) >= 1
    assert 'image2poem_refused_total{reason="busy"} 1.0' in server.get("/metrics").text


def test_the_server_answers_while_a_match_is_under_way(serve: Serve) -> None:
    server = serve(Slow, serve_workers=1)
    with ThreadPoolExecutor(1) as pool:
        waiting = send(server, pool)
        assert slow(server).begun.acquire(timeout=10)
        assert server.get("/healthz").json() == {"status": "up"}
        assert server.get("/v1/about").status_code == 200
        assert not waiting.done()
        slow(server).go.set()
        assert waiting.result().status_code == 200


def test_what_takes_too_long_is_given_up(serve: Serve) -> None:
    server = serve(Slow, serve_timeout=0.2)
    with ThreadPoolExecutor(1) as pool:
        answer = send(server, pool).result()
        slow(server).go.set()
    assert answer.status_code == 503 and answer.json()["type"].endswith(":too-slow")
    assert answer.headers["retry-after"]


def test_ready_is_said_only_when_models_are_open(serve: Serve) -> None:
    server = serve(Unopened)
    assert server.get("/healthz").status_code == 200
    assert server.get("/readyz").status_code == 503
    early = server.post("/v1/search", json={"text": "月亮"})
    assert early.status_code == 503 and early.json()["type"].endswith(":not-ready") and early.headers["retry-after"]
    slow(server).go.set()
    while server.get("/readyz").status_code == 503:
        pass
    assert server.post("/v1/search", json={"text": "月亮"}).status_code == 200


def test_a_client_that_asks_too_often_waits(serve: Serve) -> None:
    server = serve(serve_rate=3)
    codes = [server.get("/v1/about").status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    refused = server.get("/v1/about")
    assert refused.json()["type"].endswith(":rate") and 1 <= int(refused.headers["retry-after"]) <= 20
    assert server.get("/healthz").status_code == 200  # the rate is the API's


def test_one_clients_rate_is_not_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("image2poem.serve.gate.time.monotonic", lambda: now)
    rate = Rate(2)
    assert [rate.ask("a"), rate.ask("a"), rate.ask("b")] == [0, 0, 0]
    assert rate.ask("a") == 30
    now = 30.0
    assert rate.ask("a") == 0 and rate.ask("a") > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_a_client_is_a_household(one: str, other: str, same: bool) -> None:
    assert (client({"client": (one, 1)}) == client({"client": (other, 2)})) is same


def test_a_key_is_asked_for_where_one_is_set(serve: Serve) -> None:
    server = serve(serve_api_key="open sesame")
    refused = server.get("/v1/about")
    assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
    assert server.get("/v1/about", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert server.get("/v1/about", headers={"Authorization": "bearer open sesame"}).status_code == 200
    assert server.get("/").status_code == server.get("/readyz").status_code == 200  # the page asks for the key
    assert "401" in server.get("/openapi.json").json()["paths"]["/v1/about"]["get"]["responses"]
    assert "sesame" not in repr(slow(server).settings)
    outer = Starlette(routes=[Mount("/poems", server.app)])
    with TestClient(outer) as mounted:
        assert mounted.get("/poems/v1/about").status_code == 401  # nor does another path lead around it


def test_other_sites_may_not_read_answers_unless_named(serve: Serve) -> None:
    asks = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in serve().get("/v1/about", headers=asks).headers
    server = serve(serve_cors=("https://a.example",), serve_api_key="k")
    assert server.options("/v1/match", headers=asks).headers["access-control-allow-origin"] == "https://a.example"
    assert server.get("/v1/about", headers=asks).headers["access-control-allow-origin"] == "https://a.example"
    other = server.get("/v1/about", headers={"Origin": "https://b.example"})
    assert "access-control-allow-origin" not in other.headers


def test_prometheus_is_told_by_route_and_status(serve: Serve) -> None:
    server = serve()
    server.post("/v1/search", json={"text": "月亮"})
    server.get("/v1/poems/1")
    server.get("/v1/poems/99999")
    server.get("/v1/nowhere")
    text = server.get("/metrics").text
    for line in (
        'image2poem_request_seconds_count{method="POST",route="/v1/search",status="200"} 1.0',
        'image2poem_request_seconds_count{method="GET",route="/v1/poems/{number}",status="200"} 1.0',
        'image2poem_request_seconds_count{method="GET",route="/v1/poems/{number}",status="404"} 1.0',
        'image2poem_request_seconds_count{method="GET",route="other",status="404"} 1.0',
        'image2poem_work_inside{lane="match"} 0.0',
    ):
        assert line in text


def test_threads_that_share_a_matcher_get_the_answers_that_one_gets(matcher: ImageToPoem) -> None:
    photos = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.??g"))]
    work = [
        (photo, words, filters)
        for photo in photos
        for words, filters in (("", None), ("月光照在江上", Filters(dynasty=("唐",))))
    ]
    alone = [matcher.match(photo, text=words, filters=filters) for photo, words, filters in work]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: matcher.match(one[0], text=one[1], filters=one[2]), work))
    assert [answer.items for answer in together] == [answer.items for answer in alone]
