"""The API keeps to its own description: schemathesis makes up requests from /openapi.json."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.testclient import TestClient

from image2poem import ImageToPoem, Settings
from image2poem.serve import create_app

EXAMPLES = 20  # for each operation
_FILE = io.BytesIO()
Image.new("RGB", (40, 30), "navy").save(_FILE, "PNG")
PHOTO = _FILE.getvalue()
OPERATIONS = [
    (path, method)
    for path, methods in create_app(ImageToPoem(Settings())).openapi()["paths"].items()
    for method in methods
]


@pytest.fixture(scope="module")
def described(matcher: ImageToPoem, home: Path) -> Iterator[Any]:
    """The API as it describes itself."""
    mine = copy.copy(matcher.open())
    mine.settings = Settings(home=home, serve_rate=0, max_bytes=200_000)
    app = create_app(mine)
    with TestClient(app) as client:  # keeps it running
        while client.get("/readyz").status_code != 200:
            pass
        yield schemathesis.openapi.from_asgi("/openapi.json", app)


def likely(case: schemathesis.Case) -> schemathesis.Case:
    """The same request with names that there are and a real photo, so that it gets beyond the first check."""
    if "number" in case.path_parameters:
        case.path_parameters["number"] = 3
    if isinstance(case.body, dict):
        for name in ("dynasty", "author", "genre", "form", "tag", "url", "seen"):
            case.body.pop(name, None)
        case.body["text"] = "月亮"
        if case.path == "/v1/match":
            case.body["photo"] = PHOTO
        if case.path == "/v1/card":
            case.body = {"photo": PHOTO, "verse": "明月几时有", "width": 320}
    return case


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_request_breaks_it_and_every_answer_is_as_described(described: Any, path: str, method: str) -> None:
    @given(case=described[path][method.upper()].as_strategy(), tame=st.booleans())
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def ask(case: schemathesis.Case, tame: bool) -> None:
        # what a schema can't say may be refused: a poet whom nobody knows, neither words nor sight
        excluded = [positive_data_acceptance]
        if tame:
            case = likely(case)
            excluded.append(negative_data_rejection)
        response = case.call_and_validate(excluded_checks=excluded)
        assert response.status_code < 500

    ask()
