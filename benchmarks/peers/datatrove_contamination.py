"""datatrove's NGramsDecontFilter over texts, in one process: ITEMS TEXTS OUT.

Runs in the peer's environment, as a script, and needs nothing of this project.

In:  ITEMS, a JSON list of question and answer a line; TEXTS, a JSON string a line.
Out: OUT, true or false a line: whether the text is contaminated; and {"cpu_s": …} on standard output.

NGramsDecontIndexer asks for lighteval when it is made, and for its tasks when it is run. Its index is no more than a file of hashes, so the
file is written here from the filter's own tokenizer, normalisation and hashes, over what the indexer documents: the n-grams (12 words, its
default) of the question, of the answer, and of both where they meet. A question by itself counts only on demand (find_query_ngrams), and
is asked for here.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter
from datatrove.utils.text import ngrams, simplify_text


def write_index(items: list[tuple[str, str]], folder: Path, config: NGramsDecontConfig) -> None:
    """The hashes of the items' n-grams, uint64, as the filter reads them."""
    maker = NGramsDecontFilter(str(folder), config)
    hashes: set[int] = set()
    for question, answer in items:
        asked, answered = (maker.tokenizer.word_tokenize(simplify_text(text, config.norm_config)) for text in (question, answer))
        words = config.n_grams
        # What meets has at least one word of each: the last words of the question and the first of the answer.
        meeting = asked[-(words - 1) :] + answered[: words - 1]
        for tokens in (asked, answered, meeting):
            hashes.update(maker.hash_func(" ".join(gram)) for gram in ngrams(tokens, words))
    np.array(sorted(hashes), dtype=config.hash_config.np_descr).tofile(folder / "items.index.hashes")


def main(items: Path, texts: Path, out: Path) -> None:
    """Filter the texts; reading the index is not timed."""
    config = NGramsDecontConfig(find_query_ngrams=True)
    rows = [json.loads(line) for line in texts.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        write_index([json.loads(line) for line in items.read_text(encoding="utf-8").splitlines()], Path(folder), config)
        decontaminate = NGramsDecontFilter(folder, config)
        decontaminate.filter(Document(text="to load the index and the tokenizer", id=""))
        started = time.process_time()
        kept = [decontaminate.filter(Document(text=text, id="")) is True for text in rows]
        cpu_s = time.process_time() - started
    out.write_text("".join(f"{json.dumps(not keep)}\n" for keep in kept), encoding="utf-8")
    sys.stdout.write(json.dumps({"cpu_s": cpu_s}) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
