"""From text to signatures: ours, a plain C++ program of the same definitions, and other packages, over the same packed texts.

Also the contestants of the other sections: where each runs, and what each number of theirs holds.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cpp import compiled
from benchmarks.environments import DATATROVE, Peer, PeerMissingError, python_of
from benchmarks.results import Row, columns, speed_ratio
from benchmarks.signal_contest import Contestant
from benchmarks.signal_texts import SAMPLE, Text, pack, sample_of
from filters.duplicates.signature import permutations_of
from filters.unicode import classes, lower

PEERS = Path(__file__).resolve().parent / "peers"
CPP = PEERS / "minhash.cpp"
PERMUTATIONS = 112
DATASKETCH = Peer("datasketch", "2.0.0", ("datasketch==2.0.0", "numpy==2.4.6", "xxhash==4.1.0"))
RENSA = Peer("rensa", "0.5.0", ("rensa==0.5.0", "numpy==2.4.6"))
TEXT_DEDUP = Peer("text-dedup", "0.4.0", ("text-dedup==0.4.0", "numpy==2.4.6", "datasets==5.2.0"))
OURS, LIMIT = "ours", "limit"


@dataclass(frozen=True)
class Way:
    """One way in which a package is used."""

    peer: Peer
    name: str
    """As its script knows it."""
    label: str


# Under a package's bare name stands a way that begins with text, the fastest on this sample within noise: of it the ratio is told.
SIGN = {
    "datasketch": Way(DATASKETCH, "datasketch-batch", "datasketch update_batch, xxh32, Python shingles"),
    "datasketch-bulk": Way(DATASKETCH, "datasketch-bulk", "datasketch bulk, xxh32, Python shingles"),
    "datasketch-sha1": Way(DATASKETCH, "datasketch-sha1", "datasketch update_batch as it comes (SHA-1), Python shingles"),
    "datasketch-ready": Way(DATASKETCH, "datasketch-bulk-ready", "datasketch bulk, xxh32, shingles given"),
    "rensa": Way(RENSA, "rensa", "rensa RMinHash, Python shingles"),
    "rensa-bulk": Way(RENSA, "rensa-bulk", "rensa, all texts at once, Python shingles"),
    "rensa-ready": Way(RENSA, "rensa-ready", "rensa RMinHash, shingles given"),
    "datatrove": Way(DATATROVE, "datatrove", "datatrove, its normalisation and word splitter (spaCy)"),
    "text-dedup": Way(TEXT_DEDUP, "textdedup", "text-dedup embed_func, its own splitter, xxh3"),
}


def of_peer(way: Way, script: str, *arguments: str, suffix: str = "") -> Contestant:
    """A peer over the sample; absent, with the reason, where it cannot be had here."""
    try:
        program = (str(python_of(way.peer)), "-I", str(PEERS / f"{script}.py"), way.name + suffix, *arguments)
    except PeerMissingError as error:
        return Contestant(Row(way.label, absent=str(error)), ())
    return Contestant(Row(way.label), program)


def of_cpp(label: str, threshold: float, sets: tuple[str, ...]) -> Contestant:
    """The C++ program, compiled where g++ is; a threshold of 0: signatures alone."""
    try:
        return Contestant(Row(label), (*build(), str(threshold)), sets)
    except PeerMissingError as error:
        return Contestant(Row(label, absent=str(error)), ())


def build(seed: int = 1) -> tuple[str, ...]:
    """The program, and its tables: classes, lower case, permutations.

    Raises:
        PeerMissingError: as `compiled`.
    """
    permutations = np.concatenate(permutations_of(PERMUTATIONS, seed))
    return compiled(CPP, {"classes.bin": classes(), "lower.bin": lower(), f"permutations-{seed}.bin": permutations})


def ours(*arguments: str) -> tuple[str, ...]:
    """The command of `benchmarks.our_dedup`."""
    return (sys.executable, "-m", "benchmarks.our_dedup", *arguments)


def contestants(collections: Sequence[str], *, peers: bool) -> dict[str, Contestant]:
    """All by key, ours first: ours and C++ over every collection, peers over the sample."""
    everything = (SAMPLE, *collections)
    entered = {
        OURS: Contestant(Row("curate"), (sys.executable, "-m", "benchmarks.our_signatures", "1"), everything),
        LIMIT: of_cpp("limit: C++, the same definitions", 0, everything),
    }
    for key, way in SIGN.items():
        missing = Contestant(Row(way.label, absent="not asked for (--no-peers)"), ())
        entered[key] = of_peer(way, "minhash", "1") if peers else missing
    return entered


def pack_sets(collections: Mapping[str, Sequence[Text]], budget: int, folder: Path) -> dict[str, int]:
    """Pack the collections and a sample of their English texts; bytes of each."""
    sets = {SAMPLE: sample_of([text for texts in collections.values() for text in texts], budget), **collections}
    for name, texts in sets.items():
        pack(texts, folder / name)
    return {name: sum(text.bytes for text in texts) for name, texts in sets.items()}


def take_turns(entered: Mapping[str, Contestant], folder: Path, repeats: int, section: str) -> None:
    """Every contestant once in each repeat; ours may not fail.

    Raises:
        RuntimeError: ours failed.
    """
    for repeat in range(repeats):
        for key, contestant in entered.items():
            if not contestant.row.absent:
                contestant.enter(folder, key)
        if entered[OURS].row.absent:
            raise RuntimeError(f"{section}: {entered[OURS].row.absent}")
        sys.stderr.write(f"{section}: repeat {repeat + 1} of {repeats} done\n")


def differing(entered: Mapping[str, Contestant], folder: Path, sets: Sequence[str]) -> dict[str, int]:
    """Texts whose signatures by C++ are not ours, by set; empty where C++ did not run."""
    if entered[LIMIT].row.absent:
        return {}
    counts = {}
    for name in sets:
        mine = np.load(Contestant.out(folder, OURS, name), allow_pickle=False)
        theirs = np.fromfile(Contestant.out(folder, LIMIT, name), "<u4").reshape(mine.shape)
        counts[name] = int((mine != theirs).any(axis=1).sum())
    return counts


def report(entered: Mapping[str, Contestant], sizes: Mapping[str, int]) -> str:
    """MB per CPU-second by set, and ours over each on the sample, with what of that went into shingles."""
    mine = entered[OURS]
    lines = [["text to signatures, MB per CPU-second", *sizes, "ours over it", "its shingles"]]
    for contestant in entered.values():
        if contestant.row.absent:
            lines.append([f"{contestant.row.label}: {contestant.row.absent}"])
            continue
        speeds = [f"{contestant.speed(name, size):.1f}" if name in contestant.totals else "" for name, size in sizes.items()]
        parts = contestant.totals[SAMPLE][-1].get("parts", {})
        share = f"{parts['shingles'] / sum(parts.values()):.0%}" if "shingles" in parts else ""
        lines.append([contestant.row.label, *speeds, "" if contestant is mine else f"{speed_ratio(mine.row, contestant.row):.1f}", share])
    return columns(lines)
