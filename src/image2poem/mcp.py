"""The MCP server: assistants match photos, search verse, read poems and make cards. Needs the extra `mcp`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from image2poem.card import LAYOUTS, quoted
from image2poem.corpus import Filters
from image2poem.download import download
from image2poem.errors import CardError, ExtraError, Image2PoemError, PhotoError
from image2poem.matcher import ImageToPoem
from image2poem.photo import is_url
from image2poem.pinyin import pinyin
from image2poem.record import as_record, poem_record
from image2poem.settings import Settings

try:
    from mcp.server import MCPServer
    from mcp.server.mcpserver import Image
    from mcp.server.mcpserver.exceptions import ToolError
except ModuleNotFoundError as error:
    raise ExtraError(f"the MCP server needs {error.name}; install it with: pip install 'image2poem[mcp]'") from None

_INSTRUCTIONS = (
    "Finds real lines of classical Chinese verse for photos and descriptions. Lines whose provenance is 'retrieved' "
    "stand in the corpus as they are given, with their true source: quote them unchanged. 'composed' ones are new: "
    "never give them a poet. A translation with translation_made is a model's: say so if you quote it."
)

_SHOWN = 900  # pixels across of a card that an assistant is shown

Photo = Annotated[str, Field(description="path of a picture on this machine, an https URL, or a data: URL")]
Top = Annotated[int, Field(ge=1, le=50, description="how many verses")]
Names = Annotated[list[str] | None, Field(max_length=20)]


def create_server(matcher: ImageToPoem) -> MCPServer:
    """An MCP server over an opened matcher."""
    server: MCPServer = MCPServer("image2poem", title="Image2Poem", instructions=_INSTRUCTIONS)

    @server.tool()
    def match_photo(
        photo: Photo,
        text: Annotated[str, Field(max_length=500, description="the person's own words, in Chinese; weigh most")] = "",
        top: Top = 5,
        dynasty: Annotated[Names, Field(description="only these: 唐 宋 元 ...")] = None,
        author: Annotated[Names, Field(description="only these poets: 李白")] = None,
        genre: Annotated[Names, Field(description="only these: 诗 词 曲")] = None,
        form: Annotated[Names, Field(description="only these: 四言 五言 六言 七言 杂言")] = None,
    ) -> dict[str, Any]:
        """Find the lines of classical Chinese verse that say a photo, with sources and reasons, and what was seen."""
        with _told():
            filters = _filters(dynasty, author, genre, form)
            answer = matcher.match(_picture(photo, matcher.settings), text=text, top=top, filters=filters)
            return as_record(answer) | {"photo": photo[:200]}

    @server.tool()
    def search_verse(
        description: Annotated[str, Field(min_length=1, max_length=500, description="what it should say, in Chinese")],
        top: Top = 5,
        dynasty: Annotated[Names, Field(description="only these: 唐 宋 元 ...")] = None,
        author: Annotated[Names, Field(description="only these poets: 李白")] = None,
        genre: Annotated[Names, Field(description="only these: 诗 词 曲")] = None,
        form: Annotated[Names, Field(description="only these: 四言 五言 六言 七言 杂言")] = None,
    ) -> dict[str, Any]:
        """Find the lines of classical Chinese verse that say a sentence in everyday Chinese."""
        with _told():
            return as_record(matcher.search(description, top=top, filters=_filters(dynasty, author, genre, form)))

    @server.tool()
    def get_poem(
        poem_id: Annotated[int, Field(ge=0, le=2**31, description="as match_photo and search_verse give it")],
        readings: Annotated[bool, Field(description="with the reading (拼音) of each character")] = False,
    ) -> dict[str, Any]:
        """The whole poem that a verse stands in, also in its source's own spelling."""
        with _told():
            try:
                poem = matcher.corpus.poem(poem_id)
            except IndexError:
                raise ToolError(f"no poem has the number {poem_id}") from None
            record = poem_record(poem)
            if readings:
                record["pinyin"] = [pinyin(verse) for verse in poem.verses]
            return record

    @server.tool()
    def make_card(
        photo: Photo,
        verse: Annotated[str, Field(min_length=1, max_length=160, description="a line, as match_photo gave it")],
        layout: Annotated[Literal[LAYOUTS], Field(description="how photo and verse are put together")] = LAYOUTS[0],  # type: ignore[valid-type]
        script: Annotated[Literal["simplified", "traditional"], Field(description="of the characters")] = "simplified",
        save_as: Annotated[
            str, Field(description="a new .png or .jpg file for the card in full size; empty: it is only shown")
        ] = "",
    ) -> list[Image | str]:
        """Set a verse on a photo, vertically, with its source and a seal: a picture to share."""
        with _told():
            picture = _picture(photo, matcher.settings)
            match = quoted(matcher.corpus, verse, picture, matcher.settings)
            shown = match.card(layout=layout, width=_SHOWN, script=script).encode("jpeg")
            said = [f"{match.verse} {match.author}《{match.title}》" if match.author else f"{match.verse} (composed)"]
            if save_as:
                path = Path(save_as).expanduser()
                if path.exists():
                    raise CardError(f"'{path}' exists; choose another name")
                said.append(f"saved as {match.card(layout=layout, script=script).save(path)}")
            return [Image(data=shown, format="jpeg"), "; ".join(said)]

    return server


def run(settings: Settings) -> None:
    """Serve on standard input and output until the client goes away.

    Raises:
        Image2PoemError: corpus, index or models aren't there.
    """
    create_server(ImageToPoem(settings).open()).run()


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong reaches the assistant as one sentence."""
    try:
        yield
    except Image2PoemError as error:
        raise ToolError(str(error)) from None


def _filters(dynasty: Names, author: Names, genre: Names, form: Names) -> Filters:
    return Filters(*(tuple(names or ()) for names in (dynasty, author, genre, form)))


def _picture(photo: str, settings: Settings) -> str | bytes:
    """A path as it is, a URL's or a data URL's bytes. What an assistant was told to fetch may not be on our network."""
    if photo.startswith("data:"):
        try:
            return base64.b64decode(photo.partition(",")[2], validate=True)
        except binascii.Error:
            raise PhotoError("the data: URL isn't base64; give a path instead") from None
    return download(photo, settings, public_only=True) if is_url(photo) else photo
