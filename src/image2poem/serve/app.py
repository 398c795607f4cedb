"""The application: routes, gate, page and problems put together over one matcher."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from image2poem.errors import Image2PoemError
from image2poem.matcher import ImageToPoem
from image2poem.serve import problem
from image2poem.serve.api import Service, api, health, told
from image2poem.serve.gate import Gate
from image2poem.serve.lane import Lane
from image2poem.serve.metrics import Metrics, Timing

PAGE = Path(__file__).parent / "page"
_WAITING = 8  # threads that wait for other servers, which takes no core
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]
_log = logging.getLogger("image2poem.serve")


def create_app(matcher: ImageToPoem | None = None) -> FastAPI:
    """The page and the API over one matcher, whose settings named `serve_...` are for this.

    What isn't open of it yet is opened while the server starts, and /readyz tells when that is done.
    """
    matcher = matcher or ImageToPoem()
    settings = matcher.settings
    metrics = Metrics()
    workers = settings.serve_workers or os.cpu_count() or 1

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = Service(
            settings,
            matcher,
            metrics,
            Lane("match", workers, settings.serve_queue, settings.serve_timeout, metrics),
            Lane("wait", _WAITING, settings.serve_queue, settings.serve_timeout, metrics),
            Lane(
                "vlm",
                1 if settings.vlm else _WAITING,
                settings.serve_queue,
                settings.serve_timeout + settings.vlm_timeout,
                metrics,
            ),
        )
        app.state.service = service
        opening = asyncio.create_task(_open(service))
        if matcher.is_open:
            await opening
        yield
        opening.cancel()
        for lane in (service.match, service.wait, service.vlm):
            lane.close()

    app = FastAPI(
        title="Image2Poem",
        summary="A photo in, a fitting line of real classical Chinese verse out.",
        version="1",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    problem.install(app)
    app.include_router(api, responses=told(408, 413, 415, 422, 429, 503, *([401] if settings.serve_api_key else [])))
    app.include_router(health)
    app.add_api_route("/", _page, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    app.add_middleware(Gate, settings=settings, metrics=metrics)
    if settings.serve_cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.serve_cors),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After"],
        )
    app.add_middleware(Timing, metrics=metrics, headers=_HEADERS)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


async def _page() -> FileResponse:
    return FileResponse(PAGE / "index.html")


async def _open(service: Service) -> None:
    try:
        await asyncio.to_thread(service.matcher.open)
        _ = service.about
        service.opened.set()
    except Image2PoemError as error:
        _log.error("%s", error)


def _described(app: FastAPI) -> dict[str, Any]:
    """FastAPI's description, with problems under their own media type."""
    if app.openapi_schema:
        return app.openapi_schema
    described = FastAPI.openapi(app)
    for path in described["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400" and "application/json" in response.get("content", {}):
                    response["content"] = {problem.MEDIA_TYPE: response["content"].pop("application/json")}
    return described
