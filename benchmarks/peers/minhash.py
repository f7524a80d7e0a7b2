r"""MinHash signatures by other packages, over packed texts, as a script in their own environments: NAME SEED FOLDER OUT.

In:  FOLDER/texts.bin and offsets.bin (`benchmarks.signal_texts.pack`).
Out: OUT, .npy [texts, 112] of the package's own minima; one line on standard output: CPU-seconds, wall seconds, and CPU-seconds by part.

Texts are decoded outside of the clock. "shingles" in a name: the package takes a set of tokens, so the set is made here in plain Python, as
its README shows: words `\w+` of the lower-cased text, joined five by five. NAME with "-ready": the same sets made outside of the clock.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

BANDS, ROWS, NGRAM = 14, 8, 5
PERMUTATIONS = BANDS * ROWS
WORD = re.compile(r"\w+")

Sets = list[Any]
Sign = Callable[[Sets, int], np.ndarray]


def read(folder: Path) -> list[str]:
    """The packed texts."""
    data, offsets = (folder / "texts.bin").read_bytes(), np.fromfile(folder / "offsets.bin", "<i8").tolist()
    return [data[start:end].decode() for start, end in pairwise(offsets)]


def shingles(text: str) -> set[str]:
    """The set of the runs of five words; of a shorter text, itself."""
    words = WORD.findall(text.lower())
    return {" ".join(words[at : at + NGRAM]) for at in range(max(1, len(words) - NGRAM + 1))}


def byte_shingles(text: str) -> list[bytes]:
    """The same as UTF-8, for datasketch, which hashes bytes."""
    return [shingle.encode() for shingle in shingles(text)]


def datasketch(way: str) -> Sign:
    """`update_batch` for each text or `bulk` for all; with xxh32 as hash function, which its README recommends, or its own SHA-1."""
    from datasketch import MinHash

    settings: dict[str, Any] = {"num_perm": PERMUTATIONS}
    if "sha1" not in way:
        import xxhash

        settings["hashfunc"] = xxhash.xxh32_intdigest

    def by_text(sets: Sets, seed: int) -> np.ndarray:
        rows = []
        for tokens in sets:
            minhash = MinHash(seed=seed, **settings)
            minhash.update_batch(tokens)
            rows.append(minhash.hashvalues)
        return np.array(rows)

    def in_bulk(sets: Sets, seed: int) -> np.ndarray:
        return np.array([minhash.hashvalues for minhash in MinHash.bulk(sets, seed=seed, **settings)])

    return in_bulk if "bulk" in way else by_text


def rensa(way: str) -> Sign:
    """`update` of a signature for each text, or the matrix of all at once."""
    from rensa import RMinHash

    def by_text(sets: Sets, seed: int) -> np.ndarray:
        rows = []
        for tokens in sets:
            minhash = RMinHash(num_perm=PERMUTATIONS, seed=seed)
            minhash.update(tokens)
            rows.append(minhash.digest())
        return np.array(rows, np.uint32)

    def in_bulk(sets: Sets, seed: int) -> np.ndarray:
        return np.array(RMinHash.digests_from_token_sets(sets, PERMUTATIONS, seed), np.uint32)

    return in_bulk if "bulk" in way else by_text


def datatrove(_way: str) -> Sign:
    """Its first step: its normalisation, spaCy's splitter of English words, xxhash64, 112 permutations. Files are not written."""
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig

    def sign(texts: Sets, seed: int) -> np.ndarray:
        config = MinhashConfig(n_grams=NGRAM, num_buckets=BANDS, hashes_per_bucket=ROWS, seed=seed)
        with tempfile.TemporaryDirectory() as folder:
            step = MinhashDedupSignature(folder, config=config)
        rows = np.full((len(texts), PERMUTATIONS), np.iinfo(np.uint64).max, np.uint64)
        for row, text in zip(rows, texts, strict=True):
            found = step.get_shingles(text)
            if found.size:
                row[:] = np.concatenate(step.get_signature(found))
        return rows

    return sign


def text_dedup(_way: str) -> Sign:
    r"""Its `embed_func` as its command calls it by default (words split at `\W`), but with xxh3 for SHA-1, which is faster."""
    from text_dedup.minhash import SIGNATURE_COLUMN, embed_func
    from text_dedup.utils import xxh3_32hash

    prime, largest = np.uint64((1 << 61) - 1), np.uint32((1 << 32) - 1)

    def sign(texts: Sets, seed: int) -> np.ndarray:
        generator = np.random.RandomState(seed)
        permutations = tuple(generator.randint(least, prime, size=PERMUTATIONS, dtype=np.uint64) for least in (1, 0))
        rows = []
        for number, text in enumerate(texts):
            found = embed_func(
                text, number, num_perm=PERMUTATIONS, ngram_size=NGRAM, min_length=0,
                hashranges=[(band * ROWS, (band + 1) * ROWS) for band in range(BANDS)], permutations=permutations,
                hash_func=xxh3_32hash, dtype=np.uint64, max_hash=largest, modulo_prime=prime,
            )  # fmt: skip
            rows.append(np.frombuffer(b"".join(found[SIGNATURE_COLUMN]), ">u8"))
        return np.array(rows, np.uint64)

    return sign


# What makes tokens of a text, and the family of ways.
KINDS: dict[str, tuple[Callable[[str], Any], Callable[[str], Sign]]] = {
    "datasketch": (byte_shingles, datasketch),
    "rensa": (shingles, rensa),
    "datatrove": (str, datatrove),
    "textdedup": (str, text_dedup),
}


def run(name: str, texts: Sequence[str], seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    """The signatures and what they cost."""
    make, family = KINDS[name.partition("-")[0]]
    sign = family(name)
    sign([make("words that are not timed, to load what loads late")], seed)
    prepared = [make(text) for text in texts] if name.endswith("-ready") else None
    wall, cpu = time.monotonic(), time.process_time()
    sets = [make(text) for text in texts] if prepared is None else prepared
    made = time.process_time()
    minima = sign(sets, seed)
    done = time.process_time()
    return minima, {
        "cpu_s": done - cpu,
        "wall_s": time.monotonic() - wall,
        "parts": {"shingles": made - cpu, "signatures": done - made} if make is not str and prepared is None else {},
    }


def main() -> None:
    name, seed, folder, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    minima, told = run(name, read(folder), seed)
    with out.open("wb") as file:
        np.save(file, minima, allow_pickle=False)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
