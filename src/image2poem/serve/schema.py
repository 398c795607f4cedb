"""What the API is asked and what it answers, as OpenAPI shows it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from image2poem.card import LAYOUTS
from image2poem.corpus import Filters
from image2poem.model import Context, Facet, Scene

Name = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Names = Annotated[list[Name], Field(max_length=20)]
Short = Annotated[str, StringConstraints(max_length=20)]
Words = Annotated[str, StringConstraints(max_length=500)]
Line = Annotated[str, StringConstraints(min_length=4, max_length=64, pattern=r"^[\u3400-\u9fff，。？！；、：]+$")]
Top = Annotated[int, Field(ge=1, le=100)]
_FILE = WithJsonSchema({"type": "string", "contentMediaType": "application/octet-stream"})  # absent, but never null


class Asked(BaseModel):
    """What both ways of asking have."""

    model_config = ConfigDict(extra="forbid")

    text: Words = Field(default="", description="your own words; they weigh most")
    top: Top = Field(default=5, description="how many verses")
    dynasty: Names = Field(default=[], description="only these: 唐", examples=[["唐"]])
    author: Names = Field(default=[], description="only these: 李白", examples=[[]])
    genre: Names = Field(default=[], description="only these: 诗 词 曲", examples=[["诗"]])
    form: Names = Field(default=[], description="only these: 四言 五言 六言 七言 杂言", examples=[[]])
    tag: Names = Field(default=[], description="only poems with this theme or of this anthology", examples=[[]])

    def filters(self) -> Filters:
        """The names as the matcher takes them."""
        return Filters(*(tuple(names) for names in (self.dynasty, self.author, self.genre, self.form, self.tag)))


class MatchForm(Asked):
    """A photo and what to look for, as a form."""

    photo: Annotated[UploadFile | None, _FILE] = Field(
        default=None, description="JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
    )
    vlm: bool = Field(default=False, description="ask the VLM of the server too, if it has one (see /v1/about)")
    context: bool = Field(default=True, description="use when and where its EXIF says that it was taken")
    url: Annotated[str, StringConstraints(max_length=2000)] = Field(
        default="", description="instead of a file, where the server allows it"
    )


class CardForm(BaseModel):
    """A photo and the verse to set on it, as a form."""

    model_config = ConfigDict(extra="forbid")

    photo: UploadFile
    verse: Annotated[str, StringConstraints(min_length=1, max_length=160)] = Field(
        description="a line or a few; its source is looked up, and one that the corpus hasn't is called 新作 (composed)"
    )
    layout: Literal[LAYOUTS] = LAYOUTS[0]  # type: ignore[valid-type]
    format: Literal["png", "jpeg", "webp"] = "png"
    width: Annotated[int, Field(ge=320, le=20_000)] | None = Field(
        default=None, description="pixels across; default: the photo's own"
    )
    script: Literal["simplified", "traditional"] = "simplified"
    font: Literal["serif", "kai"] = "serif"


class Term(BaseModel):
    """A term of the lexicon, and how sure it is to be in the photo."""

    term: Name = Field(examples=["月"])
    score: float = Field(default=1.0, ge=0, le=1)


class Taken(BaseModel):
    """When and where a photo was taken, empty where that isn't known; see docs/context.md."""

    date: Short = ""
    lunar: Short = ""
    season: Short = ""
    solar_term: Short = ""
    hour: Short = ""
    festivals: Names = []
    places: Names = []

    def context(self) -> Context:
        """As the matcher takes it."""
        return Context(**{**self.model_dump(), "festivals": tuple(self.festivals), "places": tuple(self.places)})


class Side(BaseModel):
    """One side of a scene: its value, how sure it is, and what speaks for it."""

    name: Short = Field(examples=["暮"])
    confidence: float = Field(ge=0, le=1)
    basis: Names = Field(default=[], examples=[["黄昏", "夕阳"]])

    def facet(self) -> Facet:
        """As the matcher takes it."""
        return Facet(self.name, self.confidence, tuple(self.basis))


class Scenery(BaseModel):
    """Season, hour, weather, light, setting and mood, null where nothing says enough; see docs/sight.md."""

    season: Side | None = None
    hour: Side | None = None
    weather: Side | None = None
    light: Annotated[list[Side], Field(max_length=2)] = []
    setting: Side | None = None
    mood: Side | None = None

    def scene(self) -> Scene:
        """As the matcher takes it."""
        return Scene(
            _facet(self.season),
            _facet(self.hour),
            _facet(self.weather),
            tuple(side.facet() for side in self.light),
            _facet(self.setting),
            _facet(self.mood),
        )


def _facet(side: Side | None) -> Facet | None:
    return side.facet() if side else None


class Seen(BaseModel):
    """What was seen: as an answer told it, or changed by a person."""

    model_config = ConfigDict(extra="forbid")

    imagery: list[Term] = Field(default=[], max_length=60)
    description: Annotated[str, StringConstraints(max_length=1000)] | None = Field(
        default=None, description="in everyday Chinese; null: made from the imagery"
    )
    described: bool = Field(default=False, description="whether somebody who looked wrote the description")
    vector: Annotated[str, StringConstraints(max_length=20_000)] | None = Field(
        default=None, description="the photo's vector as the answer gave it (base64 of float32, little-endian)"
    )
    space: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        default=None, description="the space that the vector belongs to, as the answer gave it"
    )
    context: Taken | None = Field(default=None, description="null: leave aside when and where it was taken")
    scene: Scenery | None = Field(default=None, description="as the answer gave it; null: read off the imagery")


class Search(Asked):
    """Words, or what was seen, or both."""

    seen: Seen | None = Field(default=None, description="as an answer gave it, changed or not")
    lines: Annotated[list[Line], Field(max_length=10)] = Field(
        default=[], description="composed lines of an earlier answer; they are looked up and compete anew"
    )


class SightAnswer(BaseModel):
    """What was searched for: what was seen and what your words added, the surest first."""

    imagery: list[Term]
    description: str
    scene: Scenery | None = Field(description="null where only words were searched for")


class SeenAnswer(BaseModel):
    """What was seen, without your words: change it and send it back to search again without the photo."""

    imagery: list[Term]
    description: str
    described: bool = Field(description="by a VLM or a person; else it is made of the imagery")
    vector: str | None = Field(description="null without a photo")
    space: str
    context: Taken | None = Field(description="null where the photo doesn't tell")
    scene: Scenery | None


class Mark(BaseModel):
    """Where a verse names something that was seen: characters from start to end (without it)."""

    start: int
    end: int
    term: str


class Spelling(BaseModel):
    """In traditional characters: the source's own, or OpenCC's where the source is simplified."""

    verse: str
    title: str | None
    author: str | None
    dynasty: str | None
    genre: str | None


class Quotation(BaseModel):
    """A clause of a new line that is a real line's, and whose."""

    clause: str
    verse: str
    title: str
    author: str


class MatchAnswer(BaseModel):
    """A verse, where it comes from and why it fits."""

    verse: str
    title: str | None
    author: str | None
    dynasty: str | None
    genre: str | None
    score: float
    provenance: Literal["retrieved", "composed"]
    reasons: list[str]
    occasions: list[str] = Field(description="the place and the day of the photo that it or its poem speaks of")
    ranks: dict[str, int]
    parts: dict[str, float] = Field(description="what the score is made of: routes, fame, rerank")
    quotes: list[Quotation]
    translation: str | None = Field(description="into everyday Chinese, where there is one")
    translation_by: str | None = Field(description="the source that it is from, or the model that made it")
    translation_made: bool = Field(description="by a model: not to be shown as a scholar's")
    poem_id: int | None
    verse_id: int | None
    marks: list[Mark]
    traditional: Spelling


class Answer(BaseModel):
    """Verses, best first."""

    photo: str | None
    sight: SightAnswer
    seen: SeenAnswer
    context: Taken | None
    notes: list[str] = Field(description="what went wrong on the way, a sentence each")
    matches: list[MatchAnswer]


class Reading(BaseModel):
    """Each character with its reading, null for what has none."""

    pinyin: list[list[str | None]]


class Original(BaseModel):
    """As the source spells it."""

    title: str
    author: str
    verses: list[str]


class Traditional(Original):
    """In traditional characters."""

    dynasty: str
    genre: str


class PoemAnswer(BaseModel):
    """A whole poem."""

    id: int
    title: str
    author: str
    dynasty: str
    genre: str
    verses: list[str]
    tags: list[str]
    source: str
    original: Original
    traditional: Traditional = Field(description="verse for verse the same as `verses`, in traditional characters")
    pinyin: list[list[list[str | None]]] | None = Field(description="for each verse, where it was asked for")


class Known(BaseModel):
    """A term that photos can show and verse names."""

    term: str
    group: str
    english: str


class About(BaseModel):
    """What the server has and allows; what a page needs to know."""

    version: str
    space: str
    corpus: str = Field(description="changes when the corpus does; ids are good for one corpus")
    verses: int
    dynasty: list[str]
    author: list[str] = Field(description="the best known; others may be asked for as well")
    genre: list[str]
    form: list[str]
    tag: list[str]
    imagery: list[Known]
    layouts: list[str] = Field(description="of cards")
    vlm: bool
    fetch: bool
    max_bytes: int


class ProblemAnswer(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    suggestions: list[str] | None = None
    errors: list[dict[str, str]] | None = None
