"""ImageToPoem: the way of a photo through the house, from top to bottom."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from image2poem import index
from image2poem.compose.verify import verify
from image2poem.context import read_context
from image2poem.corpus import Corpus, Facets, Filters, Progress, mask, open_corpus
from image2poem.corpus.convert import simplify_verse
from image2poem.encoders import ImageEncoder, TextEncoder, load_image_encoder, load_text_encoder
from image2poem.errors import IndexFileError
from image2poem.index import translations as translations_index
from image2poem.index.glosses import Glosses, load_glosses
from image2poem.index.manifest import COMMAND, NAME
from image2poem.model import Imagery, Match, Matches, Origin, Photo, Sight, Verse
from image2poem.photo import load_photo
from image2poem.rerank import Reranker, load_reranker
from image2poem.retrieval import diversity, fusion, guests, naming, occasions, reranking, routes
from image2poem.retrieval.matches import match_of
from image2poem.settings import Settings, load_settings
from image2poem.sight import Seer, zeroshot
from image2poem.sight.builtin import BuiltinSeer, ImageryScale, load_imagery, load_usual_chances, load_worth
from image2poem.sight.lexicon import Lexicon, load_lexicon
from image2poem.translation import known
from image2poem.translation.store import TranslationStore
from image2poem.vlm import Opinion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from image2poem.index import TranslationIndex, VectorIndex
    from image2poem.translation.make import Made
    from image2poem.vlm.asking import Asker
    from image2poem.vlm.endpoint import EndpointVlm

SIDE = 640  # pixels on a photo's longer side that sight has use for
DESCRIBED = 0.9  # the chance of a term that a description mentions
UNTOLD = 0.5  # what is left of the chance of a term that it doesn't; both measured: docs/vlm.md
DIM = 0.45  # chance of the surest term under which a photo says too little
NO_OPINION = Opinion()


class ImageToPoem:
    """Finds the lines of verse that say a photo. Models and index are opened once, when first needed."""

    def __init__(self, settings: Settings | None = None, **overrides: object) -> None:
        """Use these settings, or the default ones with some of them changed: `ImageToPoem(home="/data")`."""
        self.settings = settings or load_settings(**overrides)

    def match(
        self,
        photo: str | Path | bytes | Image.Image,
        text: str | None = None,
        top: int = 5,
        filters: Filters | None = None,
        *,
        context: bool | None = None,
        description: str | None = None,
        vlm: bool = False,
        form: str | None = None,
    ) -> Matches:
        """The verses that say a photo, best first.

        Args:
            photo: a path, the bytes of a file, a PIL image or an http(s) URL.
            text: the person's own words about it, which weigh most.
            top: how many verses.
            filters: dynasty, author, genre, form, tag.
            context: use when and where its EXIF says that it was taken; None: as the settings say.
            description: what it shows, in place of what a VLM would say of it.
            vlm: ask the VLM that the settings name to describe the photo and to write lines for it; these are looked
                up first, then compete with the verses. If it fails, the answer has a note.
            form: of its lines, 五言, 七言 or 词; None: as the filters say, else 七言.

        Raises:
            Image2PoemError: the photo can't be read, a filter names nobody, corpus, index or models aren't there, or
                no VLM is set up.
        """
        picture = self._load(photo, vlm)
        sight = self._see(picture, context)
        if not vlm:
            answer = self.answer(_described(sight, description or ""), text, top, filters, photo=picture.name)
        else:
            opinion = self.asker.opinion(picture.image, form or _form_of(filters), text or "", description or "")
            answer = self.answer(_described(sight, opinion.description), text, top, filters, picture.name, opinion)
        return self._from(photo, answer)

    def search(self, text: str, top: int = 5, filters: Filters | None = None) -> Matches:
        """The verses that say a sentence; as `match`, without a photo."""
        return self.answer(Sight(None, (), ""), text, top, filters)

    def _from(self, photo: str | Path | bytes | Image.Image | None, answer: Matches) -> Matches:
        """The answer with what its matches need to make cards."""
        origin = Origin(photo, self.settings)
        return replace(answer, items=tuple(replace(match, origin=origin) for match in answer))

    def compose(
        self,
        photo: str | Path | bytes | Image.Image,
        text: str | None = None,
        top: int = 3,
        *,
        context: bool | None = None,
        form: str = "七言",
        fresh: bool = False,
    ) -> Matches:
        """The VLM's own lines for a photo, best first; those that turn out to be real come with their true source.

        Args:
            photo, text, top, context: as for `match`.
            form: 五言, 七言 or 词.
            fresh: ask even if the VLM wrote lines for this photo before.

        Raises:
            Image2PoemError: as for `match`; and the VLM doesn't answer, or not with verse.
        """
        picture = self._load(photo, vlm=True)
        opinion = self.asker.opinion(picture.image, form, text or "", lines_needed=True, fresh=fresh)
        sight = _described(self._see(picture, context), opinion.description)
        answer = self.answer(sight, text, top, None, picture.name, opinion, only_lines=True)
        return self._from(photo, answer)

    def describe(self, photo: str | Path | bytes | Image.Image) -> str:
        """What the VLM says that a photo shows, in everyday Chinese: to be edited, and given to `match` again.

        Raises:
            Image2PoemError: the photo can't be read, no VLM is set up, or it doesn't answer.
        """
        return self.asker.describe(self._load(photo, vlm=True).image)

    def _load(self, photo: str | Path | bytes | Image.Image, vlm: bool) -> Photo:
        return load_photo(photo, self.settings, max_side=max(SIDE, self.asker.vlm.side) if vlm else SIDE)

    def _see(self, picture: Photo, context: bool | None) -> Sight:
        small = picture.image.copy()
        small.thumbnail((SIDE, SIDE))
        taken = read_context(picture) if (self.settings.context if context is None else context) else None
        return self.seer.see(replace(picture, image=small), taken)

    def answer(
        self,
        sight: Sight,
        text: str | None = None,
        top: int = 5,
        filters: Filters | None = None,
        photo: str | None = None,
        opinion: Opinion = NO_OPINION,
        only_lines: bool = False,
    ) -> Matches:
        """The verses that say what was seen; as `match`, for a sight that a person may have changed.

        Args:
            sight: what a photo shows, as an earlier answer told it or otherwise; its terms must be the lexicon's.
            text, top, filters: as for `match`.
            photo: what the answer calls the photo.
            opinion: a VLM's; its lines compete with the verses.
            only_lines: show nothing but these.
        """
        words = simplify_verse([text.strip()])[0] if text else ""
        seen, sight = sight, self._with_words(sight, words)
        allowed = mask(self.facets, filters) if filters else None
        candidates = verify(self.corpus, opinion.lines)
        genre = "词" if opinion.form == "词" else "诗"
        invited = guests.invite(self.corpus, self.facets, candidates, filters or Filters(), genre)
        pool = guests.seat(self.library, self.facets, allowed, invited, self._usually_counted)
        query = routes.ask(self.text_encoder, sight, words)
        found = routes.find(pool.library, query, pool.mask)
        if candidates:
            vectors = self.text_encoder.encode_document([candidate.text for candidate in candidates])
            found["hyde"] = routes.hyde(self.library, vectors, allowed)
        fused = fusion.fuse(found, self.weights, pool.fame)
        favours = self._favours(query, allowed, found)
        if only_lines:
            fused, favours = fusion.only(fused, pool.numbers(candidates)), {}
        asked = words or sight.description
        share = self.weights.rerank["words" if words else "description" if sight.described else "sight"]
        share *= routes.fullness(asked)
        if share and self.reranker:
            again = reranking.reread(self.reranker, asked, share, fused, favours, self._readings(pool))
            fused, favours = again.fused, again.favours
        chosen = diversity.choose(fused, top, pool.poem, pool.library.naming, self.weights.repetition, favours)
        notes = (f"this answer lacks what the VLM would add: {opinion.note}",) if opinion.note else ()
        if seen.vector is not None and not sight.described and not words and _surest(seen) < DIM:
            notes = (
                *notes,
                "hardly anything is seen here that verse names; say in your own words what the photo shows",
            )
        items = known.translated(self._matches(chosen, sight, fused, pool), self.corpus, self.translation_store)
        return self._from(None, Matches(photo, sight, items, notes, seen))

    def _readings(self, pool: guests.Pool) -> Callable[[Sequence[int]], list[tuple[str, ...]]]:
        """Gives the lines of the numbers of a search, verses with their translations and guests."""

        def readings(numbers: Sequence[int]) -> list[tuple[str, ...]]:
            invited = {number: (guest.candidate.text,) for number in numbers if (guest := pool.guest(number))}
            verses = self.corpus.verses([number for number in numbers if number not in invited])
            said: dict[int, tuple[str, ...]] = {verse.id: (verse.text,) for verse in verses}
            if self.translations:
                said |= known.readings(verses, self.corpus, self.translation_store)
            return [invited.get(number) or said[number] for number in numbers]

        return readings

    def _favours(
        self, query: routes.Query, allowed: routes.Mask, found: Mapping[str, routes.Ranked]
    ) -> dict[int, diversity.Favour]:
        """What the place and the day of the photo, if they are known, add to the verses that belong to them."""
        if query.sight.context is None:
            return {}
        return occasions.favours(self.belonging, self.library, query, allowed, found, self.weights, self.facets.fame)

    def _with_words(self, sight: Sight, words: str) -> Sight:
        """What the person says they see is there; what a description tells is nearly so, and the rest less likely."""
        said = dict.fromkeys(self.lexicon.mentioned(words) if words else (), 1.0)
        told = self.lexicon.mentioned(sight.description) if sight.described else ()
        for term in told:
            said.setdefault(term, DESCRIBED)
        left = UNTOLD if sight.described else 1.0
        seen = tuple(Imagery(i.term, i.score * left) for i in sight.imagery if i.term not in said)
        imagery = tuple(Imagery(term, score) for term, score in said.items()) + seen
        description = (
            f"{words.rstrip('。')}。{sight.description}" if words and sight.description else words or sight.description
        )
        return replace(sight, imagery=imagery, description=description)

    def _matches(
        self, chosen: list[tuple[int, float]], sight: Sight, fused: fusion.Fused, pool: guests.Pool
    ) -> tuple[Match, ...]:
        terms = [term.term for term in self.lexicon.terms]
        matches = []
        for number, score in chosen:
            named = {terms[i] for i in pool.library.naming.of(number)}
            matches.append(
                replace(
                    match_of(self.corpus, number, pool.guest(number)),
                    score=score,
                    reasons=tuple(item.term for item in sight.imagery if item.term in named),
                    ranks={route: ranks[number] for route, ranks in fused.ranks.items() if number in ranks},
                    parts=fused.parts_of(number),
                    occasions=self.belonging.named(number, sight.context) if sight.context else (),
                )
            )
        return tuple(matches)

    def check(self, filters: Filters) -> None:
        """Raise FilterError if a filter names a dynasty, author, genre, form or tag that no verse has."""
        if filters:
            mask(self.facets, filters)

    # What is opened once.

    def open_encoders(self) -> None:
        """Open both encoders now; one of the hub is fetched first, with progress bars of its library's own.

        Raises:
            ModelError: one isn't there, or can't be fetched or opened.
        """
        _ = self.text_encoder, self.image_encoder

    def open(self) -> ImageToPoem:
        """Open models, corpus and index now instead of when first needed; then threads may share this matcher.

        Raises:
            Image2PoemError: corpus, index or models aren't there.
        """
        _ = self.seer, self.library, self.photo_space, self.belonging, self.weights, self.reranker
        if self.settings.has_vlm:
            _ = self.asker
        return self

    @property
    def is_open(self) -> bool:
        """Whether there is nothing left for `open` to do."""
        return {"seer", "library", "photo_space", "belonging", "weights", "reranker"} <= self.__dict__.keys()

    @cached_property
    def corpus(self) -> Corpus:
        """The poems and verses."""
        return open_corpus(self.settings.corpus_file)

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """Descriptions and verses to vectors."""
        return load_text_encoder(self.settings.text_encoder, self.settings.threads, self.settings.device)

    @cached_property
    def image_encoder(self) -> ImageEncoder:
        """Photos to vectors, in the same space if both are built in."""
        return load_image_encoder(self.settings.image_encoder, self.settings.threads, self.settings.device)

    @cached_property
    def lexicon(self) -> Lexicon:
        """The imagery that verse names and photos show."""
        return load_lexicon()

    @cached_property
    def seer(self) -> Seer:
        """Says what a photo shows."""
        return BuiltinSeer(self.image_encoder, self.imagery, self.lexicon)

    @cached_property
    def imagery(self) -> ImageryScale:
        """What the terms of the lexicon look like to the image encoder."""
        tower = self.image_encoder.text_tower
        if tower is None:
            return load_imagery(self.image_encoder.space, self.lexicon)
        path = zeroshot.phrases_file(self._folder(tower), tower, self.lexicon)
        with self._exact_command():
            return zeroshot.read_zero_shot(path, tower, load_usual_chances(self.lexicon))

    @cached_property
    def weights(self) -> fusion.Weights:
        """How much each route counts."""
        return fusion.load_weights()

    @cached_property
    def reranker(self) -> Reranker | None:
        """Reads the first verses again; None if the settings do without."""
        name = self.settings.reranker
        return None if name == "none" else load_reranker(name, self.settings.threads, self.settings.device)

    @cached_property
    def facets(self) -> Facets:
        """Dynasty, author and so on of every verse that has a vector."""
        return self.corpus.facets(self._count)

    @cached_property
    def asker(self) -> Asker:
        """The VLM that the settings name, and its earlier answers."""
        from image2poem.vlm import load_vlm
        from image2poem.vlm.asking import Asker
        from image2poem.vlm.cache import Cache

        return Asker(load_vlm(self.settings), Cache(self.settings.cache_dir / "vlm"))

    @cached_property
    def library(self) -> routes.Library:
        """What the routes search."""
        folder = self._folder(self.text_encoder)
        with self._exact_command():
            opened = index.open_index(folder, self.text_encoder.model_id, self.corpus.corpus_id, self._count)
            names = naming.read_naming(naming.naming_file(folder, self.lexicon, opened.manifest.build), self._count)
        return routes.Library(
            opened,
            lambda: self.glosses,
            names,
            self.lexicon,
            self.text_encoder,
            lambda: self.photo_space,
            names.agreement(self._usually_counted),
            self._worth,
            self.translations,
        )

    @cached_property
    def glosses(self) -> Glosses:
        """What the characters of verse mean in everyday Chinese."""
        return load_glosses()

    @cached_property
    def translations(self) -> TranslationIndex | None:
        """What the verses' translations say; None if there are none."""
        with self._exact_command():
            return translations_index.open_translations(
                self._translations_folder, self.text_encoder, self.corpus.corpus_id
            )

    @property
    def translation_store(self) -> TranslationStore:
        """The translations that models made."""
        return TranslationStore(self.settings.translations_file)

    @cached_property
    def translator(self) -> EndpointVlm:
        """The model behind a server that the settings name, to translate with.

        Raises:
            SettingsError, ModelError: none is named, or it can't be asked.
        """
        from image2poem.vlm import load_endpoint

        return load_endpoint(self.settings)

    @cached_property
    def photo_space(self) -> routes.PhotoSpace | None:
        """The verses in the space of the photos' vectors; None if no encoder in use can put them there."""
        tower = self.image_encoder.text_tower
        verses: VectorIndex
        if tower is not None:
            with self._exact_command():
                verses = index.open_vectors(self._folder(tower), tower.model_id, self.corpus.corpus_id, self._count)
        elif self.image_encoder.space == self.text_encoder.model_id:
            tower, verses = self.text_encoder, self.library.index.dense
        else:
            return None
        return routes.PhotoSpace(verses, tower, self.imagery.usual_vector)

    @cached_property
    def _usually_counted(self) -> NDArray[np.float32]:
        return load_usual_chances(self.lexicon) * self._worth

    @cached_property
    def _worth(self) -> NDArray[np.float32]:
        return load_worth(self.lexicon)

    @cached_property
    def belonging(self) -> occasions.Occasions:
        """Which verses belong to which place and festival."""
        path = occasions.occasions_file(self._folder(self.text_encoder), self.library.index.manifest.build)
        return occasions.open_occasions(path, self.corpus, self.facets)

    @property
    def _count(self) -> int:
        return self.corpus.select_count if self.settings.size == "select" else len(self.corpus)

    def _folder(self, encoder: TextEncoder) -> Path:
        return index.index_folder(self.settings.index_dir, encoder.model_id, self.settings.size)

    @property
    def _translations_folder(self) -> Path:
        return translations_index.translations_folder(self.settings.index_dir, self.text_encoder, self.settings.size)

    @contextmanager
    def _exact_command(self) -> Iterator[None]:
        """An index that can't be opened names the command that builds the one of these very settings."""
        try:
            yield
        except IndexFileError as error:
            options = (f"--{name.replace('_', '-')} {shlex.quote(value)}" for name, value in self._unusual)
            raise IndexFileError(str(error).replace(f"`{COMMAND}`", f"`{' '.join([COMMAND, *options])}`")) from None

    @property
    def _unusual(self) -> Iterator[tuple[str, str]]:
        """Settings that decide on the index and are not the default ones."""
        for name in ("home", "size", "text_encoder", "image_encoder"):
            value = getattr(self.settings, name)
            if value != Settings.model_fields[name].get_default(call_default_factory=True):
                yield name, str(value)

    # What is built once.

    def build_index(self, progress: Progress, missing_only: bool = False) -> None:
        """Encode the verses and write the index; an interrupted build is taken up.

        Args:
            progress: told the stage, what is done and the total.
            missing_only: leave an index alone that opens.

        Raises:
            Image2PoemError: there is no corpus, the disk is full, or somebody else is building.
        """
        if missing_only:
            try:
                _ = self.library, self.photo_space
            except IndexFileError:
                pass
            else:
                with self._exact_command():
                    self._build_translations(progress, missing_only=True)
                return
        with self._exact_command():
            self._build_verses(progress)
            if tower := self.image_encoder.text_tower:
                self._build_photo_space(tower, progress)
            self._build_translations(progress)

    def _build_verses(self, progress: Progress) -> None:
        folder = self._folder(self.text_encoder)
        manifest = index.build_index(
            self.corpus,
            self._count,
            self.text_encoder,
            folder,
            lambda done, total: progress("encoding verses", done, total),
        )
        path = naming.naming_file(folder, self.lexicon, manifest.build)
        naming.write_naming(path, naming.name_verses(self.lexicon, self.corpus.texts(0, self._count)))
        path = occasions.occasions_file(folder, manifest.build)
        occasions.write_occasions(path, occasions.find_occasions(self.corpus, self.facets))

    def _build_photo_space(self, tower: TextEncoder, progress: Progress) -> None:
        folder = self._folder(tower)
        index.build_index(
            self.corpus,
            self._count,
            tower,
            folder,
            lambda done, total: progress("encoding verses for photos", done, total),
            lexical=False,
        )
        path = zeroshot.phrases_file(folder, tower, self.lexicon)
        zeroshot.write_phrases(path, zeroshot.phrase_vectors(tower, self.lexicon))

    def _build_translations(self, progress: Progress, missing_only: bool = False) -> None:
        """Have all translations searched that there are; where there are none nothing is written."""
        there = known.gather(self.corpus, self.translation_store, self._count)
        folder = self._translations_folder
        if missing_only and translations_index.is_current(there, self.text_encoder, folder):
            return
        for name in ("translations", "library"):  # opened before, with fewer
            self.__dict__.pop(name, None)
        translations_index.build_translations(
            there, self.text_encoder, folder, lambda done, total: progress("encoding translations", done, total)
        )

    def untranslated(
        self, filters: Filters | None = None, limit: int | None = None, fresh: bool = False
    ) -> list[Verse]:
        """The best-known verses that have no translation, of those that are searched.

        Args:
            filters: which verses are meant.
            limit: at most so many.
            fresh: those too that another model than `translator` translated.

        Raises:
            Image2PoemError: there is no corpus, a filter names nobody, or what models made is damaged.
        """
        besides = self.translator.model if fresh else None
        return known.untranslated(
            self.corpus, self.translation_store, self._count, filters or Filters(), limit, besides
        )

    def translate(self, verses: Sequence[Verse], progress: Progress, batch: int | None = None) -> Made:
        """Have a language model translate verses, and have all translations searched.

        Each answer is kept when it comes: whoever interrupts this loses one, and `untranslated` gives the rest.

        Args:
            verses: to translate.
            progress: told the stage, what is done and the total.
            batch: verses a request.

        Raises:
            Image2PoemError: no server is set up, it doesn't answer or not with translations, or the disk is full.
        """
        from image2poem.translation.batch import SIZE, batches
        from image2poem.translation.make import Made, translate

        made = Made(0, ())
        if verses:
            made = translate(
                batches(verses, batch or SIZE),
                self.translator,
                self.translation_store,
                lambda done, total: progress("translating", done, total),
            )
        with self._exact_command():
            self._build_translations(progress, missing_only=True)
        return made

    def verify_index(self) -> None:
        """Read every byte of the index and raise IndexFileError if one is wrong."""
        with self._exact_command():
            for encoder in (self.text_encoder, self.image_encoder.text_tower):
                if encoder is not None:
                    index.verify(self._folder(encoder))
            if (self._translations_folder / NAME).exists():
                index.verify(self._translations_folder)
        _ = self.library, self.photo_space


def _described(sight: Sight, description: str) -> Sight:
    """The sight with somebody's description of it, if there is one."""
    if not description.strip():
        return sight
    return replace(sight, description=simplify_verse([description.strip()])[0], described=True)


def _surest(sight: Sight) -> float:
    """The chance of the surest term."""
    return max((item.score for item in sight.imagery), default=0.0)


def _form_of(filters: Filters | None) -> str:
    """The form that a line must have to pass the filters."""
    if filters and "词" in filters.wanted("genre"):
        return "词"
    return next((form for form in (filters or Filters()).wanted("form") if form in ("五言", "七言")), "七言")
