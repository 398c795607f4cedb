"""One Settings object: defaults < config file < environment < arguments.

The config file is TOML at `$IMAGE2POEM_CONFIG`, or `~/.config/image2poem/config.toml`; the environment says
`IMAGE2POEM_HOME=/data/poems`, and so on for each field.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from image2poem.errors import SettingsError

_SECRET = re.compile(r"key|token|secret|password", re.IGNORECASE)  # also misspelt: what is under it isn't shown


def _config_file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(os.environ.get("IMAGE2POEM_CONFIG") or Path(base) / "image2poem" / "config.toml").expanduser()


def _home() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "image2poem"


class Settings(BaseSettings):
    """Where things are and how many to use. Immutable."""

    model_config = SettingsConfigDict(env_prefix="IMAGE2POEM_", frozen=True, extra="forbid")

    home: Path = Field(default_factory=_home, description="folder that holds the corpus and the indexes")
    size: Literal["select", "full"] = Field(default="select", description="which verses have vectors")
    text_encoder: str = Field(default="builtin", description="the built-in one, a folder, or a name of the hub")
    image_encoder: str = Field(default="builtin", description="likewise")
    reranker: str = Field(default="builtin", description="likewise; none: the first verses are not read again")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(default="auto", description="where models of the hub run")
    context: bool = Field(default=True, description="use when and where a photo says it was taken")
    threads: int = Field(default=0, ge=0, description="threads a model may use; 0: one for each core")
    max_pixels: int = Field(default=100_000_000, gt=0, description="larger pictures are refused")
    max_bytes: int = Field(default=64_000_000, gt=0, description="larger files are refused")
    timeout: float = Field(default=20.0, gt=0, description="seconds to wait for a photo's URL")
    vlm: str = Field(default="", description="a vision-language model in this process: its Hugging Face name or folder")
    vlm_preset: Literal["", "ollama", "vllm", "dashscope", "siliconflow", "zhipu", "openai"] = Field(
        default="", description="or the server of one, by name"
    )
    vlm_base_url: str = Field(default="", description="or any server of the OpenAI protocol: http://localhost:8000/v1")
    vlm_model: str = Field(default="", description="which model the server shall use; a preset has one of its own")
    vlm_api_key: SecretStr = Field(default=SecretStr(""), description="the server's key")
    vlm_timeout: float = Field(default=120.0, gt=0, description="seconds to wait for its answer, all tries together")

    serve_workers: int = Field(default=0, ge=0, description="photos matched at a time by the server; 0: one a core")
    serve_queue: int = Field(default=64, ge=0, description="requests that may wait for that; more are sent away (503)")
    serve_timeout: float = Field(default=30.0, gt=0, description="seconds after which the server gives a request up")
    serve_rate: int = Field(default=120, ge=0, description="requests a minute that one client may make; 0: any number")
    serve_api_key: SecretStr | None = Field(default=None, description="what clients must send as a bearer token")
    serve_cors: tuple[str, ...] = Field(default=(), description="origins whose pages may use the server: https://a.org")
    serve_fetch: bool = Field(default=False, description="whether clients may name a photo by its URL")

    @property
    def has_vlm(self) -> bool:
        """Whether a VLM is set up."""
        return bool(self.vlm or self.vlm_preset or self.vlm_base_url)

    @property
    def corpus_file(self) -> Path:
        """The SQLite file of poems and verses."""
        return self.home.expanduser() / "corpus.sqlite"

    @property
    def index_dir(self) -> Path:
        """Folder of the vectors and the lexical index."""
        return self.home.expanduser() / "index"

    @property
    def translations_file(self) -> Path:
        """The SQLite file of the translations that models made."""
        return self.home.expanduser() / "translations.sqlite"

    @property
    def cache_dir(self) -> Path:
        """Folder of what was asked before."""
        return self.home.expanduser() / "cache"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments over environment over config file; no .env, no secrets folder."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _config_file()))


def load_settings(**overrides: object) -> Settings:
    """Settings with what the caller gave on top (None: not given).

    Raises:
        SettingsError: a value can't be used, or the config file isn't TOML.
    """
    try:
        return Settings(**{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "settings"
        given = "" if _SECRET.search(name) else f" = {first.get('input')!r}"
        raise SettingsError(
            f"setting '{name}'{given} can't be used ({first['msg']}); "
            f"correct it in IMAGE2POEM_{name.upper()}, in {_config_file()} or on the command line"
        ) from None
    except (OSError, ValueError) as error:  # closed to us, or no TOML
        raise SettingsError(f"{_config_file()} can't be read as TOML ({error}); correct or remove it") from None
