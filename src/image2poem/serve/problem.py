"""Problems as RFC 9457 writes them: every answer of 400 and above is `application/problem+json`."""

from __future__ import annotations

import http
import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from image2poem.errors import (
    CardError,
    CorpusError,
    ExtraError,
    FilterError,
    Image2PoemError,
    IndexFileError,
    ModelError,
    NotAPhotoError,
    PhotoError,
    PhotoTooLargeError,
)

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:problem-type:image2poem:"
_log = logging.getLogger("image2poem.serve")

# what the library raises -> status, kind, title
_ERRORS: tuple[tuple[type[Image2PoemError], int, str, str], ...] = (
    (PhotoTooLargeError, 413, "photo-too-large", "The photo is too large"),
    (NotAPhotoError, 415, "not-a-photo", "That is not a photo"),
    (PhotoError, 422, "bad-photo", "The photo can't be used"),
    (CardError, 422, "bad-card", "The card can't be made"),
    (FilterError, 422, "unknown-name", "No verse has that name"),
    (ExtraError, 501, "not-installed", "The server lacks what this needs"),
    (CorpusError, 503, "not-ready", "The server isn't ready"),
    (IndexFileError, 503, "not-ready", "The server isn't ready"),
    (ModelError, 503, "not-ready", "The server isn't ready"),
)


class Problem(HTTPException):
    """Something that ends a request, and what is told about it. FastAPI lets an HTTPException through everywhere."""

    def __init__(
        self, status: int, kind: str, title: str, detail: str, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        """A problem of a kind: `type` is its URN, `more` are members beyond those of the RFC."""
        super().__init__(status, detail, headers)
        self.kind = kind
        self.body = {"type": _TYPE + kind, "title": title, "status": status, "detail": detail, **more}

    def response(self) -> Response:
        """The answer to send."""
        content = json.dumps(self.body, ensure_ascii=False).encode()
        return Response(content, self.status_code, self.headers, MEDIA_TYPE)


def busy(seconds: int) -> Problem:
    """The queue is full."""
    detail = f"too many photos are being matched; try again in {seconds} s"
    return Problem(503, "busy", "The server is busy", detail, {"Retry-After": str(seconds)})


def too_slow(seconds: float) -> Problem:
    """A request was given up."""
    detail = f"no answer was found within {seconds:g} s; try again"
    return Problem(503, "too-slow", "It took too long", detail, {"Retry-After": "5"})


def from_error(error: Image2PoemError) -> Problem:
    """What the library raised, as a problem."""
    for kind, status, name, title in _ERRORS:
        if isinstance(error, kind):
            more: dict[str, Any] = {"suggestions": list(error.suggestions)} if isinstance(error, FilterError) else {}
            return Problem(status, name, title, str(error), **more)
    return Problem(422, "refused", "The request can't be answered", str(error))


def install(app: FastAPI) -> None:
    """Make an application tell its problems so."""

    @app.exception_handler(Problem)
    async def _problem(_: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(Image2PoemError)
    async def _ours(_: Request, error: Image2PoemError) -> Response:
        problem = from_error(error)
        if problem.status_code >= 500:
            _log.error("%s", error)
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        found = [{"at": "/".join(map(str, item["loc"])), "detail": item["msg"]} for item in error.errors()]
        detail = "; ".join(f"{item['at']}: {item['detail']}" for item in found[:3])
        return Problem(422, "invalid", "The request isn't as the API describes it", detail, errors=found).response()

    @app.exception_handler(HTTPException)
    async def _plain(_: Request, error: HTTPException) -> Response:
        title = http.HTTPStatus(error.status_code).phrase
        body = {"type": "about:blank", "title": title, "status": error.status_code, "detail": str(error.detail)}
        content = json.dumps(body, ensure_ascii=False).encode()
        return Response(content, error.status_code, error.headers, MEDIA_TYPE)

    @app.exception_handler(Exception)
    async def _ours_to_mend(request: Request, error: Exception) -> Response:
        _log.exception("%s %s", request.method, request.url.path, exc_info=error)
        detail = "an error that is the server's own; its log says more"
        return Problem(500, "internal", "The server made a mistake", detail).response()
