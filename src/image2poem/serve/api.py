"""The routes of the API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Query, Request, UploadFile
from starlette.responses import Response

from image2poem.card import LAYOUTS
from image2poem.corpus.dynasty import when
from image2poem.corpus.filters import options
from image2poem.download import download
from image2poem.matcher import ImageToPoem
from image2poem.pinyin import pinyin
from image2poem.serve import answer, schema
from image2poem.serve.lane import Lane
from image2poem.serve.metrics import Metrics
from image2poem.serve.problem import Problem
from image2poem.settings import Settings
from image2poem.vlm import Opinion

_TOLD = {
    401: "the key is missing or wrong",
    403: "not allowed here",
    404: "there is none",
    408: "the body stalled",
    413: "too large",
    415: "not a picture",
    422: "not as described here",
    429: "too many requests",
    503: "busy, too slow, or not ready yet; Retry-After says when to come again",
}


def told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How OpenAPI tells of problems."""
    return {status: {"model": schema.ProblemAnswer, "description": _TOLD[status]} for status in statuses}


_GENRES, _FORMS = "诗 词 曲 诗经 楚辞", "四言 五言 六言 七言 杂言"  # in the order that people expect


@dataclass
class Service:
    """What the routes share."""

    settings: Settings
    matcher: ImageToPoem
    metrics: Metrics
    match: Lane  # work for the cores
    wait: Lane  # downloads, which wait for other servers
    vlm: Lane  # matches that wait for a VLM
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    @cached_property
    def about(self) -> dict[str, Any]:
        """The answer of /v1/about, made once."""
        facets = self.matcher.facets
        names = {kind: list(options(facets, kind)) for kind in ("dynasty", "author", "genre", "form", "tag")}
        names["dynasty"].sort(key=when)
        for kind, usual in (("genre", _GENRES), ("form", _FORMS)):
            names[kind].sort(key=lambda name, usual=usual: usual.find(name) if name in usual else len(usual))  # type: ignore[misc]
        terms = self.matcher.lexicon.terms
        return {
            "version": version("image2poem"),
            "space": self.matcher.image_encoder.space,
            "corpus": self.matcher.corpus.corpus_id,
            "verses": len(facets),
            **names,
            "imagery": [{"term": term.term, "group": term.group, "english": term.english} for term in terms],
            "layouts": list(LAYOUTS),
            "vlm": self.settings.has_vlm,
            "fetch": self.settings.serve_fetch,
            "max_bytes": self.settings.max_bytes,
        }


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _opened(service: Annotated[Service, Depends(_service)]) -> Service:
    if not service.opened.is_set():
        detail = "models and index are being opened; try again in a second"
        raise Problem(503, "not-ready", "The server isn't ready", detail, {"Retry-After": "1"})
    return service


Opened = Annotated[Service, Depends(_opened)]
api = APIRouter(prefix="/v1")
health = APIRouter()


@api.post("/match", response_model=schema.Answer, summary="Verses for a photo", responses=told(403))
async def match(
    service: Opened, form: Annotated[schema.MatchForm, Form(media_type="multipart/form-data")]
) -> dict[str, Any]:
    """The verses that say a photo, best first, and what was seen in it.

    Send `seen` back to /v1/search, changed or not, to search again without the photo.
    """
    if form.vlm and not service.settings.has_vlm:
        raise Problem(422, "no-vlm", "There is no VLM", "this server has no vision-language model; leave vlm out")
    read, name = await _photo(service, form.photo, form.url)
    matcher = service.matcher

    def work() -> dict[str, Any]:
        context = None if form.context else False  # None: as the settings say
        found = matcher.match(read(), form.text, form.top, form.filters(), context=context, vlm=form.vlm)
        return answer.full_record(matcher, found, name)

    return await (service.vlm if form.vlm else service.match).run(work)


async def _photo(service: Service, photo: UploadFile | None, url: str) -> tuple[Callable[[], bytes], str]:
    """How to read the photo's bytes, once it is its turn (until then they may lie on disk), and what to call it."""
    if bool(url) == bool(photo):
        raise Problem(422, "no-photo", "There is no photo", "send one of the two: photo (a file) or url")
    if photo:
        return photo.file.read, (photo.filename or "photo")[:200]
    if not service.settings.serve_fetch:
        detail = "this server fetches no URLs; send the photo itself"
        raise Problem(403, "no-fetching", "URLs are not allowed", detail)
    data = await service.wait.run(partial(download, url, service.settings, public_only=True))
    return (lambda: data), url


@api.post("/search", response_model=schema.Answer, summary="Verses for words, for what was seen, or for both")
async def search(service: Opened, asked: schema.Search) -> dict[str, Any]:
    """The verses that say a sentence, or what was seen in a photo before and may have been changed, or both."""
    seen = asked.seen
    if not asked.text.strip() and not (seen and (seen.imagery or seen.description or seen.vector)):
        raise Problem(422, "nothing-asked", "There is nothing to look for", "give text, or what was seen, or both")
    matcher = service.matcher

    def work() -> dict[str, Any]:
        sight = answer.sight_of(matcher, seen or schema.Seen())
        opinion = Opinion(lines=tuple(asked.lines))
        found = matcher.answer(sight, asked.text, asked.top, asked.filters(), opinion=opinion)
        return answer.full_record(matcher, found, None)

    return await service.match.run(work)


@api.post(
    "/card",
    response_class=Response,
    responses={200: {"content": {f"image/{kind}": {} for kind in ("png", "jpeg", "webp")}}},
    summary="Photo and verse as one picture",
)
async def card(service: Opened, form: Annotated[schema.CardForm, Form(media_type="multipart/form-data")]) -> Response:
    """The verse set on the photo, in the photo's own size, with its source and a seal, without a watermark or EXIF.

    The source is the corpus's, whoever is said to have written the line.
    """
    content = await service.match.run(lambda: answer.card_of(service.matcher, form))
    return Response(content, media_type=f"image/{form.format}")


@api.get("/poems/{number}", response_model=schema.PoemAnswer, summary="A whole poem", responses=told(404))
async def poem(
    service: Opened,
    number: Annotated[int, Path(ge=0, le=2**31)],
    pinyin: Annotated[bool, Query(description="with the reading of each character")] = False,
) -> dict[str, Any]:
    """A poem, its source's own spelling, and its verses in traditional characters."""
    return await service.match.run(lambda: answer.whole_poem(service.matcher, number, pinyin))


@api.get("/pinyin", response_model=schema.Reading, summary="How a text is read")
async def readings(
    service: Opened, text: Annotated[str, Query(min_length=1, max_length=500)], response: Response
) -> dict[str, Any]:
    """The modern reading (拼音) of each character of a simplified text."""
    response.headers["Cache-Control"] = "public, max-age=86400"
    return {"pinyin": await service.match.run(lambda: pinyin(text))}


@api.get("/about", response_model=schema.About, summary="What the server has and allows")
async def about(service: Opened) -> dict[str, Any]:
    """Names to filter by, imagery, layouts and limits."""
    return service.about


@health.get("/healthz", summary="Whether the server runs")
async def healthz() -> dict[str, str]:
    """Always, if it can answer at all."""
    return {"status": "up"}


@health.get("/readyz", summary="Whether models and index are open", responses=told(503))
async def readyz(service: Opened) -> dict[str, str]:
    """503 until they are."""
    return {"status": "ready"}


@health.get("/metrics", include_in_schema=False)
async def metrics(service: Annotated[Service, Depends(_service)]) -> Response:
    """Prometheus' exposition format."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
