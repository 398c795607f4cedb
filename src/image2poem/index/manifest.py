"""What an index folder says about itself. An index exists when, and only when, its manifest does.

<folder>/manifest.json     names the build that counts, and every file of it with size and SHA-256
<folder>/<build>/          the files; <build> is a hash of the model and of every verse's text
<folder>/lock              held while somebody builds
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from image2poem.errors import IndexFileError

FORMAT = 1
NAME = "manifest.json"
COMMAND = "image2poem index"  # what builds an index
REBUILD = f"build it again with `{COMMAND}`"


@dataclass(frozen=True, slots=True)
class File:
    """Size in bytes and SHA-256 of one file of a build."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which model, which corpus, how many verses, and the files that hold them."""

    format: int
    model_id: str
    dimension: int
    count: int
    corpus_id: str
    build: str
    files: Mapping[str, File]


def index_folder(index_dir: Path, model_id: str, size: str) -> Path:
    """Where the index of a model and a size (`select`, `full`) lies; several may lie side by side."""
    name = re.sub(r"[^\w.-]+", "_", model_id)
    if name != model_id or len(name) > 80:
        name = f"{name[-60:]}-{hashlib.sha256(model_id.encode()).hexdigest()[:8]}"
    return index_dir / f"{name}-{size}"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the index in `folder`.

    Raises:
        IndexFileError: there is none, it is damaged, or another version of the program wrote it.
    """
    try:
        content = json.loads((folder / NAME).read_text("utf-8"))
        claimed = content.pop("checksum")
        if content["format"] == FORMAT:
            if claimed != _checksum(content):
                raise ValueError("checksum")
            return Manifest(**{**content, "files": {name: File(**file) for name, file in content["files"].items()}})
        version = content["format"]
    except (FileNotFoundError, NotADirectoryError):
        raise IndexFileError(f"there is no index in {folder} yet; build it with `{COMMAND}`") from None
    except OSError as error:
        raise IndexFileError(
            f"the index in {folder} can't be read ({error.strerror}); make it readable or {REBUILD}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IndexFileError(f"the index in {folder} is damaged (its {NAME}); {REBUILD}") from None
    raise IndexFileError(f"the index in {folder} has format {version}, this program reads {FORMAT}; {REBUILD}")


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest in place, whole: from this moment the folder's index is the one that it names."""
    content = asdict(manifest)
    write_whole(folder / NAME, json.dumps(content | {"checksum": _checksum(content)}, indent=1).encode())


def damage(path: Path, file: File, whole: bool) -> str | None:
    """What is wrong with one file of a build, or None; `whole` reads all of it, otherwise only its size counts."""
    try:
        size = path.stat().st_size
        if size != file.size:
            return f"{path.name} has {size} bytes instead of {file.size}"
        if whole and sha256(path) != file.sha256:
            return f"{path.name} has changed"
    except FileNotFoundError:
        return f"{path.name} is gone"
    except OSError as error:
        return f"{path.name} can't be read: {error.strerror}"
    return None


def verify(folder: Path) -> Manifest:
    """Read every byte of the index in `folder` and compare it with the manifest (about a second per GB).

    Raises:
        IndexFileError: something is missing or damaged.
    """
    manifest = read_manifest(folder)
    for name, file in manifest.files.items():
        if problem := damage(folder / manifest.build / name, file, whole=True):
            raise IndexFileError(f"the index in {folder} is damaged ({problem}); {REBUILD}")
    return manifest


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that its name never stands for half of it, even if the machine stops."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # the new name too must reach the disk; not every file system can be asked for it
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _checksum(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
