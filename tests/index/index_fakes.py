"""A tiny corpus and an encoder that needs no model. Run as a program, it builds an index slowly, to be killed."""

import hashlib
import sys
import time
from pathlib import Path

import numpy as np

from image2poem.index import build

CHARACTERS = "春江潮水连海平海上明月共潮生滟滟随波千万里何处春江无月明江流宛转绕芳甸月照花林皆似霰空里流霜不觉飞"


class TinyVerses:
    """`count` different verses of five characters and a stop."""

    def __init__(self, count, corpus_id="tiny", texts=None):
        self.all = texts or [verse(i) for i in range(count)]
        self.corpus_id = corpus_id

    def __len__(self):
        return len(self.all)

    def texts(self, start, stop):
        return self.all[start:stop]


class HashEncoder:
    """The same text always gives the same unit vector. Counts what it encodes; stops with `error` after `after`."""

    dimension = 16

    def __init__(self, model_id="hash", after=None, error=None):
        self.model_id, self.after, self.error = model_id, after, error
        self.encoded = []

    def encode_document(self, texts):
        self.encoded += texts
        if self.after is not None and len(self.encoded) > self.after:
            raise self.error
        return np.stack([unit(text) for text in texts])

    encode_query = encode_document


class SlowEncoder(HashEncoder):
    def encode_document(self, texts):
        time.sleep(0.05)
        return super().encode_document(texts)


def verse(i):
    digits = [(i // 47**p + 7 * p) % 47 for p in range(5)]
    return "".join(CHARACTERS[d] for d in digits) + f"{i}。"


def unit(text):
    vector = np.frombuffer(hashlib.shake_128(text.encode()).digest(64), "<i4").astype(np.float32)
    return vector / np.linalg.norm(vector)


if __name__ == "__main__":
    build.CHUNK = build.BATCH = 32
    target, number = Path(sys.argv[1]), int(sys.argv[2])
    build.build_index(TinyVerses(number), number, SlowEncoder(), target, lambda done, total: print(done, flush=True))
