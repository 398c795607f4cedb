"""Vision-language models (VLM): what they see in a photo and the lines that they write for it.

`load_vlm` opens the one that the settings name: an endpoint of the OpenAI protocol (`endpoint`) or a Hugging Face model
in this process (`local`). `asking` puts our two prompts to it and reads its answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import SecretStr

from image2poem.errors import SettingsError
from image2poem.settings import Settings
from image2poem.vlm.presets import PRESETS

if TYPE_CHECKING:
    from image2poem.vlm.endpoint import EndpointVlm

_HOW = (
    "no VLM is set up; the quickest is Ollama (https://ollama.com): `ollama pull qwen2.5vl:3b`, then set "
    "IMAGE2POEM_VLM_PRESET=ollama; docs/vlm.md tells the others (vllm, dashscope, siliconflow, zhipu, openai, any "
    "IMAGE2POEM_VLM_BASE_URL, or a model in this process by IMAGE2POEM_VLM)"
)


class Vlm(Protocol):
    """A model that looks at a picture and answers in words."""

    @property
    def name(self) -> str:
        """Says which model it is: answers of two names are never mixed up."""

    @property
    def side(self) -> int:
        """Pixels on a picture's longer side that it has use for."""

    def ask(self, jpeg: bytes, text: str, schema: Mapping[str, Any]) -> str:
        """Its answer to a picture and a text; JSON of that schema if it is able to.

        Raises:
            VlmError: there is no answer.
        """


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a VLM made of a photo, as far as it answered."""

    description: str = ""  # empty if it gave none
    lines: tuple[str, ...] = ()  # of verse, not yet looked up
    form: str = ""  # of the lines
    note: str = ""  # why something is missing; empty if nothing is


def load_vlm(settings: Settings) -> Vlm:
    """The VLM that the settings name; an endpoint isn't called yet.

    Raises:
        SettingsError: none is named, or two.
        ModelError: the extra that it needs isn't installed.
    """
    endpoint = settings.vlm_preset or settings.vlm_base_url
    if settings.vlm and endpoint:
        raise SettingsError(
            "both a local VLM (vlm) and an endpoint (vlm_preset or vlm_base_url) are set; leave one of them out"
        )
    if settings.vlm:
        from image2poem.vlm.local import LocalVlm

        return LocalVlm(settings)
    if endpoint:
        return load_endpoint(settings)
    raise SettingsError(_HOW)


def aimed(settings: Settings, url: str | None, model: str | None) -> Settings:
    """The settings with another server, or another model of it; the key goes to no server but the one it was set for.

    Args:
        settings: may name a server already.
        url: of a server of the OpenAI protocol; None: the one of the settings.
        model: that it shall use; None: the one of the settings, if the server is theirs.
    """
    named = settings.vlm_base_url or (PRESETS[settings.vlm_preset].base_url if settings.vlm_preset else "")
    changed: dict[str, object] = {"vlm_model": model} if model else {}
    if url and url.rstrip("/") != named.rstrip("/"):
        changed |= {"vlm_base_url": url, "vlm_preset": "", "vlm_model": model or ""}
        if named:
            changed["vlm_api_key"] = SecretStr("")
    return settings.model_copy(update=changed)


def load_endpoint(settings: Settings) -> EndpointVlm:
    """The server that the settings name, which answers texts as well; it isn't called yet.

    Raises:
        SettingsError: none is named.
        ModelError: the extra that it needs isn't installed.
    """
    if not (settings.vlm_preset or settings.vlm_base_url):
        raise SettingsError(
            "no server of a language model is set up; the quickest is Ollama (https://ollama.com): `ollama pull "
            "qwen2.5vl:3b`, then set IMAGE2POEM_VLM_PRESET=ollama; docs/vlm.md tells the others"
        )
    from image2poem.vlm.endpoint import EndpointVlm

    return EndpointVlm(settings)
