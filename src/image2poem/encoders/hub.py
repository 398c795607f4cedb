"""Models of the Hugging Face hub: from a name or a folder to a whole folder on this machine, and the id of its space.

Nothing here imports torch; `hub_text` and `hub_image` open what was found. The network is used only for a name of the
hub ("BAAI/bge-base-zh-v1.5"), never for a folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from image2poem.errors import ModelError

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_SMALL = ("*.json", "*.txt", "*.model")  # settings, vocabularies
_TEMPLATES = ("*.jinja",)  # how a model that answers wants to be asked
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")  # the first that a folder has; other formats are never fetched
_OTHER = ["onnx/*", "openvino/*", "checkpoint-*/*"]
_LIMIT = 200  # characters of somebody else's error that a sentence repeats


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model's files on this machine, and the setting that asked for it."""

    setting: str  # text_encoder, image_encoder, vlm
    name: str  # as the person wrote it
    folder: Path
    short: str  # without owner or folders: bge-base-zh-v1.5

    def error(self, reason: str, remedy: str = "choose another; docs/hub.md names some") -> ModelError:
        """The sentence for a model that can't be used."""
        return refusal(self.setting, self.name, reason, remedy)


def refusal(setting: str, value: str, reason: str, remedy: str) -> ModelError:
    """One sentence: the setting, why it can't be used, what to do."""
    return ModelError(f"setting '{setting}' = '{value}' can't be used: {reason}; {remedy}")


def find_model(name: str, setting: str, packages: tuple[str, ...], install: str = "hub") -> HubModel:
    """The model called `name`, fetched if it is a name of the hub and not all here yet.

    Args:
        name: a folder that holds a model, or a name of the hub: owner/model.
        setting: which setting names it.
        packages: what the extra brings to open it; nothing is fetched without.
        install: the extra.

    Raises:
        ModelError: there is no such folder, no such model, no way to fetch it, or the extra isn't installed.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not any((folder / file).is_file() for file in ("modules.json", "config.json")):
            reason = "the folder holds no model (no card.json of Image2Poem, no modules.json or config.json of the hub)"
            raise refusal(setting, name, reason, "name a folder that does, or a model of the hub")
    elif not _NAME.fullmatch(name):
        reason = "there is no such folder, and names on the hub read owner/model"
        raise refusal(setting, name, reason, "correct it, or leave it out for the built-in model")
    if missing := [package for package in packages if find_spec(package) is None]:
        reason = f"models of the hub need {' and '.join(missing)}, which isn't installed"
        raise refusal(setting, name, reason, f"pip install 'image2poem[{install}]'")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when huggingface_hub is imported
    if folder.is_dir():
        return HubModel(setting, name, folder, folder.resolve().name)
    return HubModel(setting, name, _fetch(name, setting), name.split("/")[1])


def _fetch(name: str, setting: str) -> Path:
    """Where the model lies: as it was fetched before, if it is known to be whole, without asking the hub; else fetched."""
    from huggingface_hub import errors, get_cached_repo_tree

    try:
        with suppress(errors.CachedRepoTreeNotFoundError, errors.LocalEntryNotFoundError):
            get_cached_repo_tree(name)  # without this list of its files nobody knows whether one is missing
            return _snapshot(name, local_files_only=True)
        return _snapshot(name, local_files_only=False)
    except errors.GatedRepoError:
        remedy = f"accept its terms at https://huggingface.co/{name}, then log in with `hf auth login`"
        raise refusal(setting, name, "its owner asks for consent", remedy) from None
    except errors.RepositoryNotFoundError:
        reason = "the hub has no such model, or it is a private one"
        raise refusal(setting, name, reason, "correct the name, or log in with `hf auth login`") from None
    except errors.LocalEntryNotFoundError as error:
        cause = f" ({said(error.__cause__)})" if error.__cause__ else ""
        reason = f"it isn't whole on this machine and the hub can't be reached{cause}"
        raise refusal(setting, name, reason, "go online once, or name a folder that holds the model") from None
    except Exception as error:  # the hub's other errors share no base, nor do those of its HTTP library
        reason = f"it can't be fetched ({said(error)})"
        raise refusal(setting, name, reason, "correct the name, or try again later") from None


def _snapshot(name: str, local_files_only: bool) -> Path:
    from huggingface_hub import snapshot_download

    options: dict[str, Any] = {"ignore_patterns": _OTHER, "local_files_only": local_files_only}
    folder = Path(snapshot_download(name, allow_patterns=[*_SMALL, *_TEMPLATES, _WEIGHTS[0]], **options))
    bare = [part.relative_to(folder) / _WEIGHTS[1] for part in _parts(folder) if not any(part.glob(_WEIGHTS[0]))]
    if bare:
        patterns = [*_SMALL, *(path.as_posix() for path in bare)]
        snapshot_download(name, revision=folder.name, allow_patterns=patterns, **options)
    return folder


def space_id(model: HubModel, extra: str = "") -> str:
    """Names the space of a model by its name and by what its files hold.

    A digest rather than a revision: the hub's revision changes with every word of a README, and a folder has none.

    Args:
        model: the files.
        extra: whatever else decides what a vector is.
    """
    digest = hashlib.sha256(extra.encode())
    for path in sorted(_files(model.folder)):
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{path.relative_to(model.folder).as_posix()} {content}\n".encode())
    return f"{model.short}-{digest.hexdigest()[:12]}"


def _files(folder: Path) -> Iterator[Path]:
    """What decides a model's vectors: settings, vocabularies and weights."""
    for part in _parts(folder):
        for pattern in _SMALL:
            yield from part.glob(pattern)
        yield from next(filter(None, (list(part.glob(pattern)) for pattern in _WEIGHTS)), [])


def _parts(folder: Path) -> list[Path]:
    """A model's folder, and those of the modules that a sentence-transformers model is made of."""
    try:
        modules = json.loads((folder / "modules.json").read_text("utf-8"))
        inner = [folder / module["path"] for module in modules if module["path"]]
    except (OSError, ValueError, KeyError, TypeError):
        inner = []
    below = [path for part in inner for path in part.rglob("*") if path.is_dir()]
    return [folder, *inner, *below]


@contextmanager
def opening(model: HubModel, kind: str) -> Iterator[None]:
    """Import and open here: without the libraries' tables and bars, and what goes wrong becomes a sentence.

    Args:
        model: what is opened.
        kind: what it should be, for the sentence.
    """
    try:
        with _quiet():
            yield
    except ModelError:
        raise
    except ImportError as error:
        remedy = "install what it names, or pip install --upgrade sentence-transformers transformers torch"
        raise model.error(f"what opens it can't be imported ({said(error)})", remedy) from None
    except Exception as error:  # whatever a damaged or unusual model makes torch and transformers raise
        reason = f"it can't be opened as {kind} ({said(error)})"
        if "trust_remote_code" in str(error):
            reason = "it comes with a program of its own, and those are not run here"
        raise model.error(reason) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """No tables of weights and no bars from transformers, whose state is put back afterwards."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def said(error: BaseException) -> str:
    """The first sentence of an error that wasn't written for people."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return first if len(first) <= _LIMIT else first[:_LIMIT].rstrip() + "…"


def pick_device(device: str, threads: int) -> str:
    """The device that torch shall use.

    Args:
        device: `auto` (the graphics processor if there is one), cpu, cuda or mps.
        threads: of the CPU; 0 leaves it to torch.

    Raises:
        ModelError: torch doesn't see that device.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        remedy = "set it to auto or cpu, or install the build of torch for your machine"
        raise refusal("device", device, f"torch can't use it ({said(error)})", remedy) from None
    return device
