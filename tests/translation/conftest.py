"""Homes with translations, and without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from translation_fakes import WORKS, build_home


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings and proxies from outside, no waiting between tries."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("IMAGE2POEM_CONFIG", "/nonexistent")
    monkeypatch.setattr("image2poem.vlm.endpoint.sleep", lambda seconds: None)


@pytest.fixture(scope="session")
def translated_home(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small corpus and a poem that its source translates. Not to be changed: copy it first."""
    return build_home(tmp_path_factory.mktemp("translated"), home / "own.jsonl", WORKS)


@pytest.fixture
def own_home(home: Path, tmp_path: Path) -> Path:
    """The small corpus without any translation, to be changed."""
    return Path(shutil.copytree(home, tmp_path / "home"))
