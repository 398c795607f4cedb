"""Defaults < config file < environment < arguments, and one sentence for what can't be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from image2poem.errors import SettingsError
from image2poem.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def a_machine_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("IMAGE2POEM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "image2poem" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def refusal(**overrides: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(**overrides)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings == Settings()
    assert settings.size == "select"
    assert settings.home == tmp_path / "cache" / "image2poem"
    assert settings.corpus_file.parent == settings.home
    assert settings.index_dir.parent == settings.home


def test_each_source_outranks_the_one_before(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().timeout == 20
    config.write_text("timeout = 1\nthreads = 1\nmax_bytes = 1\n")
    assert load_settings().timeout == 1
    monkeypatch.setenv("IMAGE2POEM_TIMEOUT", "2")
    monkeypatch.setenv("IMAGE2POEM_THREADS", "2")
    assert load_settings().timeout == 2
    settings = load_settings(timeout=3)
    assert (settings.timeout, settings.threads, settings.max_bytes) == (3, 2, 1)


def test_an_argument_that_was_not_given_leaves_the_rest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE2POEM_TIMEOUT", "2")
    assert load_settings(timeout=None, size=None).timeout == 2


def test_the_config_file_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "my.toml"
    path.write_text('home = "/data/poems"\n', encoding="utf-8")
    monkeypatch.setenv("IMAGE2POEM_CONFIG", str(path))
    assert load_settings().home == Path("/data/poems")


def test_a_home_folder_written_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("IMAGE2POEM_HOME", "~/诗")
    assert load_settings().corpus_file.parent == tmp_path / "诗"


def test_settings_never_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().size = "full"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "huge"),
        ("threads", "-1"),
        ("threads", "many"),
        ("max_pixels", "0"),
        ("timeout", "0"),
        ("device", "gpu"),
    ],
)
def test_a_value_that_can_not_be_used(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"IMAGE2POEM_{name.upper()}", value)
    sentence = refusal()
    assert f"setting '{name}' = '{value}' can't be used" in sentence
    assert f"IMAGE2POEM_{name.upper()}" in sentence


def test_an_argument_that_can_not_be_used() -> None:
    assert "setting 'size' = 'huge' can't be used" in refusal(size="huge")


def test_an_unknown_name_in_the_config_file(config: Path) -> None:
    config.write_text("sise = 'full'\n")
    sentence = refusal()
    assert "'sise'" in sentence
    assert str(config) in sentence


def test_an_unknown_argument() -> None:
    assert "'sise'" in refusal(sise="full")


@pytest.mark.parametrize("text", ["size = \n", "size: full\n", "[size\n"])
def test_a_config_file_that_is_not_toml(config: Path, text: str) -> None:
    config.write_text(text)
    sentence = refusal()
    assert str(config) in sentence
    assert "TOML" in sentence


def test_a_config_file_in_another_encoding(config: Path) -> None:
    config.write_bytes("home = '江月'\n".encode("gb18030"))
    assert str(config) in refusal()
