"""The built-in text encoder's vocabulary: Chinese by the character, everything else by E5's own pieces.

Of E5's 250,002 pieces a Chinese reader needs few. We keep the single characters that verse and people use, the
commonest Latin pieces, digits and punctuation, and add the characters that E5 never learnt. An added character
starts from a variant form that E5 knows (馀 from 餘), else from the company it keeps: the mean of the
characters that stand beside it in verse.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from opencc import OpenCC
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from training.e5 import E5

LATIN_PIECES = 4000
_LATIN = re.compile(r"▁?[A-Za-z]+")
_ASCII = re.compile(r"▁?[!-~]")
_VARIANTS = ("s2t", "t2s", "t2tw", "t2hk", "t2jp", "jp2t")


def is_han(character: str) -> bool:
    """True for a Chinese character, in any plane."""
    return unicodedata.name(character, "").startswith(("CJK UNIFIED", "CJK COMPAT")) or character in "〇々"


def gb2312() -> set[str]:
    """The 6,763 characters that any modern Chinese text may use."""
    rows = (bytes((high, low)) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    return {text for row in rows if len(text := row.decode("gb2312", "ignore")) == 1}


def choose_pieces(e5: E5, texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """(pieces of E5 to keep, characters to add), specials first, the rest in E5's own order."""
    counts = Counter(character for text in texts for character in text)
    han = {c for c in counts if is_han(c)} | gb2312()
    latin = [p for p in e5.pieces if _LATIN.fullmatch(p)][:LATIN_PIECES]  # E5's pieces fall by frequency
    other = {c for c, n in counts.items() if n >= 5 and not is_han(c)}
    wanted = han | set(latin) | other | {"▁", "<s>", "<pad>", "</s>", "<unk>"}
    kept = [p for p in e5.pieces if p in wanted or _ASCII.fullmatch(p)]
    return kept, sorted(han - set(kept))


def initial_embeddings(
    pieces: list[str], table: NDArray[np.float32], kept: list[str], added: list[str], verses: Iterable[str]
) -> NDArray[np.float32]:
    """Rows of `table`, whose pieces are `pieces`, for what is kept, and new ones: float32[len(kept) + len(added), d]."""
    row = {piece: i for i, piece in enumerate(pieces)}
    wanted, company = set(added), {c: Counter[str]() for c in added}
    for verse in verses:
        for i, character in enumerate(verse):
            if character in wanted:
                company[character].update(c for c in verse[max(0, i - 2) : i + 3] if c in row and is_han(c))
    converters = [OpenCC(name) for name in _VARIANTS]
    center = table[[row[p] for p in kept if is_han(p[-1])]].mean(0)
    out = [table[row[p]] for p in kept]
    for character in added:
        variants = [v for c in converters if (v := c.convert(character)) != character and v in row]
        if variants:
            out.append(table[row[variants[0]]])
        elif company[character]:
            rows, weights = zip(*((row[c], n) for c, n in company[character].items()), strict=True)
            out.append(np.average(table[list(rows)], axis=0, weights=weights))
        else:
            out.append(center)
    return np.stack(out).astype(np.float32)


def missing_characters(tokenizer: Tokenizer, verses: Iterable[str]) -> list[str]:
    """Chinese characters of the verses that a tokenizer doesn't know."""
    known = tokenizer.get_vocab()
    unread = {c for verse in verses for c in verse if c not in known}
    unknown = tokenizer.token_to_id("<unk>")
    return sorted(c for c in unread if is_han(c) and unknown in tokenizer.encode(c).ids)


def extend_tokenizer(tokenizer: Tokenizer, added: list[str]) -> Tokenizer:
    """The same tokenizer with more characters, numbered after its last piece."""
    settings = json.loads(tokenizer.to_str())
    rarest = min(score for _, score in settings["model"]["vocab"])
    settings["model"]["vocab"] += [[character, rarest] for character in added]
    return Tokenizer.from_str(json.dumps(settings))


def build_tokenizer(e5: E5, kept: list[str], added: list[str]) -> Tokenizer:
    """A unigram tokenizer of the kept and added pieces that reads as XLM-R's does."""
    score = dict(zip(e5.pieces, e5.scores.tolist(), strict=True))
    rarest = min(score.values())
    pieces = [(p, score[p]) for p in kept] + [(c, rarest) for c in added]
    index = {piece: i for i, (piece, _) in enumerate(pieces)}
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=index["<unk>"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("  ", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", index["<s>"]), ("</s>", index["</s>"])]
    )
    return tokenizer
