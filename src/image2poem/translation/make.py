"""A language model translates verses, batch by batch; each batch is kept when it comes, so that little is ever lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from image2poem.errors import RefusedError, VlmError
from image2poem.model import Verse
from image2poem.translation.batch import answer_schema, most_tokens, question
from image2poem.translation.reading import read_translations
from image2poem.translation.store import TranslationStore
from image2poem.vlm.asking import shown
from image2poem.vlm.prompts import load_prompt

if TYPE_CHECKING:
    from image2poem.vlm.endpoint import EndpointVlm

_USELESS = 3  # batches in a row without one translation: then it is the model that doesn't fit


@dataclass(frozen=True, slots=True)
class Made:
    """How a translating went."""

    count: int  # translations that were made
    skipped: tuple[Verse, ...]  # verses of which no translation was had in two questions


def translate(
    batches: Sequence[Sequence[Verse]],
    endpoint: EndpointVlm,
    store: TranslationStore,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Made:
    """Have all batches translated. What is missing or wrong in an answer is asked for once more, then skipped.

    A question that the server refuses, as some do for a word they fear, is skipped as well.

    Args:
        batches: verses to translate, together as one question each.
        endpoint: the model.
        store: where translations are kept, each answer's when it comes.
        progress: called with (verses done, all).

    Raises:
        VlmError: the model doesn't answer, or three times in a row, or at all, with nothing of use; says how many are kept.
        TranslationError: the store is damaged or can't be written.
    """
    total, done, made, useless = sum(map(len, batches)), 0, 0, 0
    skipped: list[Verse] = []
    why = ""  # the last question brought nothing
    progress(0, total)
    for batch in batches:
        left = list(batch)
        for _ in range(2):
            try:
                answer = endpoint.ask(None, question(left), answer_schema(left), most_tokens(left))
            except RefusedError as error:
                why = str(error)
                break
            except VlmError as error:
                raise VlmError(f"{error}; {_kept(made, total)}") from None
            found = read_translations(answer, [verse.text for verse in left])
            good = {verse.text: text for verse, text in zip(left, found, strict=True) if text}
            store.add(good, endpoint.model, load_prompt("translate").name)
            made += len(good)
            left = [verse for verse in left if verse.text not in good]
            if not left:
                break
            why = f"the model {endpoint.name} answered {shown(answer)}, which holds no translation; try another model"
        useless = useless + 1 if len(left) == len(batch) else 0
        if useless == _USELESS:
            raise VlmError(f"{_USELESS} questions in a row brought nothing: {why}; {_kept(made, total)}")
        skipped += left
        done += len(batch)
        progress(done, total)
    if skipped and not made:
        raise VlmError(f"nothing was translated: {why}")
    return Made(made, tuple(skipped))


def _kept(made: int, total: int) -> str:
    return (
        f"{made} of {total} translations are made and kept: the same command goes on from there, and `image2poem index` "
        "has them searched as they are"
    )
