"""The default source: the npm package `chinese-poetry`, or the repository of the same name that it is made from.

Both hold the same files under other folder names, so each collection says by which folder and file it is found.
What is no poem is never read: 论语, 蒙学 (but for 千家诗, an anthology), 四书五经, 幽梦影. Nor is `error/`, a copy of
8,992 poems of the main sets that a program found suspicious: our own rules look at those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image2poem.corpus.archive import read_archive
from image2poem.corpus.work import Script, Work
from image2poem.errors import CorpusError


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection of poems: where its files are and what they don't say themselves."""

    name: str
    folders: tuple[str, ...]  # in the package, in the repository
    file: str  # pattern of the file's name
    genre: str
    dynasty: str
    script: Script
    author: str = ""
    tags: tuple[str, ...] = ()
    supplement: bool = False  # overlaps an earlier one; only what that lacks is kept


_T, _S = Script.TRADITIONAL, Script.SIMPLIFIED
COLLECTIONS = (
    Collection("全唐诗", ("quantangshi", "全唐诗"), r"poet\.tang\.\d+\.json", "诗", "唐", _T),
    Collection("全宋诗", ("quantangshi", "全唐诗"), r"poet\.song\.\d+\.json", "诗", "宋", _T),
    Collection("唐诗三百首", ("quantangshi", "全唐诗"), r"唐诗三百首\.json", "诗", "唐", _T, tags=("唐诗三百首",)),
    Collection("唐诗补录", ("quantangshi", "全唐诗"), r"唐诗补录\.json", "诗", "唐", _S),
    Collection(
        "御定全唐诗", ("yudingquantangshi/json", "御定全唐詩/json"), r"\d+\.json", "诗", "唐", _T, supplement=True
    ),
    Collection("水墨唐诗", ("shuimotangshi", "水墨唐诗"), r"shuimotangshi\.json", "诗", "唐", _S, tags=("水墨唐诗",)),
    Collection("千家诗", ("mengxue", "蒙学"), r"qianjiashi\.json", "诗", "宋", _T, tags=("千家诗",)),
    Collection("全宋词", ("songci", "宋词"), r"ci\.song\.(\d+|2019y)\.json", "词", "宋", _S),
    Collection("宋词三百首", ("songci", "宋词"), r"宋词三百首\.json", "词", "宋", _S, tags=("宋词三百首",)),
    Collection("花间集", ("huajianji",), r"huajianji-[1-9x]-juan\.json", "词", "五代", _S, tags=("花间集",)),
    Collection("南唐二主词", ("nantang",), r"poetrys\.json", "词", "五代", _S, tags=("南唐二主词",)),
    Collection("元曲", ("yuanqu", "元曲"), r"yuanqu\.json", "曲", "元", _S),
    Collection("诗经", ("shijing", "诗经"), r"shijing\.json", "诗经", "先秦", _S, author="佚名"),
    Collection("楚辞", ("chuci", "楚辞"), r"chuci\.json", "楚辞", "先秦", _S),
    Collection("纳兰性德", ("nalanxingde", "纳兰性德"), r"纳兰性德诗集\.json", "词", "清", _S, author="纳兰性德"),
    Collection("曹操诗集", ("caocaoshiji", "曹操诗集"), r"caocao\.json", "诗", "汉", _S, author="曹操"),
)
_RANKS = re.compile(r"(?:^|/)rank/(?:poet|ci)/((?:poet\.(?:tang|song)|ci\.song))\.rank\.(\d+|2019y)\.json$")
_STRUCTURES = re.compile(r"(?:^|/)(?:quantangshi|全唐诗)/表面结构字\.json$")
_ENGINE = "so360"  # of five, the one whose counts tell known poems from unknown ones best
_HAN_CHUCI = frozenset(("贾谊", "淮南小山", "东方朔", "庄忌", "严忌", "王褒", "刘向", "王逸"))
_TANG_CI = frozenset(("温庭筠", "皇甫松", "韦庄"))
_PATTERNS = tuple(
    (c, re.compile(r"(?:^|/)(?:" + "|".join(map(re.escape, c.folders)) + ")/" + c.file + "$")) for c in COLLECTIONS
)


def collection_of(name: str) -> Collection | None:
    """The collection that a file of the package or the repository belongs to, None for what isn't read."""
    return next((collection for collection, pattern in _PATTERNS if pattern.search(name)), None)


def is_wanted(name: str) -> bool:
    """Whether a file of the package or the repository is read."""
    return bool(collection_of(name) or _RANKS.search(name) or _STRUCTURES.search(name))


def parse(name: str, data: bytes) -> Any:
    """The JSON in a file of a source.

    Raises:
        CorpusError: it isn't JSON; names the file and the reason.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CorpusError(
            f"{name} can't be read as JSON ({error}); fetch the source again or repair the file"
        ) from None


def _number(name: str) -> tuple[int, str]:
    digits = re.search(r"\.(\d+)\.json$", name)
    return (int(digits.group(1)) if digits else 10**9, name)


def _hits(row: dict[str, Any]) -> float:
    found = row.get(_ENGINE)
    return float(found) if isinstance(found, int | float) else 0.0


def _lines(raw: Any) -> tuple[str, ...]:
    return tuple(line for line in raw if isinstance(line, str)) if isinstance(raw, list) else ()


def _records(collection: Collection, name: str, parsed: Any) -> list[dict[str, Any]]:
    if collection.name == "千家诗" and isinstance(parsed, dict):
        parsed = [poem for part in parsed.get("content", []) for poem in part.get("content", [])]
    if not isinstance(parsed, list) or not all(isinstance(record, dict) for record in parsed):
        raise CorpusError(f"{name} isn't a list of poems; fetch the source again")
    return parsed


def _title(collection: Collection, record: dict[str, Any]) -> str:
    title = record.get("title") or record.get("chapter") or ""
    tune = record.get("rhythmic") or ""
    if collection.name == "南唐二主词" and not title:
        title = tune
    if collection.name == "楚辞" and record.get("section") not in (None, title):
        return f"{record['section']}·{title}"
    return str(title or tune)


def _work(collection: Collection, record: dict[str, Any], hits: float) -> Work:
    author = str(record.get("author") or collection.author)
    dynasty = collection.dynasty
    if collection.name == "千家诗" and (signed := re.match(r"（(.{1,2})）(.*)", author)):
        dynasty, author = signed.groups()
    if collection.name == "楚辞" and author in _HAN_CHUCI:
        dynasty = "汉"
    if collection.name == "花间集" and author in _TANG_CI:
        dynasty = "唐"
    tags = [*collection.tags, *(tag for tag in record.get("tags") or () if isinstance(tag, str))]
    if collection.name == "诗经":
        tags += [str(record[key]) for key in ("chapter", "section") if record.get(key)]
    return Work(
        title=_title(collection, record),
        author=author,
        dynasty=dynasty,
        genre=collection.genre,
        lines=_lines(record.get("paragraphs") or record.get("content") or record.get("para") or []),
        source=collection.name,
        script=collection.script,
        tags=tuple(dict.fromkeys(tags)),
        hits=hits,
        supplement=collection.supplement,
    )


def described_characters(files: dict[str, bytes]) -> dict[str, str]:
    """ "{山/淪}" → the one character that the package knows for it."""
    for name, data in files.items():
        if _STRUCTURES.search(name):
            table = parse(name, data)
            return {
                key: found[0]["font"] for key, found in table.items() if len(found) == 1 and len(found[0]["font"]) == 1
            }
    return {}


def load(path: Path) -> dict[str, bytes]:
    """The files of the package or the repository that are read, by name.

    Raises:
        CorpusError: there are none, or they can't be read.
    """
    files = dict(read_archive(path, is_wanted))
    if not any(map(collection_of, files)):
        raise CorpusError(
            f"{path} holds none of the collections of chinese-poetry; name the package, its folder or archive"
        )
    return files


def read(files: dict[str, bytes]) -> Iterator[Work]:
    """All works of the collections, collection by collection, each in the order of its files.

    Raises:
        CorpusError: a file is damaged; names it.
    """
    ranks = {f"{m.group(1)}.{m.group(2)}.json": name for name in files if (m := _RANKS.search(name))}
    for collection, pattern in _PATTERNS:
        for name in sorted((name for name in files if pattern.search(name)), key=_number):
            records = _records(collection, name, parse(name, files[name]))
            rank = ranks.get(name.rsplit("/", 1)[-1])
            counts = parse(rank, files[rank]) if rank else []
            paired = len(counts) == len(records)
            for i, record in enumerate(records):
                yield _work(collection, record, _hits(counts[i]) if paired else 0.0)
