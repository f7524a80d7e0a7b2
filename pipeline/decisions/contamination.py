"""What a run makes of the matches with evaluation items that stand in signals/: no text is read.

Set phrases are told from leaks by the number of documents that hold them, over the whole run, so the first step is a pass over all parts'
matches; its answer is the same whatever the order of parts or the number of workers.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from filters.contamination.judge import MATCHES, Frequencies, Judgement, judge
from filters.presets import Bound, Preset
from pipeline.config import Config
from pipeline.model_file import file_stamp
from pipeline.run import MANIFEST, Run, digest, partial, publish, write_json

MATCHES_COLUMN = "contamination"
"""Of signals/; see `filters.contamination.judge.MATCHES`."""
SHARE = "contamination_share"
"""The signal that is made of it: the largest share of an item's n-grams in a document."""
CUTS = "contamination_cuts"
"""The spans that are made of it."""

SHOWN_CHARACTERS = 80
"""Of a matched span."""


def in_use(config: Config) -> bool:
    """Whether there are evaluation sets."""
    return bool(config.signals.contamination.sets)


def contamination_rule(config: Config) -> tuple[Preset, ...]:
    """The last rule set of every source: a bound to drop by, spans to cut, or nothing."""
    settings = config.filter.contamination
    if not in_use(config) or settings.action == "mark":
        return ()
    if settings.action == "cut":
        return (Preset("contamination", (), cuts=(CUTS,)),)
    return (Preset("contamination", (Bound(SHARE, at_most=settings.maximum_share),)),)


def filter_settings(run: Run, config: Config) -> list[Any]:
    """What decides verdicts beside a part's own signals, for fingerprints: settings and every part's matches."""
    return [config.filter.contamination.model_dump(mode="json"), run.outputs("extract", "signals")] if in_use(config) else []


def contaminated_cut_settings(run: Run, config: Config) -> list[Any]:
    """The same for stages that read kept text; empty where nothing of this is cut from it."""
    return filter_settings(run, config) if config.filter.contamination.action == "cut" else []


def frequent_ngrams(run: Run, config: Config) -> npt.NDArray[np.uint64]:
    """Keys of the n-grams that stand in too many documents to count, uint64, rising. Kept in filter/ for other processes.

    Raises:
        ValueError: signals/ lacks the matches.
    """
    settings = config.filter.contamination
    return _frequent_ngrams(run, settings.most_documents, settings.most_share, file_stamp(run.path("extract", MANIFEST)))


# Every part of a stage asks, and the manifest that answers is as long as there are parts.
@functools.lru_cache(maxsize=1)
def _frequent_ngrams(run: Run, most_documents: int, most_share: float, _stamp: tuple[int, int]) -> npt.NDArray[np.uint64]:
    documents = sum(counts["documents"] for counts in run.need("extract").totals["sources"].values())
    most = max(most_documents, int(most_share * documents))
    path = run.path("filter", f"frequent-{digest([most, run.outputs('extract', 'signals')])}.npy")
    if path.exists():
        known: npt.NDArray[np.uint64] = np.load(path, allow_pickle=False)
        return known
    frequencies = Frequencies(most)
    for key in run.keys("extract"):
        for table in _groups(run, key, ["digest"]):
            frequencies.add(_matches(table), table["digest"].combine_chunks())
    path.parent.mkdir(exist_ok=True)
    with partial(path).open("wb") as file:
        np.save(file, frequencies.frequent(), allow_pickle=False)
    publish(partial(path), path)
    return frequencies.frequent()


def judged(signals: pa.Table, frequent: npt.NDArray[np.uint64], config: Config) -> Judgement:
    """Of rows of signals/ with the column of matches."""
    return judge(_matches(signals), frequent, config.filter.contamination.maximum_share)


def matched_items(run: Run, config: Config, matches: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """Which items a document holds something of, set phrases left out, for a reader.

    Args:
        run: of the document.
        config: says what counts.
        matches: the document's value of the column of matches.
        text: the document's.

    Returns:
        Largest share first: `set` (its name), `item` (its number there, from 0), `share` of its n-grams, whether that is enough to be
        `found`, and the first words of the `text` that matched.

    Raises:
        ValueError: signals/ of another part lacks the matches.
    """
    rows: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for match in matches:
        rows.setdefault((match["set"], match["item"]), []).append(match)
    frequent = frequent_ngrams(run, config) if rows else np.empty(0, np.uint64)
    # Judged as if each item's matches were a document's.
    judgement = judge(pa.array(list(rows.values()), MATCHES), frequent, 0.0)
    names = dict(enumerate(one.name for one in config.signals.contamination.sets))
    least, data = np.float32(config.filter.contamination.maximum_share), text.encode("utf-8", "surrogatepass")
    items = []
    for (number, item), share, spans in zip(rows, judgement.share, judgement.spans, strict=True):
        if spans:
            words = " ".join(data[spans[0] : spans[1]].decode("utf-8", "replace").split())
            row = {"set": names.get(number, f"set {number}"), "item": item, "share": float(share), "found": bool(share > least)}
            items.append(row | {"text": words[:SHOWN_CHARACTERS]})
    return sorted(items, key=lambda row: (-row["share"], row["set"], row["item"]))


def write_report(run: Run, config: Config) -> None:
    """filter/contamination.json: per set its items, how they are searched, how many were found, and in how many documents."""
    from filters.contamination.evaluation_index import BY_ANSWER, BY_NGRAMS, WAYS
    from pipeline.evaluation_sets import evaluation_index

    index, frequent = evaluation_index(config.signals.contamination), frequent_ngrams(run, config)
    found: set[tuple[int, int]] = set()
    documents: Counter[int] = Counter()
    touched = 0
    for key in run.keys("extract"):
        for table in _groups(run, key, []):
            judgement = judged(table, frequent, config)
            found.update(zip(judgement.set.tolist(), judgement.item.tolist(), strict=True))
            documents.update(number for _, number in set(zip(judgement.document.tolist(), judgement.set.tolist(), strict=True)))
            touched += len(np.unique(judgement.document))
    items = Counter(number for number, _ in found)
    sets = []
    for number, one in enumerate(config.signals.contamination.sets):
        ways = Counter(index.ways[index.sets == number].tolist())
        row = {"name": one.name, "items": ways.total(), "searched": ways[BY_NGRAMS] + ways[BY_ANSWER]}
        how = {WAYS[way]: count for way, count in sorted(ways.items())}
        sets.append(row | {"how": how, "found": items[number], "documents": documents[number]})
    settings = config.filter.contamination
    totals = {"documents": touched, "frequent_ngrams": len(frequent), "action": settings.action, "maximum_share": settings.maximum_share}
    write_json(run.path("filter", "contamination.json"), {"sets": sets} | totals)


def _groups(run: Run, key: str, further: list[str]) -> Iterator[pa.Table]:
    with pq.ParquetFile(run.part("signals", key)) as file:
        if file.metadata.num_row_groups and MATCHES_COLUMN not in file.schema_arrow.names:
            raise ValueError(f"{str(run.directory)!r} has no matches with evaluation sets in signals/; extract anew")
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=[MATCHES_COLUMN, *further])


def _matches(signals: pa.Table) -> pa.ListArray:
    return signals[MATCHES_COLUMN].combine_chunks()
