"""The bench of cards runs to the end and tells what it counted."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from card_photos import VERSES, day
from PIL import Image

from evaluation import cards
from image2poem.card import LAYOUTS, make_card


def test_it_prints_a_row_for_each_layout_and_a_sheet_to_look_at(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    day().save(tmp_path / "day.png")
    monkeypatch.setenv("IMAGE2POEM_HOME", str(home))
    monkeypatch.setattr(cards, "LARGE", 200_000)
    monkeypatch.setattr(cards, "WIDTH", 400)
    arguments = [str(tmp_path / "day.png"), "--cards", str(len(LAYOUTS)), "--sheet", str(tmp_path / "sheet.png")]
    monkeypatch.setattr(sys, "argv", ["cards", *arguments])
    cards.main()
    printed = capsys.readouterr().out
    for layout in LAYOUTS:
        assert f"\n| {layout} | 1 | " in printed
    assert "the serif lacks 0 of" in printed
    assert Image.open(tmp_path / "sheet.png").size == (5 * 410, 2 * 410)


def test_what_is_out_of_place_is_counted() -> None:
    card = make_card(day(), *VERSES["five"], width=400)
    assert cards.misplaced(card) == 0
    first, second, *rest = card.sheet.glyphs
    over = replace(card, sheet=replace(card.sheet, glyphs=(first, replace(second, y=first.y + 1), *rest)))
    assert cards.misplaced(over) >= 1
    away = replace(card, sheet=replace(card.sheet, glyphs=(replace(first, x=-50.0), second, *rest)))
    assert cards.misplaced(away) >= 1
