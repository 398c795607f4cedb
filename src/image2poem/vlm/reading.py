"""What a VLM answered becomes a description or lines of verse; what is of no use becomes nothing.

Models are asked for JSON and give it bare, in a code fence, after thinking aloud, cut short, or not at all. Nothing that
they say of a line's source is read: sources come from the corpus.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from image2poem.corpus.convert import bare, simplify_verse
from image2poem.corpus.split import clauses

FORMS = ("五言", "七言", "词")
LONGEST_DESCRIPTION = 80
_LENGTHS = {"五言": 5, "七言": 7}
_MOST_LINES = 6
_LONGEST_THOUGHT, _LONGEST_ANSWER = 200_000, 4_000  # characters; what is behind isn't read

_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|$)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[A-Za-z]*\n?(.*?)(?:```|$)", re.DOTALL)
_NUMBERED = re.compile(r'"(\d{1,4})"\s*:\s*"((?:[^"\\]|\\.)*)"')
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|$)')
_TEXT_KEYS = (
    "lines",
    "line",
    "verses",
    "verse",
    "poems",
    "poem",
    "couplets",
    "couplet",
    "诗句",
    "诗",
    "description",
    "描述",
    "text",
)
_MARKS = str.maketrans({",": "，", ".": "。", "!": "！", "?": "？", ";": "；", ":": "：", "．": "。", "｡": "。"})
_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_WRAPPING = re.compile(r"[*_`#>|「」『』“”‘’\"'\u200b-\u200f\ufeff]")
_ASIDE = re.compile(r"《[^》\n]*》|（[^）\n]*）|\([^)\n]*\)|【[^】\n]*】|\[[^\]\n]*\]|[—–―]{1,}[^\n]*|[-~]{2,}[^\n]*")
_LABEL = re.compile(r"^[^，。！？\n]{0,12}[：:]")
_NUMBER = re.compile(r"^\s*(?:[-*•·]+|\d+[.、)）]|[一二三四五六七八九十][、.])\s*")
_NOT_DESCRIPTION = re.compile(r"[^\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff〇，。！？；：、]+")
_REFUSAL = re.compile(
    r"抱歉|对不起|不好意思|很遗憾|无法(?:识别|查看|看到|提供|回答|描述|分析|处理|完成|满足|生成|创作|协助|访问)"
    r"|不能(?:识别|查看|看到|提供|回答|描述|分析|协助|满足)|(?:没有|未)(?:看到|收到|提供|上传)[^，。]{0,6}(?:图|照片)"
    r"|作为(?:一个|一名|一款)?(?:人工智能|语言模型|助手|AI)|请(?:上传|提供|重新)|有什么可以帮"
)
_PROSE = re.compile(
    r"[的们吗呢吧您嘛]|这[句首是里个张]|照片|图片|图中|画面|诗句|描述|描写|以下|如下|要求|提示|指令|意境|展现|表达"
)


def read_description(answer: str, prompt: str) -> str | None:
    """A description in simplified characters, at most 80 of them, marks included; None if the answer holds none.

    Args:
        answer: as the model gave it.
        prompt: what it was asked, which it must not repeat.
    """
    for text in _texts(answer):
        said = _LABEL.sub("", text.strip()) if len(text) < 400 else text
        foreign = len(re.findall(r"[A-Za-zÀ-ɏЀ-ӿ぀-ヿ가-힣]", said))
        said = _NOT_DESCRIPTION.sub("", _simplified(said).translate(_DIGITS))
        characters = bare(said)
        if len(characters) < 4 or foreign > len(characters) or _REFUSAL.search(said) or _repeats(characters, prompt):
            continue
        return _shortened(re.sub(r"([，。！？；：、])[，。！？；：、]+", r"\1", said).lstrip("，。！？；：、"))
    return None


def read_lines(answer: str, form: str, prompt: str) -> tuple[str, ...]:
    """The lines of verse in an answer that have the form that was asked for, each once, in simplified characters.

    Args:
        answer: as the model gave it.
        form: one of `FORMS`: five or seven characters a clause, one or two clauses; for 词 one to five of 2 to 9.
        prompt: what it was asked, which it must not repeat.
    """
    lines: dict[str, str] = {}
    for text in _texts(answer):
        if _REFUSAL.search(text):
            continue
        text = "\n".join(_NUMBER.sub("", part) for part in _ASIDE.sub("\n", _simplified(text)).splitlines())
        for line in _verses(text, form):
            characters = bare(line)
            if not _PROSE.search(line) and not _repeats(characters, prompt) and _varied(line):
                lines.setdefault(characters, line)
    return tuple(lines.values())[:_MOST_LINES]


def read_numbered(answer: str) -> dict[int, str]:
    """Number -> text of an answer whose JSON is keyed by number, in whatever it is wrapped; all that came of one cut short."""
    answer = _THOUGHT.sub("", answer[:_LONGEST_THOUGHT])
    return {int(found.group(1)): _unescaped(found.group(2)) for found in _NUMBERED.finditer(answer)}


# --- from an answer to texts


def _texts(answer: str) -> Iterator[str]:
    """The strings of an answer that may be what was asked for."""
    answer = _THOUGHT.sub("", answer[:_LONGEST_THOUGHT]).strip()[:_LONGEST_ANSWER]
    fenced = _FENCE.search(answer)
    inner = fenced.group(1) if fenced and fenced.group(1).strip() else answer
    openings = [found.start() for found in re.finditer(r"[{\[]", inner)]
    for at in openings[:20]:
        try:
            data, _ = json.JSONDecoder(strict=False).raw_decode(inner, at)
        except (ValueError, RecursionError):
            continue
        if texts := list(_strings(data)):
            yield from texts
            return
    # no JSON, or cut short, or not quite: the strings in it that are whole and are no keys, else all of it
    strings = (found for found in _STRING.finditer(inner) if not inner[found.end() :].lstrip().startswith(":"))
    quoted = "\n".join(_unescaped(found.group(1)) for found in strings) if openings else ""
    yield quoted or inner


def _strings(data: object) -> Iterator[str]:
    """The texts in JSON of whatever form; of an object those under the names that we know, if it has any."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, list):
        if texts := [item for item in data if isinstance(item, str)]:
            yield "\n".join(texts)
        for item in data:
            if not isinstance(item, str):
                yield from _strings(item)
    elif isinstance(data, dict):
        known = [data[key] for key in _TEXT_KEYS if key in data]
        for item in known or data.values():
            yield from _strings(item)


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _simplified(text: str) -> str:
    return simplify_verse([_WRAPPING.sub("", text.translate(_MARKS)).replace("\x1e", "")])[0]


# --- from texts to what is wanted


def _shortened(text: str) -> str:
    """At most 80 characters, ended where a sentence or at least a clause ends."""
    text = text.rstrip("，；：、")
    if len(text) > LONGEST_DESCRIPTION:
        text = text[: LONGEST_DESCRIPTION - 1]
        end = max(text.rfind(mark) for mark in "。！？；") + 1 or max(text.rfind(mark) for mark in "，、") + 1
        text = text[:end] if end > LONGEST_DESCRIPTION // 3 else text
        text = text.rstrip("，；：、")
    return text if text[-1] in "。！？" else text + "。"


def _verses(text: str, form: str) -> Iterator[str]:
    """Lines of the form in a text that may hold other things beside."""
    if form in _LENGTHS:
        yield from _regular(text, _LENGTHS[form])
        return
    for sentence in re.findall(r"[^。！？\n]+[。！？]?", re.sub(r"([，、；])\s*\n", r"\1", text)):
        sentence = sentence.rpartition("：")[2]
        halves = clauses(re.sub(r"\s+", "，", sentence.strip()))
        if 1 <= len(halves) <= 5 and all(2 <= len(half) <= 9 for half in halves) and 6 <= sum(map(len, halves)) <= 32:
            yield "，".join(halves) + _end(sentence)


def _regular(text: str, length: int) -> Iterator[str]:
    """Couplets, and single clauses between other things, of clauses of one length."""
    pair: list[str] = []
    for found in re.finditer(r"([^，。！？；：、\n\s]+)([，。！？；：、\n\s]*)", text):
        part, marks = bare(found.group(1)), found.group(2)
        if part != found.group(1) or len(part) not in (length, 2 * length) or "：" in marks:
            if pair:
                yield pair[0] + "。"
            pair = []
            continue
        pair += [part] if len(part) == length else [part[:length], part[length:]]
        while len(pair) >= 2:
            yield f"{pair[0]}，{pair[1]}{_end(marks)}"
            pair = pair[2:]
        if pair and any(mark in marks for mark in "。！？；"):
            yield pair.pop() + _end(marks)
    if pair:
        yield pair[0] + "。"


def _end(text: str) -> str:
    return next((mark for mark in text[::-1] if mark in "？！"), "。")


def _varied(line: str) -> bool:
    """Whether it is more than a few characters over and over."""
    characters, halves = bare(line), clauses(line)
    return 2 * len(set(characters)) >= len(characters) and len(set(halves)) == len(halves)


def _repeats(characters: str, prompt: str, run: int = 7) -> bool:
    """Whether a run of characters is the prompt's own."""
    asked = bare(prompt)
    run = min(run, len(characters))
    return any(characters[i : i + run] in asked for i in range(len(characters) - run + 1))
