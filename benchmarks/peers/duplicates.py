"""Near-duplicates by other packages, as a script in their own environments: NAME THRESHOLD FOLDER OUT.

In:  FOLDER/texts.bin and offsets.bin (`benchmarks.signal_texts.pack`).
Out: OUT, JSON: `pairs`, every two texts that the package's index brings together; or `clusters`, a label for each text. One line on
     standard output: CPU-seconds (children counted), wall seconds, CPU-seconds by part, texts kept.

112 permutations throughout. datatrove has fixed bands: 14 of 8 minima below 0.75, else 11 of 10, whose curve is steepest at 0.79;
text-dedup and datasketch choose theirs for the threshold; rensa gets 14 bands. NAME with "-keep" is for speed: a text stays where the index
has nothing like it among those that stayed, and no pairs are written.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))  # -I leaves the script's own folder out
from minhash import NGRAM, PERMUTATIONS, byte_shingles, read, shingles

Found = dict[str, Any]


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _indexed(lsh: Any, minhashes: Iterator[Any], *, keep: bool) -> Found:
    """Of an index with insert and query: what stayed, or all pairs."""
    if keep:
        stayed = 0
        for number, minhash in enumerate(minhashes):
            if not lsh.query(minhash):
                lsh.insert(number, minhash)
                stayed += 1
        return {"kept": stayed}
    held = list(minhashes)
    for number, minhash in enumerate(held):
        lsh.insert(number, minhash)
    pairs = [(number, other) for number, minhash in enumerate(held) for other in sorted(lsh.query(minhash)) if other > number]
    return {"pairs": pairs}


def datasketch(texts: list[str], threshold: float, *, keep: bool) -> Found:
    """MinHashLSH over MinHash with xxh32, shingles made in Python."""
    import xxhash
    from datasketch import MinHash, MinHashLSH

    def minhashes() -> Iterator[Any]:
        for text in texts:
            minhash = MinHash(num_perm=PERMUTATIONS, hashfunc=xxhash.xxh32_intdigest)
            minhash.update_batch(byte_shingles(text))
            yield minhash

    return _indexed(MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS), minhashes(), keep=keep)


def rensa(texts: list[str], threshold: float, *, keep: bool) -> Found:
    """RMinHashLSH over RMinHash, shingles made in Python."""
    from rensa import RMinHash, RMinHashLSH

    def minhashes() -> Iterator[Any]:
        for text in texts:
            minhash = RMinHash(num_perm=PERMUTATIONS, seed=1)
            minhash.update(shingles(text))
            yield minhash

    return _indexed(RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=14), minhashes(), keep=keep)


def datatrove(texts: list[str], threshold: float, *, keep: bool) -> Found:
    """Its four steps over a JSONL file, one task at a time."""
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers.jsonl import JsonlWriter

    bands, rows = (14, 8) if threshold < 0.75 else (11, 10)
    config = MinhashConfig(n_grams=NGRAM, num_buckets=bands, hashes_per_bucket=rows)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given, signed, buckets, removed = (str(folder / part) for part in ("given", "signed", "buckets", "removed"))
        Path(given).mkdir()
        Path(given, "texts.jsonl").write_text(
            "".join(json.dumps({"text": text, "id": str(number)}) + "\n" for number, text in enumerate(texts)), encoding="utf-8"
        )
        steps: list[tuple[int, list[Any]]] = [
            (1, [JsonlReader(given), MinhashDedupSignature(signed, config=config)]),
            (bands, [MinhashDedupBuckets(signed, buckets, config=config)]),
            (1, [MinhashDedupCluster(buckets, removed, config=config, save_cluster_id=True)]),
            (1, [JsonlReader(given), MinhashDedupFilter(removed), JsonlWriter(str(folder / "kept"))]),
        ]
        for number, (tasks, pipeline) in enumerate(steps):
            LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=str(folder / f"log{number}")).run()
        clusters, gone = Path(removed, "000000.clusters"), Path(removed, "000000.remove")
        stayed = len(texts) - (gone.stat().st_size // 4 if gone.exists() else 0)
        labels = list(range(len(texts)))
        if clusters.exists():
            for text, cluster in struct.iter_unpack("<2I", clusters.read_bytes()):
                labels[text] = len(texts) + cluster
    return {"kept": stayed} if keep else {"clusters": labels, "kept": stayed}


def text_dedup(texts: list[str], threshold: float, *, keep: bool) -> Found:
    """Its command over a JSONL file, in this process, one worker; it needs no network for a local file."""
    os.environ |= {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    from text_dedup import minhash

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "texts.jsonl"
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        settings = {
            "path": "json", "data_files": str(file), "split": "train", "cache_dir": str(folder / "cache"), "output": str(folder / "out"),
            "column": "text", "ngram": NGRAM, "min_length": 1, "num_perm": PERMUTATIONS, "threshold": threshold, "hash_func": "xxh3",
            "num_proc": 1,
        }  # fmt: skip
        minhash.main([f"--{name}={value}" for name, value in settings.items()], standalone_mode=False)
        labels = [int(minhash.uf.find(number)) for number in range(len(texts))]
    stayed = len(set(labels))
    return {"kept": stayed} if keep else {"clusters": labels, "kept": stayed}


WAYS: dict[str, Callable[..., Found]] = {"datasketch": datasketch, "rensa": rensa, "datatrove": datatrove, "textdedup": text_dedup}


def main() -> None:
    name, threshold, folder, out = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    texts = read(folder)
    wall, cpu = time.monotonic(), cpu_seconds()
    found = WAYS[name.partition("-")[0]](texts, threshold, keep=name.endswith("-keep"))
    told = {"cpu_s": cpu_seconds() - cpu, "wall_s": time.monotonic() - wall, "parts": {}}
    if "kept" in found:
        told["kept"] = {"kept": found["kept"]}
    out.write_text(json.dumps({key: value if isinstance(value, int) else np.array(value).tolist() for key, value in found.items()}))
    sys.stdout.write("\n" + json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
