"""The web page and the HTTP API: one FastAPI application over one shared matcher.

`create_app` makes it, `run` serves it (`image2poem serve`). Needs the extra `web`.
"""

from __future__ import annotations

from image2poem.errors import ExtraError

try:
    from image2poem.serve.app import create_app
    from image2poem.serve.listen import run
except ModuleNotFoundError as error:
    if error.name is None or error.name.startswith("image2poem"):
        raise
    raise ExtraError(f"the server needs {error.name}; install it with: pip install 'image2poem[web]'") from None

__all__ = ["create_app", "run"]
