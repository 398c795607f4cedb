"""Where translations that models made are kept."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from image2poem.errors import TranslationError
from image2poem.translation import Translation
from image2poem.translation.store import TranslationStore

MOON = "床前明月光，疑是地上霜。"


def test_there_is_no_file_before_there_is_a_translation(tmp_path: Path) -> None:
    store = TranslationStore(tmp_path / "new" / "translations.sqlite")
    assert store.all() == [] and store.latest([MOON]) == {} and store.keys() == set()
    store.add({}, "m", "translate-1")
    assert list(tmp_path.iterdir()) == []
    store.add({MOON: "月光照在床前。"}, "m", "translate-1")
    assert [path.name for path in store.path.parent.iterdir()] == ["translations.sqlite"]


def test_a_translation_belongs_to_the_characters_whatever_the_marks(tmp_path: Path) -> None:
    store = TranslationStore(tmp_path / "t.sqlite")
    store.add({MOON: "月光照在床前。"}, "m", "translate-1")
    other = "床前明月光！疑是地上霜"
    assert store.latest([other, "别的。"]) == {other: Translation("月光照在床前。", "m", made=True)}


def test_each_model_has_its_own_and_the_latest_is_shown(tmp_path: Path) -> None:
    store = TranslationStore(tmp_path / "t.sqlite")
    store.add({MOON: "一。", "春眠不觉晓。": "二。"}, "small", "translate-1")
    store.add({MOON: "三。"}, "large", "translate-1")
    assert store.latest([MOON])[MOON].by == "large" and len(store.all()) == 3
    assert len(store.keys()) == len(store.keys("small")) == 2 and len(store.keys("large")) == 1
    store.add({MOON: "四。"}, "large", "translate-1")
    assert len(store.all()) == 3 and store.latest([MOON])[MOON].text == "四。"


def test_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    store = TranslationStore(tmp_path / "t.sqlite")
    store.add({"春眠不觉晓。": "一。"}, "m", "translate-1")
    with pytest.raises(TranslationError):
        store.add({MOON: "二。", "处处闻啼鸟。": None}, "m", "translate-1")  # type: ignore[dict-item]
    assert [text for _, text in store.all()] == ["一。"]


def test_a_file_that_a_killed_process_left_empty_is_as_none(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    path.touch()
    assert TranslationStore(path).all() == []
    TranslationStore(path).add({MOON: "一。"}, "m", "translate-1")
    assert len(TranslationStore(path).all()) == 1


@pytest.mark.parametrize("damage", ["bytes", "half", "foreign", "newer"])
def test_a_damaged_file_gets_one_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "translations.sqlite"
    store = TranslationStore(path)
    store.add({f"床前明月光{chr(0x4E00 + i)}。": "月光照在床前。" * 20 for i in range(500)}, "m", "translate-1")
    if damage == "bytes":
        path.write_bytes(b"no database at all, by no means" * 100)
    elif damage == "half":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        path.unlink() if damage == "foreign" else None
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE notes(x)" if damage == "foreign" else "PRAGMA user_version = 99")
    for act in (store.all, lambda: store.latest([MOON]), lambda: store.add({MOON: "一。"}, "m", "translate-1")):
        with pytest.raises(TranslationError, match=r"translations\.sqlite[^\n]*; [^\n]*image2poem") as caught:
            act()
        assert "\n" not in str(caught.value)


def test_a_file_in_use_is_waited_for_and_then_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TranslationStore(tmp_path / "t.sqlite")
    store.add({MOON: "一。"}, "m", "translate-1")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **more: connect(*a, **more, timeout=0.05))
    with sqlite3.connect(store.path, isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        assert len(store.all()) == 1  # reading goes on
        with pytest.raises(TranslationError, match="another process; wait"):
            store.add({MOON: "二。"}, "m", "translate-1")
        database.execute("ROLLBACK")
