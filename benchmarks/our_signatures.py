"""Our signatures of packed texts, in a process that loads nothing else: `python -m benchmarks.our_signatures SEED FOLDER OUT`.

OUT gets them as .npy; standard output one line of JSON. Texts are read and Arrow batches of 1,000 rows made outside of the clock.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.signal_texts import unpack
from filters.duplicates.signature import signatures

ROWS = 1000


def signed(folder: Path, seed: int) -> tuple[list[Any], np.ndarray, float]:
    """Batches of texts, their signatures, and the CPU-seconds of these; the first call, which loads compiled code, is not timed."""
    batches = unpack(folder, ROWS)
    signatures(batches[0][:1])
    before = time.process_time()
    rows = [signatures(batch, seed=seed) for batch in batches]
    return batches, np.concatenate(rows), time.process_time() - before


if __name__ == "__main__":
    _, minima, cpu_s = signed(Path(sys.argv[2]), int(sys.argv[1]))
    with Path(sys.argv[3]).open("wb") as file:
        np.save(file, minima, allow_pickle=False)
    sys.stdout.write(json.dumps({"cpu_s": cpu_s, "wall_s": cpu_s}) + "\n")
