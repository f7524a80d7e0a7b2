"""How right signatures and decisions are: errors of estimates against exact Jaccard, and pairs found and missed; ours beside others.

Pairs are judged over those whose exact index is given (600 of versions of RFCs): a pair belongs where its index is at least the threshold.
A pair is found by an index where it brings both texts together, by a clustering where both are in one cluster; a clustering may so join
texts by way of a third, and is no worse for it. `others` are pairs found of which nothing is given: versions of different documents.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.dedup_signatures import DATASKETCH, PERMUTATIONS, RENSA, TEXT_DEDUP, Way, of_peer, ours
from benchmarks.dedup_texts import Pairs, exact, planted_pairs, versions
from benchmarks.environments import DATATROVE, ROOT
from benchmarks.measure import CommandError, measure
from benchmarks.our_dedup import MODES
from benchmarks.results import columns
from benchmarks.signal_texts import SAMPLE, Text, pack
from filters.duplicates.neighbours import band_keys
from filters.duplicates.signature import estimate, signatures

THRESHOLDS = (0.7, 0.8)
BANDS, ROWS = 14, 8
SEEDS = 8
ESTIMATE = {
    "datasketch": Way(DATASKETCH, "datasketch-bulk", "datasketch, xxh32"),
    "rensa": Way(RENSA, "rensa", "rensa RMinHash"),
    "text-dedup": Way(TEXT_DEDUP, "textdedup", "text-dedup (split at each \\W, so other shingles where two meet)"),
}
FIND = {
    "datasketch": Way(DATASKETCH, "datasketch", "datasketch MinHashLSH, xxh32: pairs"),
    "rensa": Way(RENSA, "rensa", "rensa RMinHashLSH, 14 bands: pairs"),
    "datatrove": Way(DATATROVE, "datatrove", "datatrove: clusters"),
    "text-dedup": Way(TEXT_DEDUP, "textdedup", "text-dedup: clusters"),
}


@dataclass(frozen=True)
class Found:
    """Pairs of one contestant at one threshold."""

    precision: float
    recall: float
    pairs: int
    """Found among those that are judged."""
    others: int
    kept: int | None = None
    """Texts, by clusters: one of each."""


def relative_error(minima: npt.NDArray[Any], pairs: Pairs) -> tuple[float, float]:
    """Sum of the squared errors of the estimates, and what theory expects: J(1-J)/112 each."""
    true = exact(pairs)
    first, second = (np.array(side) for side in list(zip(*pairs, strict=True))[:2])
    error = (minima[first] == minima[second]).mean(axis=1) - true
    return float((error**2).sum()), float((true * (1 - true) / PERMUTATIONS).sum())


def errors(data: Path, folder: Path, *, small: bool, peers: bool) -> dict[str, dict[str, Any]]:
    """Root of the mean squared error over theory's, over several seeds, of versions of documents and of planted pairs; by contestant."""
    sets = {"versions": versions(data), "planted": planted_pairs(each=4 if small else 30)}
    seeds = range(1, 3 if small else SEEDS + 1)
    told: dict[str, dict[str, Any]] = {"ours": {}}
    for name, (texts, pairs) in sets.items():
        pack([Text(name, "", text, english=True) for text in texts], folder / name)
        sums = np.array([relative_error(signatures(pa.array(texts), seed=seed), pairs) for seed in seeds]).sum(axis=0)
        told["ours"][name] = round(float(np.sqrt(sums[0] / sums[1])), 4)
        for key, way in ESTIMATE.items() if peers else ():
            try:
                told.setdefault(key, {})[name] = _peer_error(way, folder / name, pairs, seeds)
            except CommandError as error:
                told[key] = {"absent": str(error)}
    return told


def _peer_error(way: Way, texts: Path, pairs: Pairs, seeds: Collection[int]) -> float | None:
    sums = np.zeros(2)
    for seed in seeds:
        contestant = of_peer(way, "minhash", str(seed))
        if contestant.row.absent:
            raise CommandError(contestant.row.absent)
        out = texts.with_suffix(".npy")
        measure([*contestant.command, str(texts), str(out)], cwd=ROOT, log=texts.with_suffix(".log"))
        sums += relative_error(np.load(out, allow_pickle=False), pairs)
    return round(float(np.sqrt(sums[0] / sums[1])), 4)


def judge(found: Collection[tuple[int, int]], pairs: Pairs, threshold: float, kept: int | None = None) -> Found:
    """Precision and recall of pairs (smaller place first) at a threshold."""
    known = {(min(a, b), max(a, b)): similarity for a, b, similarity in pairs}
    wanted = {pair for pair, similarity in known.items() if similarity >= threshold}
    judged = set(found) & known.keys()
    right = len(judged & wanted)
    return Found(
        precision=right / len(judged) if judged else 1.0,
        recall=right / len(wanted) if wanted else 1.0,
        pairs=len(judged),
        others=len(set(found)) - len(judged),
        kept=kept,
    )


def together(labels: Sequence[int]) -> set[tuple[int, int]]:
    """Pairs of places with one label; -1 is none."""
    members: dict[int, list[int]] = {}
    for place, label in enumerate(labels):
        if label >= 0:
            members.setdefault(label, []).append(place)
    return {pair for places in members.values() for pair in combinations(places, 2)}


def colliding(minima: npt.NDArray[np.uint32]) -> set[tuple[int, int]]:
    """All pairs that agree in a band."""
    keys = band_keys(minima, BANDS, ROWS)
    return {pair for band in range(BANDS) for pair in together(np.unique(keys[:, band], return_inverse=True)[1].tolist())}


def decisions(data: Path, folder: Path, *, small: bool, peers: bool) -> dict[str, dict[str, Any]]:
    """By contestant and threshold: what `judge` says, or why it is absent."""
    texts, pairs = versions(data)
    place = folder / "decisions"
    pack([Text("versions", "", text, english=True) for text in texts], place / SAMPLE)
    minima = signatures(pa.array(texts))
    candidates = colliding(minima)
    known = {(min(a, b), max(a, b)): similarity for a, b, similarity in pairs}
    estimates = {pair: float(estimate(minima[pair[0]], minima[pair[1]])) for pair in candidates}
    told: dict[str, dict[str, Any]] = {}
    out, thresholds = place / "ours.json", ",".join(map(str, THRESHOLDS[:1] if small else THRESHOLDS))
    measure([*ours("decisions", thresholds), str(place / SAMPLE), str(out)], cwd=ROOT, log=place / "ours.log")
    clusters = json.loads(out.read_text())
    for threshold in THRESHOLDS[:1] if small else THRESHOLDS:
        of_signatures = {
            "our signatures, 14 x 8 alone: pairs": candidates,
            "our signatures, verified by estimate: pairs": {pair for pair, found in estimates.items() if found >= threshold},
            "our signatures, verified exactly: pairs": {pair for pair in candidates if known.get(pair, 0.0) >= threshold},
        }
        for label, found in of_signatures.items():
            told.setdefault(label, {})[str(threshold)] = asdict(judge(found, pairs, threshold))
        for mode in MODES:
            labels = clusters[f"{mode} {threshold}"]
            kept = len({label for label in labels if label >= 0}) + labels.count(-1)
            told.setdefault(f"curate, {mode}: clusters", {})[str(threshold)] = asdict(judge(together(labels), pairs, threshold, kept))
        for key, way in FIND.items() if peers else ():
            told.setdefault(key, {"label": way.label})[str(threshold)] = _peer_decisions(way, place, pairs, threshold)
    return told


def _peer_decisions(way: Way, place: Path, pairs: Pairs, threshold: float) -> dict[str, Any]:
    contestant = of_peer(way, "duplicates", str(threshold))
    out = place / f"{way.name}.json"
    if contestant.row.absent:
        return {"absent": contestant.row.absent}
    try:
        measure([*contestant.command, str(place / SAMPLE), str(out)], cwd=place, log=place / f"{way.name}.log")
    except CommandError as error:
        return {"absent": str(error)}
    found = json.loads(out.read_text())
    sys.stderr.write(f"decisions: {way.name} at {threshold} done\n")
    if "pairs" in found:
        return asdict(judge({(min(pair), max(pair)) for pair in found["pairs"]}, pairs, threshold))
    return asdict(judge(together(found["clusters"]), pairs, threshold, found["kept"]))


def error_table(told: Mapping[str, Mapping[str, Any]]) -> str:
    """A line for each contestant."""
    lines = [["error of estimates over theory's (1: sqrt(J(1-J)/112))", *told["ours"]]]
    for key, values in told.items():
        label = "curate" if key == "ours" else ESTIMATE[key].label
        lines.append([f"{label}: {values['absent']}"] if "absent" in values else [label, *(f"{value:.3f}" for value in values.values())])
    return columns(lines)


def decision_table(told: Mapping[str, Mapping[str, Any]]) -> str:
    """A line for each contestant: precision, recall, pairs, others and texts kept, at each threshold."""
    thresholds = [key for key in next(iter(told.values())) if key != "label"]
    lines = [["pairs of versions", *(f"{name} {key}" for key in thresholds for name in ("P", "R", "pairs", "others", "kept"))]]
    for key, values in told.items():
        cells: list[str] = []
        for threshold in thresholds:
            one = values[threshold]
            if "absent" in one:
                cells = [f"{key}: {one['absent']}"]
                break
            kept = "" if one["kept"] is None else str(one["kept"])
            cells += [f"{one['precision']:.3f}", f"{one['recall']:.3f}", str(one["pairs"]), str(one["others"]), kept]
        lines.append(cells if len(cells) == 1 else [values.get("label", key), *cells])
    return columns(lines)
