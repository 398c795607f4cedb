"""Repair a poem's text by rules: notes out, lost characters marked, punctuation made one. Each rule counts its work.

What can't be repaired stays in the text as it is (□ for a lost character, a bracket without its partner), and the
sentence that holds it isn't offered as a verse. The source's own text is kept beside the cleaned one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

HAN = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff〇"
LOST = "□"

# Only a text with anything else than characters and plain punctuation needs the rules below.
_ODD = re.compile(rf"[^{HAN}，。！？；：、《》\n]")
_APPARATUS = re.compile(
    r"(附注|[诗詩][题題]|首句|出[处處]|原[无無][题題]|[题題]注|存目|[题題][拟擬])[：:]|[》」]卷|卷[〇○一二三四五六七八九十百]+|"
    r"[（：]《[^》]{2,12}》[：:云]|伯[〇○一二三四五六七八九]{4}|斯[〇○一二三四五六七八九]{3,4}|《全[唐宋][诗詩]|以上[^，。]{1,8}整理|作「|[见見]《"
)
_NOTES = re.compile(r"（[^（）]*）|【[^【】]*】|〖[^〖〗]*〗|〈[^〈〉]*〉")
_SUPPLIED = re.compile(rf"[\[［〔]([{HAN}{LOST}]{{1,2}})[\]］〕]")
_SUPPLIED_CLAUSE = re.compile(rf"[\[［]([{HAN}]{{3,7}})[\]］]")
_LABEL = re.compile(r"[\[［〔][^\[\]［］〔〕\n]{0,40}[\]］〕]")
_DESCRIBED = re.compile(r"\{[^{}\n]{1,16}\}|<[^<>\n]{2,8}>")
_BROKEN = re.compile(rf"[扌氵钅忄犭礻衤饣讠纟][{HAN}]")  # 扌颠: one character typed as its two halves
_LATIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9々]*")
_WEB_PAGE = re.compile(r"[^。\n]*[A-Za-z{}=:]{6}[^\n]*|[^。\n]*中国诗歌库[^\n]*")
_QUOTES = re.compile(r"[“”‘’「」『』\"'＂＇`]")
_SIGNED = re.compile(rf"——[{HAN}]{{1,4}}(?=$|\n)", re.M)
_DASHES = re.compile(r"[—–\-－─~～·•・．]+")
_ELLIPSIS = re.compile(r"…+")
_OPEN_CLOSE = (("（", "）"), ("【", "】"), ("〖", "〗"), ("〔", "〕"), ("[", "]"), ("［", "］"), ("《", "》"))
_PILE = re.compile(r"[，。！？；：、]{2,}")
_LEADING = re.compile(r"(^|\n)[，。；：、]+")
_ENDS = "。！？"
_HALF_WIDTH = str.maketrans(
    {",": "，", ";": "；", ":": "：", "?": "？", "!": "！", "｡": "。", "､": "、", "﹐": "，", "﹖": "？"}
)
_FULL_STOP = re.compile(rf"(?<=[{HAN}])\.(?=[{HAN}\n]|$)")
_SPACES = re.compile(r"[ \t\r\u00a0\u3000\u200b\ufeff]+")
_UNREADABLE = re.compile(rf"[^{HAN}{LOST}，。！？；：、《》\n（）【】〖〗〔〕\[\]［］]")

_DIRECTION = re.compile(r"([（(<][^（）()<>\n]*[）)>])")
_SINGS = re.compile(r"唱|合|同前|前腔|换头|幺|么篇")
_SPEAKS = re.compile(r"云|白|念|道|问|偈|诗|词|曰|诰|喏|叫|说|上$|下$|住|了$")


def _composed(sequence: str, start: int) -> int:
    """Where the ideographic description sequence that begins at `start` ends (Unicode, chapter 18.2)."""
    need, at = 1, start
    while need and at < len(sequence):
        char = sequence[at]
        need += 2 if char in "⿲⿳" else 1 if "\u2ff0" <= char <= "\u2ffb" else -1
        at += 1
    return at


def _collapse_sequences(text: str, counts: Counter[str]) -> str:
    out, at = [], 0
    while at < len(text):
        if "\u2ff0" <= text[at] <= "\u2ffb":
            at = _composed(text, at)
            out.append(LOST)
            counts["described character"] += 1
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


def _strongest(pile: re.Match[str]) -> str:
    marks = pile.group()
    return next((mark for mark in marks if mark in _ENDS), marks[0])


def _tidy(text: str) -> str:
    return _LEADING.sub(r"\1", _PILE.sub(_strongest, text))


def arias(text: str, counts: Counter[str]) -> str:
    """The sung part of a piece from a play (元曲): stage directions and the speech between them left out."""
    sung, parts = True, []
    for part in _DIRECTION.split(text):
        if part and part[0] in "（(<" and part[-1] in "）)>":
            counts["stage direction"] += 1
            if _SINGS.search(part):
                sung = True
            elif _SPEAKS.search(part[1:-1]):
                sung = False
        elif sung:
            parts.append(part)
        elif part.strip("，。！？；：、\n "):
            counts["speech in a play"] += 1
    return _tidy("\n".join(part for part in parts if part.strip()))


def clean(text: str, genre: str, counts: Counter[str], described: Mapping[str, str] | None = None) -> str:
    """A poem's text, lines separated by newlines, repaired.

    Args:
        text: as converted; may hold notes, lost characters, stage directions.
        genre: 曲 is treated as a play's piece.
        counts: rule → how often it was applied; added to.
        described: "{山/淪}" → the one character meant, where the source says it.
    """
    halved = genre == "曲" and _BROKEN.search(text)
    if not halved and not _ODD.search(text):
        return _tidy(text) if _PILE.search(text) or _LEADING.search(text) else text

    def drop(name: str, pattern: re.Pattern[str], text: str, by: str = "") -> str:
        text, times = pattern.subn(by, text)
        if times:
            counts[name] += times
        return text

    text = drop("web page remains", _WEB_PAGE, text) if "Connection" in text or "诗歌库" in text else text
    if "{" in text or "<" in text:

        def character(match: re.Match[str]) -> str:
            known = (described or {}).get(match.group())
            counts["described character found" if known else "described character"] += 1
            return known or LOST

        text = _DESCRIBED.sub(character, text)
    text = _FULL_STOP.sub("。", _SPACES.sub("", text).translate(_HALF_WIDTH))
    if genre == "曲":
        text = arias(text, counts)
        text = drop("character typed in halves", _BROKEN, text, LOST)
    text = text.replace("(", "（").replace(")", "）")
    text = _collapse_sequences(text, counts)
    text = drop("supplied character", _SUPPLIED, text, r"\1")
    if genre != "曲":
        text = drop("supplied character", _SUPPLIED_CLAUSE, text, r"\1")
    while _NOTES.search(text):
        text = drop("note or variant reading", _NOTES, text)
    text = drop("label", _LABEL, text)
    if genre == "诗" and _APPARATUS.search(text):
        kept = []
        for sentence in re.split(r"(?<=[。！？\n])", text):
            if _APPARATUS.search(sentence):
                counts["editor's sentence"] += 1
                kept.append("（" * (sentence.count("（") - sentence.count("）")))  # the note goes on behind it
            else:
                kept.append(sentence)
        text = "".join(kept)
    text = drop("signature in linked verse", _SIGNED, text)
    text = _QUOTES.sub("", text)
    text = _DASHES.sub("", text)
    text = _ELLIPSIS.sub("" if genre == "曲" else LOST, text)
    text = drop("lost character", _LATIN, text, LOST)
    lost = text.count(LOST)
    text, unreadable = _UNREADABLE.subn(LOST, text)
    if lost or unreadable:
        counts["lost character"] += lost + unreadable
    if any(text.count(a) != text.count(b) for a, b in _OPEN_CLOSE):
        counts["missing bracket"] += 1
    return _tidy(text).strip("\n")
