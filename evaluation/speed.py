"""How long a photo takes us, beside a search of the shape that is usual elsewhere, in one run on one machine.

usage: python -m evaluation.speed [--photos FOLDER] [--threads N]     (`make bench`)

The reference's shape: a BERT encoder of bge-base's size and an XLM-R cross-encoder of bge-reranker-base's size, both
loaded from disk for each request, and a flat FAISS index of as many vectors as we search. Their weights are random,
which changes nothing about speed. What would be slow in it and can't be timed here is left out: the vision model that
describes the photo, and the tokenizers; its index stays open. Its 1.5 GB go to a temporary folder (TMPDIR).

Ours is asked between its requests, so that both meet the machine in the same mood. Prints Markdown. Where other work
keeps the cores busy, use --threads 1: threads that wait for each other then slow both sides, part by part two to ten
times, and unevenly.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from image2poem import ImageToPoem
from image2poem.errors import Image2PoemError
from image2poem.matcher import SIDE
from image2poem.photo import find_photos, load_photo
from image2poem.retrieval import diversity, fusion, routes
from image2poem.retrieval.reranking import CANDIDATES
from image2poem.settings import load_settings

ROUNDS = 3  # requests of the reference's shape
ASKED = 8  # photos that we are asked in each round
ENOUGH = 120  # seconds after which no further round begins
PROCESSES = 5
BATCH = 24  # photos
VERSES = 512  # verses encoded at once to say how many a second
THEIR_VERSES = 64

# Lengths in tokens: a Chinese character is one for BERT and at most one for XLM-R.
DESCRIPTION = 32  # 夜空中的月亮，江上的小船，远处的山 and the like, with the tokens around it
VERSE = 18  # 月落乌啼霜满天，江枫渔火对愁眠。

COLD = """
import json, sys, time
start = time.perf_counter()
from image2poem.matcher import ImageToPoem
imported = time.perf_counter()
matcher = ImageToPoem()
matcher.seer, matcher.library, matcher.facets, matcher.weights
opened = time.perf_counter()
matcher.match(sys.argv[1])
print(json.dumps([imported - start, opened - imported, time.perf_counter() - opened]))
"""
THEIR_IMPORT = """
import json, time
start = time.perf_counter()
import faiss, torch
from transformers import BertModel, XLMRobertaForSequenceClassification
print(json.dumps([time.perf_counter() - start]))
"""


class Clock:
    """Seconds by name, a list of them for each thing that was done more than once."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.spent[name].append(time.perf_counter() - start)

    def seconds(self, *names: str) -> float | None:
        """The median; of several names, the sum of their medians. None if one of them was never timed."""
        if not all(name in self.spent for name in names):
            return None
        return sum(statistics.median(self.spent[name]) for name in names)


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder and a cross-encoder."""

    layers: int
    width: int
    encoder_words: int
    reranker_words: int


BGE = Shape(layers=12, width=768, encoder_words=21128, reranker_words=250002)


class Reference:
    """Search as it is usually put together: encoder, flat index, cross-encoder; the models loaded for each request."""

    def __init__(self, shape: Shape, verses: int, folder: Path, threads: int) -> None:
        """Write the two models with random weights into `folder`, and fill an index with random vectors."""
        import faiss
        import torch
        from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaForSequenceClassification
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        torch.set_num_threads(threads)
        faiss.omp_set_num_threads(threads)
        sizes = {
            "num_hidden_layers": shape.layers,
            "hidden_size": shape.width,
            "intermediate_size": 4 * shape.width,
            "num_attention_heads": max(1, shape.width // 64),
        }
        self._encoder, self._reranker = folder / "encoder", folder / "reranker"
        BertModel(BertConfig(vocab_size=shape.encoder_words, **sizes)).save_pretrained(self._encoder)
        XLMRobertaForSequenceClassification(
            XLMRobertaConfig(
                vocab_size=shape.reranker_words, max_position_embeddings=514, type_vocab_size=1, num_labels=1, **sizes
            )
        ).save_pretrained(self._reranker)
        self._shape = shape
        self._random = np.random.default_rng(0)
        self.index = faiss.IndexFlatIP(shape.width)
        for start in range(0, verses, 10_000):
            vectors = self._random.standard_normal((min(10_000, verses - start), shape.width), np.float32)
            faiss.normalize_L2(vectors)
            self.index.add(vectors)

    def request(self, clock: Clock) -> list[int]:
        """Answer one description as the reference does, from the loading on: the ids of the verses, best first.

        Then answers another with the models that are loaded now. Weights are mapped, so that the first answer is what
        really reads them: loading is what a request takes longer than such a second answer.
        """
        with clock("their request"):
            models = self._load()
            ids = self._answer(*models, Clock())
        self._answer(*models, clock)
        return ids

    def _load(self) -> tuple[Any, Any]:
        from transformers import BertModel, XLMRobertaForSequenceClassification

        encoder = BertModel.from_pretrained(self._encoder).eval()
        return encoder, XLMRobertaForSequenceClassification.from_pretrained(self._reranker).eval()

    def _answer(self, encoder: Any, reranker: Any, clock: Clock) -> list[int]:
        import torch

        with torch.inference_mode():
            with clock("their query"):
                query = self._encode(encoder, 1, DESCRIPTION)
            with clock("their search"):
                _, found = self.index.search(query, CANDIDATES)
            pairs = self._tokens(len(found[0]), DESCRIPTION + VERSE, self._shape.reranker_words)
            with clock("their rerank"):
                scores = reranker(input_ids=pairs, attention_mask=torch.ones_like(pairs)).logits[:, 0]
        return [int(found[0][i]) for i in scores.argsort(descending=True)]

    def encode_verses(self, clock: Clock) -> None:
        """Time the encoding of THEIR_VERSES verses, the encoder loaded and its weights read before."""
        import torch

        encoder, _ = self._load()
        with torch.inference_mode():
            self._encode(encoder, 1, VERSE)
            with clock("their verses"):
                self._encode(encoder, THEIR_VERSES, VERSE)

    def _encode(self, encoder: Any, count: int, length: int) -> np.ndarray:
        import torch

        ids = self._tokens(count, length, self._shape.encoder_words)
        first = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[:, 0]
        return torch.nn.functional.normalize(first, dim=-1).numpy()

    def _tokens(self, count: int, length: int, words: int) -> Any:
        import torch

        return torch.from_numpy(self._random.integers(5, words, (count, length)))  # 0..4 mean padding and the like


def ask(matcher: ImageToPoem, photo: Path, clock: Clock) -> None:
    """Match the photo, then do the same again in parts, as `ImageToPoem.match` does it."""
    with clock("match"):
        matcher.match(photo)
    with clock("photo"):
        picture = load_photo(photo, matcher.settings, max_side=SIDE)
    with clock("sight"):
        sight = matcher.seer.see(picture)
    with clock("words"):
        matcher.match(photo, sight.description)
    with clock("query"):
        query = routes.ask(matcher.text_encoder, sight, "")
    with clock("routes"):
        found = routes.find(matcher.library, query, None)
    with clock("fusion"):
        fused = fusion.fuse(found, matcher.weights, matcher.facets.fame)
    if matcher.reranker:  # of a description by somebody or a search, not of a photo alone
        first = matcher.corpus.verses(fused.ids[:CANDIDATES].tolist())
        with clock("rerank"):
            matcher.reranker.score(sight.description, [verse.text for verse in first])
    with clock("choice"):
        chosen = diversity.choose(fused, 5, matcher.facets.poem, matcher.library.naming, matcher.weights.repetition)
        matcher.corpus.verses([verse for verse, _ in chosen])
    with clock("search"):
        matcher.search(sight.description)


def ask_many(matcher: ImageToPoem, photos: list[Path], clock: Clock) -> None:
    """A batch of photos, and a batch of verses to encode."""
    with clock("batch"):
        for i in range(BATCH):
            matcher.match(photos[i % len(photos)])
    step = max(1, len(matcher.library.naming) // VERSES)
    verses = matcher.corpus.texts(0, step * VERSES)[::step][:VERSES]
    with clock("verses"):
        matcher.text_encoder.encode_document(verses)


def start_processes(photo: Path, clock: Clock, reference: bool) -> None:
    """The command as a person runs it, and what such a process spends its time on.

    Raises:
        Image2PoemError: the command fails, with its own sentence.
    """
    for _ in range(PROCESSES):
        with clock("process"):
            _python("-m", "image2poem", "match", str(photo))
        spent = json.loads(_python("-c", COLD, str(photo)))
        for name, seconds in zip(("import", "opening", "first match"), spent, strict=True):
            clock.spent[name].append(seconds)
    for _ in range(2 if reference else 0):
        clock.spent["their import"] += json.loads(_python("-c", THEIR_IMPORT))


def _python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise Image2PoemError(done.stderr.strip() or f"{' '.join(arguments[:3])} failed")
    return done.stdout


THEIR_ANSWER = ("their query", "their search", "their rerank")
TIMES = (  # what is timed, our part of it, theirs
    ("**one photo, as each is run: ours opened once, theirs loaded anew**", ("match",), ("their request",)),
    ("**the same, if theirs were loaded once too**", ("match",), THEIR_ANSWER),
    ("a photo and words about it", ("words",), ()),
    ("a description instead of a photo, both loaded", ("search",), THEIR_ANSWER),
    ("the photo read, turned and made smaller", ("photo",), ()),
    ("what it shows", ("sight",), ()),
    ("the description encoded", ("query",), ("their query",)),
    ("verses found (ours: every route; theirs: FAISS)", ("routes",), ("their search",)),
    (
        f"{CANDIDATES} verses read again (ours: where somebody said something)",
        ("rerank",),
        ("their rerank",),
    ),
    ("routes fused", ("fusion",), ()),
    ("verses chosen and their poems read", ("choice",), ()),
    ("**a whole process for one photo** (theirs: import and request)", ("process",), ("their import", "their request")),
    ("import", ("import",), ("their import",)),
    ("models, corpus and index opened", ("opening",), ()),
    ("the first answer (theirs: its models' loading as well)", ("first match",), ("their request",)),
)


def table(clock: Clock) -> Iterator[str]:
    """The Markdown table of what was timed; a dash where there is nothing to time."""
    yield "| | ours | the reference's shape | times faster |"
    yield "| --- | ---: | ---: | ---: |"
    for name, ours, theirs in TIMES:
        our, their = (clock.seconds(*names) if names else None for names in (ours, theirs))
        yield f"| {name} | {_ms(our)} | {_ms(their)} | {_times(their, our)} |"
    photos, verses, their_verses = (
        _a_second(count, clock.seconds(name))
        for count, name in ((BATCH, "batch"), (VERSES, "verses"), (THEIR_VERSES, "their verses"))
    )
    yield f"| {BATCH} photos one after the other | {_rate(photos)} | – | – |"
    yield f"| verses encoded, many at once | {_rate(verses)} | {_rate(their_verses)} | {_times(verses, their_verses)} |"


def _a_second(count: int, seconds: float | None) -> float | None:
    return count / seconds if seconds else None


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{1000 * seconds:,.{1 if seconds < 0.1 else 0}f} ms"


def _rate(a_second: float | None) -> str:
    return "–" if a_second is None else f"{a_second:,.0f} / s"


def _times(more: float | None, less: float | None) -> str:
    if more is None or not less:
        return "–"
    return f"{more / less:,.0f}" if more >= 10 * less else f"{more / less:.2g}"


def missing() -> str | None:
    """One sentence that says which package the reference's shape lacks here, if one does."""
    for package in ("torch", "transformers", "faiss"):
        try:
            __import__(package)
        except ImportError:
            return f"the reference's shape is left out: {package} is not installed here; `make bench` installs it"
    return None


def measure(photos: list[Path], threads: int, clock: Clock, reference: bool) -> int:
    """Time everything; returns how many verses were searched."""
    start = time.perf_counter()
    matcher = ImageToPoem(load_settings(threads=threads))
    ask(matcher, photos[0], Clock())  # opens everything, and says at once if something isn't there
    verses = len(matcher.library.naming)
    start_processes(photos[0], clock, reference)
    with tempfile.TemporaryDirectory(prefix="image2poem-speed-") as folder:
        theirs = Reference(BGE, verses, Path(folder), threads) if reference else None
        if theirs:
            theirs.request(Clock())
        for number in range(ROUNDS):
            if number and time.perf_counter() - start > ENOUGH:
                break
            for _ in range(ASKED):
                ask(matcher, photos[0], clock)
            ask_many(matcher, photos, clock)
            if theirs:
                theirs.request(clock)
                theirs.encode_verses(clock)
    return verses


def caption(clock: Clock, photo: Path, verses: int, threads: int, load: float) -> str:
    """What the table was made of, and what it leaves out."""
    with Image.open(photo) as image:
        size = f"{image.format} of {image.width} × {image.height}"
    asked, requests = len(clock.spent["match"]), len(clock.spent["their request"])
    packages = ("onnxruntime", "torch", "transformers", "faiss-cpu") if requests else ("onnxruntime",)
    sentences = [
        f"One run on one machine, so the ratios travel further than the milliseconds: {platform.machine()}, "
        f"{os.cpu_count()} cores with a load of {load:.1f} before, threads for each side: {threads}; {verses:,} "
        f"verses; the photo a {size}; {', '.join(f'{name} {version(name)}' for name in packages)}.",
        f"Medians of {asked} answers of ours, {requests} of theirs and {PROCESSES} processes.",
    ]
    if requests:
        sentences.append(
            f"The reference's shape has random weights and gets for nothing: the vision model that describes the "
            f"photo (it starts from a description of {DESCRIPTION} tokens), its tokenizers, its open index, and files "
            f"that lie in memory already. It reads {CANDIDATES} verses again with a cross-encoder of BERT-base's size, ours with "
            f"six narrow layers that read the description once: that is much of the ratio."
        )
    return " ".join(sentences)


def use_threads(threads: int) -> None:
    """Start this process anew if the libraries that read their threads from the environment didn't find them there."""
    wanted = {
        name: str(threads)
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "IMAGE2POEM_THREADS")
    }
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        command = [sys.executable, "-m", "evaluation.speed", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **wanted})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=Path("examples"), help="the first of them is the one photo")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="for each side; default: the cores")
    arguments = parser.parse_args()
    if arguments.threads < 1:
        parser.error("--threads must be at least 1")
    use_threads(arguments.threads)
    clock, load = Clock(), os.getloadavg()[0]
    if sentence := missing():
        print(sentence, file=sys.stderr)
    try:
        photos = [Path(name) for name in find_photos([arguments.photos])]
        verses = measure(photos, arguments.threads, clock, reference=sentence is None)
    except Image2PoemError as error:
        sys.exit(str(error))
    print("\n".join(table(clock)))
    print(f"\n{caption(clock, photos[0], verses, arguments.threads, load)}")


if __name__ == "__main__":
    main()
