"""Every error a person can meet. Each carries one sentence: what, why, and what to do about it.

The command line prints the sentence and leaves with exit code 2; programs catch `Image2PoemError`.
"""

from __future__ import annotations


class Image2PoemError(Exception):
    """Base of all errors that are for people. `str(error)` is the sentence."""


class PhotoError(Image2PoemError):
    """A photo that can't be read, or isn't one."""


class PhotoTooLargeError(PhotoError):
    """A photo with more bytes or pixels than are allowed."""


class NotAPhotoError(PhotoError):
    """Something that is no picture, or one of a kind that can't be read here."""


class CorpusError(Image2PoemError):
    """The corpus can't be fetched, read or opened."""


class IndexFileError(Image2PoemError):
    """The index is missing, damaged, or was made by another model or from another corpus."""


class ModelError(Image2PoemError):
    """A model's file is missing or damaged, or an extra that it needs isn't installed."""


class SettingsError(Image2PoemError):
    """A setting or an argument has a value that can't be used."""


class FilterError(SettingsError):
    """A filter names a dynasty, author, genre, form or tag that no verse has."""

    def __init__(self, sentence: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.suggestions = suggestions  # names like it that verses do have


class CardError(Image2PoemError):
    """A card that can't be made: no such layout or font, nothing to write on it, or no place to write it to."""


class ExtraError(Image2PoemError):
    """Something was asked for that needs an extra, and that isn't installed."""


class VlmError(Image2PoemError):
    """A vision-language model can't be reached, gives no answer, or one that is of no use."""


class RefusedError(VlmError):
    """A server that is there won't answer this very question."""


class TranslationError(Image2PoemError):
    """The file of the translations that models made is damaged, or can't be written."""
