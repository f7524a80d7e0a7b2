"""dolma's taggers over packed texts: NAME FOLDER OUT. Runs in dolma's environment, as a script; prints one line of totals.

NAME is a tagger's: gopher_v1, c4_v1, c4_v2 (its faster one). A tagger gives attributes of spans and no verdict.
"""

from __future__ import annotations

import json
import sys
import time
from array import array
from itertools import pairwise
from pathlib import Path

import nltk

# On import dolma downloads punkt where it is not found; these taggers have no use for it.
nltk.data.find = lambda *_, **__: None

from dolma.core.data_types import Document  # noqa: E402
from dolma.core.registry import TaggerRegistry  # noqa: E402


def main() -> None:
    folder, tagger = Path(sys.argv[2]), TaggerRegistry.get(sys.argv[1])()
    data, offsets = (folder / "texts.bin").read_bytes(), array("q", (folder / "offsets.bin").read_bytes())
    texts = [data[start:end].decode() for start, end in pairwise(offsets)]
    cpu, wall = time.process_time(), time.monotonic()
    for text in texts:
        tagger.predict(Document("texts", "0", text))
    sys.stdout.write(json.dumps({"cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - wall}) + "\n")


if __name__ == "__main__":
    main()
