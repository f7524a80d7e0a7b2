"""Small fastText models of every kind, written byte by byte with made weights.

Not trained: fasttext-numpy2 0.10.4 fails to train small ones more often than not ("Encountered NaN").
"""

import random
import struct

import numpy as np

LOSSES = {"hs": 1, "ns": 2, "softmax": 3, "ova": 4}
WORDS = [chooser * length for chooser in ("a", "bé", "жλ", "中文", "x1") for length in (1, 2, 3)]


def matrix(numbers, rows, dimensions):
    return struct.pack("<qq", rows, dimensions) + numbers.normal(size=(rows, dimensions)).astype("<f4").tobytes()


def quantiser(numbers, dimensions, width, scale=1.0):
    pieces = -(-dimensions // width)
    last = dimensions - width * (pieces - 1)
    return pieces, struct.pack("<4i", dimensions, pieces, width, last) + (scale * numbers.normal(size=256 * dimensions)).astype(
        "<f4"
    ).tobytes()


def quantised(numbers, rows, dimensions, width=2, lengths=True):
    pieces, table = quantiser(numbers, dimensions, width)
    codes = numbers.integers(0, 256, rows * pieces, dtype=np.uint8).tobytes()
    data = struct.pack("<?qqi", lengths, rows, dimensions, len(codes)) + codes + table
    return data + (numbers.integers(0, 256, rows, dtype=np.uint8).tobytes() + quantiser(numbers, 1, 1)[1] if lengths else b"")


def model(
    loss, *, kind=3, dimensions=7, shortest=0, longest=0, word_ngrams=1, buckets=0, pruned=None, compressed=False, output=False, labels=6
):
    """Bytes of a model.

    pruned: n-grams that a pruned model kept; None: all.
    compressed, output: whether its matrices are quantised.
    """
    numbers, chooser = np.random.default_rng(7), random.Random(7)
    words = [*WORDS, "</s>"]
    entries = [(word, 50 - place, 0) for place, word in enumerate(words)]
    entries += [(f"__label__{chr(0x61 + place)}λ", 40 - 5 * place, 1) for place in range(labels)]
    data = struct.pack("<2i", 793712314, 12)
    data += struct.pack("<12id", dimensions, 5, 5, 1, 5, word_ngrams, LOSSES[loss], kind, buckets, shortest, longest, 100, 1e-4)
    kept = None if pruned is None else chooser.sample(range(buckets), pruned)
    data += struct.pack("<3i2q", len(entries), len(words), labels, 1000, -1 if kept is None else len(kept))
    for name, count, sort in entries:
        data += name.encode() + b"\0" + struct.pack("<qb", count, sort)
    for row, bucket in enumerate(kept or []):
        data += struct.pack("<2i", bucket, row)
    rows = len(words) + (buckets if kept is None else len(kept))
    data += struct.pack("<?", compressed) + (quantised if compressed else matrix)(numbers, rows, dimensions)
    return data + struct.pack("<?", output) + (quantised if output else matrix)(numbers, labels, dimensions)


MODELS = {
    "hierarchical": {"loss": "hs", "shortest": 2, "longest": 4, "buckets": 500},
    "hierarchical pruned": {"loss": "hs", "shortest": 2, "longest": 4, "buckets": 500, "pruned": 200, "compressed": True, "dimensions": 16},
    "softmax of words": {"loss": "softmax"},
    "softmax of word n-grams": {"loss": "softmax", "word_ngrams": 3, "shortest": 3, "longest": 3, "buckets": 300},
    "softmax compressed": {"loss": "softmax", "word_ngrams": 2, "buckets": 300, "compressed": True, "output": True},
    "nothing kept": {"loss": "softmax", "word_ngrams": 2, "buckets": 300, "pruned": 0, "compressed": True},
    "one versus all": {"loss": "ova", "word_ngrams": 2, "buckets": 64},
    "negative sampling": {"loss": "ns", "shortest": 1, "longest": 5, "buckets": 1000},
}
