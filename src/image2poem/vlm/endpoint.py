"""A VLM behind a server of the OpenAI protocol, asked through the `openai` package.

A picture leaves this machine as it comes here: small, and without EXIF. The key goes into one header and nowhere else.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from image2poem.errors import ModelError, RefusedError, SettingsError, VlmError
from image2poem.settings import Settings
from image2poem.vlm.presets import PRESETS, SIDE

if TYPE_CHECKING:
    from openai import OpenAI

_TRIES = 4
_FIRST_WAIT = 0.5  # seconds, doubled from try to try
_LONGEST_ANSWER = 1_000_000  # bytes; ours are some hundred
_MOST_TOKENS = 1500  # room for a model that thinks aloud first
_REST = 30.0  # seconds in which a server that didn't answer isn't asked again
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f]+")


class _UnreadableError(Exception):
    """The answer broke off or isn't of the protocol."""


class EndpointVlm:
    """Asks one model of one server. May be shared between threads."""

    def __init__(self, settings: Settings) -> None:
        """Use the preset, or the base URL and model, of the settings.

        Raises:
            SettingsError: a key or a model isn't given, or the address holds a secret.
            ModelError: the package `openai` isn't installed.
        """
        preset = PRESETS.get(settings.vlm_preset)
        self._url = settings.vlm_base_url or (preset.base_url if preset else "")
        self._model = settings.vlm_model or (preset.model if preset else "")
        self._side = preset.side if preset else SIDE
        self._key = settings.vlm_api_key.get_secret_value()
        self._timeout = settings.vlm_timeout
        self._preset = settings.vlm_preset
        if not re.fullmatch(r"https?://[^\s/?#@]+[^\s?#@]*", self._url):
            raise SettingsError(
                "setting 'vlm_base_url' can't be used; it must be like http://localhost:8000/v1, and a key goes into "
                "IMAGE2POEM_VLM_API_KEY"
            )
        if not self._model:
            raise SettingsError(f"which model shall {self._url} use? Name it by IMAGE2POEM_VLM_MODEL")
        if not re.fullmatch(r"[!-~]*", self._key):  # its text is not in the sentence: it's a secret all the same
            raise SettingsError(
                "setting 'vlm_api_key' can't be used; a key has no spaces and no characters beyond ASCII"
            )
        if preset and preset.needs_key and not self._key and self._url == preset.base_url:
            raise SettingsError(f"{settings.vlm_preset} wants a key; set IMAGE2POEM_VLM_API_KEY")
        self._client = self._open()
        self._options = 0  # how many of the optional parameters the server does without
        self._down_until, self._down = 0.0, ""

    def __repr__(self) -> str:
        return f"EndpointVlm({self.name!r})"

    @property
    def name(self) -> str:
        """The model, and where it is."""
        return f"{self._model} at {self._url}"

    @property
    def model(self) -> str:
        """The model alone, as the server calls it."""
        return self._model

    @property
    def side(self) -> int:
        """Pixels on a picture's longer side that it has use for."""
        return self._side

    def _open(self) -> OpenAI:
        try:
            from openai import Omit, OpenAI
        except ImportError:
            raise ModelError('a VLM behind a server needs: pip install "image2poem[vlm]"') from None
        # what the package finds in OPENAI_... is for another server, maybe: it gets a key, and none of the other headers;
        # and no connection is kept open, since a server that broke one off would spoil the next try
        headers: dict[str, Any] = {
            "OpenAI-Organization": Omit(),
            "OpenAI-Project": Omit(),
            "Connection": "close",
        }
        return OpenAI(base_url=self._url, api_key=self._key or "none", max_retries=0, default_headers=headers)

    def ask(self, jpeg: bytes | None, text: str, schema: Mapping[str, Any], most_tokens: int = _MOST_TOKENS) -> str:
        """Its answer to a picture and a text, or to a text alone.

        Too many requests, errors of the server, and answers that break off are tried again, ever later, as long as
        there is time; `Retry-After` is heeded. A server that can't be reached is left alone for half a minute.

        Args:
            jpeg: the picture; None: there is none.
            text: the question.
            schema: JSON schema of the answer.
            most_tokens: of the answer, what a model thinks aloud included.

        Raises:
            VlmError: there is no answer; says why, and what to do. A `RefusedError` where another question may have one.
        """
        if monotonic() < self._down_until:
            raise VlmError(self._down)
        deadline = monotonic() + self._timeout
        pauses = [_FIRST_WAIT * 2**i for i in range(_TRIES - 1)]
        while True:
            try:
                return self._without_key(self._try(_content_of(jpeg, text), schema, most_tokens, deadline))
            except Exception as error:  # the package's own, its HTTP library's, and whatever a server can provoke
                pause = max(pauses.pop(0), _retry_after(error)) if pauses and _passing(error) else math.inf
                if monotonic() + pause >= deadline:
                    raise self._explained(error) from None
                if _unreachable(error):
                    pauses.clear()  # one more try is enough
            sleep(pause)

    def _try(
        self, content: str | list[dict[str, Any]], schema: Mapping[str, Any], most_tokens: int, deadline: float
    ) -> str:
        """One try; a server that knows no schema, or no limit of tokens, is asked again without."""
        import openai

        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
        options: list[dict[str, Any]] = [
            {"response_format": form, "max_tokens": most_tokens},
            {"max_tokens": most_tokens},
            {},
        ]
        for level in range(self._options, len(options)):
            try:
                answer = self._once([{"role": "user", "content": content}], options[level], deadline)
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                if level == len(options) - 1:
                    raise
            else:
                self._options = level
                return answer
        raise AssertionError("there is always a last level")

    def _once(self, messages: list[dict[str, Any]], options: Mapping[str, Any], deadline: float) -> str:
        create: Any = self._client.chat.completions.with_streaming_response.create
        left = max(deadline - monotonic(), 0.1)
        with create(model=self._model, messages=messages, timeout=left, **options) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _LONGEST_ANSWER:
                    raise VlmError(
                        f"the VLM {self.name} answered with more than {_LONGEST_ANSWER:,} bytes; try another model"
                    )
                if monotonic() > deadline:
                    raise TimeoutError
            return _content(bytes(body), response.headers.get("content-type", "no type"))

    def _explained(self, error: Exception) -> VlmError:
        """The sentence for the person; a server that is down is remembered."""
        if isinstance(error, VlmError):
            return error
        down, status = False, getattr(error, "status_code", 0)
        if _timed_out(error):
            reason, remedy = (
                f"gave no answer in {self._timeout:g} seconds",
                "try again, or raise IMAGE2POEM_VLM_TIMEOUT",
            )
            down = True
        elif _unreachable(error):
            reason, remedy = "can't be reached", "check the address and the network"
            if self._preset == "ollama":
                remedy = "start it with `ollama serve`"
            down = True
        elif status in (401, 403):
            reason, remedy, down = "refuses the key", "check IMAGE2POEM_VLM_API_KEY", True
        elif status == 404:
            remedy = (
                f"`ollama pull {self._model}`"
                if self._preset == "ollama"
                else "check the address and IMAGE2POEM_VLM_MODEL"
            )
            reason = "isn't there"
        elif status == 429:
            reason, remedy = "has had too many requests", "wait a while, or check what your account allows"
        elif status:
            reason, remedy = f"answered {status}", "try again later, or another model"
        else:
            reason, remedy = "gave an answer that can't be read", "check that the address is right (most end on /v1)"
        if status not in (401, 403) and (detail := self._detail(error)):  # which repeat the key, or a part of it
            reason += f" ({detail})"
        kind = RefusedError if status in (400, 413, 422) else VlmError
        explained = kind(f"the VLM {self.name} {reason}; {remedy}")
        if down:
            self._down_until, self._down = monotonic() + _REST, str(explained)
        return explained

    def _detail(self, error: Exception) -> str:
        """What the server itself says, in one short line and without the key, should it repeat that."""
        if isinstance(error, _UnreadableError):
            said = str(error)
        else:
            body = getattr(error, "body", None)
            said = str(body.get("message") or "") if isinstance(body, dict) else ""
        return _CONTROL.sub(" ", self._without_key(said)).strip()[:120]

    def _without_key(self, said: str) -> str:
        return said.replace(self._key, "***") if self._key else said


def _content_of(jpeg: bytes | None, text: str) -> str | list[dict[str, Any]]:
    """A message; without a picture it is a plain text, since servers of text models know no parts."""
    if jpeg is None:
        return text
    url = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
    return [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": text}]


def _content(body: bytes, kind: str) -> str:
    """The text of a chat completion, whatever type its server calls it."""
    try:
        message = json.loads(body)["choices"][0]["message"]
        content = message.get("content") or message.get("refusal") or ""
        if isinstance(content, list):  # in parts
            content = "".join(str(part.get("text") or "") for part in content)
        return str(content)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _UnreadableError(kind if "json" not in kind else "JSON cut short or of another form") from None


def _passing(error: Exception) -> bool:
    """Whether it may go better the next time."""
    if isinstance(error, VlmError) or _timed_out(error):
        return False
    status = getattr(error, "status_code", 0)
    return not status or status in (408, 409, 425, 429) or status >= 500


def _timed_out(error: Exception) -> bool:
    return "timeout" in type(error).__name__.lower()  # three libraries have one each


def _unreachable(error: Exception) -> bool:
    import openai

    return isinstance(error, openai.APIConnectionError)


def _retry_after(error: Exception) -> float:
    """Seconds that the server asks to wait, 0 if it doesn't."""
    try:
        return float(error.response.headers.get("retry-after", 0))  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return 0.0
