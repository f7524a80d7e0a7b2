"""Our signals over packed texts, one process for each: `python -m benchmarks.our_signals NAME FOLDER OUT`.

`signals` measures and decides by four presets; `extraction` is all that the extraction pass measures of a text, language and MinHash
signature among it; `compile` measures one short text and tells what the first call took. Texts are read and Arrow batches of 1,000 rows
made outside of the clock. OUT gets the signals as an Arrow file; standard output one line of totals.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.signal_texts import unpack

ROWS = 1000
PRESETS = ("gopher@2021", "c4@tfds", "fineweb@2024", "fineweb-pipeline@2024")
_WARM = pa.array(["Some words of a text that is not timed. They fill the caches of code, not those of data.\n"] * 3)


class Clock:
    """CPU and wall seconds, by part."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}
        self.wall_s = 0.0

    def run(self, part: str, work: Callable[[], Any]) -> Any:
        """What `work` gives; its time is added to a part."""
        cpu, wall = time.process_time(), time.monotonic()
        result = work()
        self.cpu_s[part] = self.cpu_s.get(part, 0.0) + time.process_time() - cpu
        self.wall_s += time.monotonic() - wall
        return result


def signals(batches: Sequence[pa.StringArray], out: Path) -> dict[str, Any]:
    """Measure and decide."""
    from filters.decide import decide
    from filters.presets import PRESETS as BY_NAME
    from filters.statistics.measure import compute

    presets = [BY_NAME[name] for name in PRESETS]
    for preset in presets:
        decide(compute(_WARM), [preset])
    clock, measured = Clock(), []
    kept = dict.fromkeys(PRESETS, 0)
    for texts in batches:
        measured.append(clock.run("signals", lambda texts=texts: compute(texts)))
        for preset in presets:
            verdicts = clock.run("verdicts", lambda preset=preset: decide(measured[-1], [preset]))
            kept[preset.name] += verdicts["keep"].true_count
    with pa.OSFile(str(out), "wb") as file, pa.ipc.new_file(file, measured[0].schema) as writer:
        for batch in measured:
            writer.write_batch(batch)
    return {"cpu_s": sum(clock.cpu_s.values()), "wall_s": clock.wall_s, "parts": clock.cpu_s, "kept": kept}


def extraction(batches: Sequence[pa.StringArray], _out: Path) -> dict[str, Any]:
    """Language and signature by themselves, and everything together, which does them again."""
    from filters.duplicates.signature import signatures
    from filters.language.identify import LanguageModel
    from pipeline.config import Config, Source
    from pipeline.signals import signals_batch
    from pipeline.sources.records import Document
    from pipeline.stages.extract import documents_batch

    source = Source(name="texts", kind="web", paths=("texts",))
    config, model = Config(name="benchmark", sources=(source,)), LanguageModel.load()

    def prepared(texts: pa.StringArray) -> tuple[pa.RecordBatch, list[Document]]:
        documents = [Document(str(number), text) for number, text in enumerate(texts.to_pylist())]
        return documents_batch(source, [("texts", document) for document in documents]), documents

    signals_batch(*prepared(_WARM), config)
    parts, whole = Clock(), Clock()
    for texts in batches:
        parts.run("language", lambda texts=texts: model.identify(texts))
        parts.run("signature", lambda texts=texts: signatures(texts))
        table, documents = prepared(texts)
        whole.run("all", lambda table=table, documents=documents: signals_batch(table, documents, config))
    return {"cpu_s": whole.cpu_s["all"], "wall_s": whole.wall_s, "parts": parts.cpu_s}


def first_call() -> dict[str, float]:
    """CPU-seconds of the imports, of the first call (compilation, or reading what was compiled before) and of the second."""
    from filters.statistics.measure import compute

    clock = Clock()
    for part in ("first", "second"):
        clock.run(part, lambda: compute(_WARM))
    return {"import": time.process_time() - sum(clock.cpu_s.values()), **clock.cpu_s}


if __name__ == "__main__":
    if sys.argv[1] == "compile":
        sys.stdout.write(json.dumps(first_call()) + "\n")
    else:
        run = {"signals": signals, "extraction": extraction}[sys.argv[1]]
        sys.stdout.write(json.dumps(run(unpack(Path(sys.argv[2]), ROWS), Path(sys.argv[3]))) + "\n")
