"""Our two questions to a VLM: what do you see, and what would you write? Its answers are checked before they count."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeVar

from PIL import Image

from image2poem.errors import SettingsError, VlmError
from image2poem.vlm import Opinion, Vlm
from image2poem.vlm.cache import Cache, key_of
from image2poem.vlm.prompts import load_prompt
from image2poem.vlm.reading import FORMS, read_description, read_lines

_QUALITY = 85
_FORM_SAYS = {
    "五言": "五言，每则上下两句，每句五个字，上句末尾用逗号，下句末尾用句号。",
    "七言": "七言，每则上下两句，每句七个字，上句末尾用逗号，下句末尾用句号。",
    "词": "词，每则一句，由长短不齐的二至四个短句组成，共十至二十四个字，短句之间用逗号，末尾用句号。",
}
_SHOWN = 60  # characters of a useless answer that its error shows
T = TypeVar("T")


class Asker:
    """Puts questions about pictures to a VLM, or to the cache of its answers."""

    def __init__(self, vlm: Vlm, cache: Cache) -> None:
        """Ask `vlm`; keep what it says in `cache`."""
        self.vlm, self._cache = vlm, cache

    def describe(self, image: Image.Image) -> str:
        """What the picture shows, in everyday Chinese of at most 80 characters.

        Raises:
            VlmError: there is no answer, or none of use.
        """
        prompt = load_prompt("describe")
        text = prompt.text()

        def read(answer: str) -> str | None:
            return read_description(answer, text)

        return self._ask(image, "describe", text, read, "no description in Chinese", fresh=False)

    def compose(self, image: Image.Image, form: str, words: str = "", fresh: bool = False) -> tuple[str, ...]:
        """Some lines of verse for the picture, none of them checked against the corpus.

        Args:
            image: the picture.
            form: 五言, 七言 or 词.
            words: what is known of it, by a person or a description.
            fresh: ask even if there is an answer from before.

        Raises:
            SettingsError: there is no such form.
            VlmError: there is no answer, or none of use.
        """
        _check_form(form)
        known = f"五、已知照片里是：{' '.join(words.split())[:200]}" if words else ""
        text = load_prompt("compose").text(form=_FORM_SAYS[form], words=known)
        bare_text = load_prompt("compose").text(form=_FORM_SAYS[form], words="")

        def read(answer: str) -> tuple[str, ...] | None:
            return read_lines(answer, form, bare_text) or None

        return self._ask(image, "compose", text, read, f"no line in the form {form}", fresh)

    def opinion(
        self,
        image: Image.Image,
        form: str,
        words: str = "",
        description: str = "",
        *,
        lines_needed: bool = False,
        fresh: bool = False,
    ) -> Opinion:
        """Both, and a sentence instead of an error where one is missing.

        Args:
            image: the picture.
            form: of the lines.
            words: the person's own about it.
            description: if there is one already, it isn't asked for.
            lines_needed: nothing instead of the error where there are no lines.
            fresh: ask for lines even if there are some from before.

        Raises:
            SettingsError: there is no such form.
            VlmError: there are no lines, and they are needed.
        """
        _check_form(form)
        lines: tuple[str, ...] = ()
        notes: list[str] = []
        try:
            description = description or self.describe(image)
        except VlmError as error:
            notes.append(str(error))
        try:
            lines = self.compose(image, form, "；".join(part for part in (words, description) if part), fresh)
        except VlmError as error:
            if lines_needed:
                raise
            notes.append(str(error))
        return Opinion(description, lines, form, notes[0] if notes else "")

    def _ask(
        self, image: Image.Image, kind: str, text: str, read: Callable[[str], T | None], missing: str, fresh: bool
    ) -> T:
        prompt = load_prompt(kind)
        jpeg = small_jpeg(image, self.vlm.side)
        key = key_of(jpeg, self.vlm.name, prompt.name, text)
        before = None if fresh else self._cache.get(key)
        if before is not None and (kept := read(before)) is not None:
            return kept
        answer = self.vlm.ask(jpeg, text, prompt.schema)
        found = read(answer)
        if found is None:
            raise VlmError(
                f"the VLM {self.vlm.name} answered {shown(answer)}, which holds {missing}; try again, or another model"
            )
        self._cache.put(key, answer)
        return found


def _check_form(form: str) -> None:
    if form not in FORMS:
        raise SettingsError(f"nothing can be composed in the form '{form}'; there are {', '.join(FORMS)}")


def shown(answer: str) -> str:
    """The beginning of an answer as a sentence may show it: nothing that a terminal obeys or that can be clicked on."""
    plain = "".join(character if character.isprintable() else " " for character in answer[:1000])
    text = " ".join(word for word in plain.split() if "://" not in word)
    return f"'{text[:_SHOWN]}{'...' if len(text) > _SHOWN else ''}'" if text else "nothing"


def small_jpeg(image: Image.Image, side: int) -> bytes:
    """The picture as a JPEG of at most `side` pixels on its longer side, with nothing but its pixels: no EXIF."""
    small = image.convert("RGB") if image.mode != "RGB" else image.copy()
    small.thumbnail((side, side))
    clean = Image.new("RGB", small.size)  # a copy would keep comments and XMP, which Pillow writes again
    clean.paste(small)
    file = io.BytesIO()
    clean.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
