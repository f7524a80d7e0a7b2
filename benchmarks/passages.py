"""Repeated passages of 50 words: what is cut of real text, what it costs, and what moves; beside a suffix array of the same text.

    python -m benchmarks.passages [--small] [--data FOLDER] [--no-peers] [--json FILE]

Texts: novels, technical documents, the text of docs_web's pages, editions of Project Gutenberg's books, and versions of Rust's RFCs from
their history (`--small`: 1 MB of each). Nothing is removed as a duplicate before, so that the last two are nearly all repetition. Costs
are those of whole processes, start included; memory is the peak. The suffix array (pydivsufsort with its LCP) gets the words ready in lower
case and answers the same question; `words_cut` must be equal, and is for all text but Han and kana, where a run without blanks is one
word to it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.environments import ROOT, Peer, PeerMissingError, python_of
from benchmarks.measure import Cost, measure
from benchmarks.privacy import corpora
from benchmarks.results import columns
from filters.duplicates.digests import digests
from filters.duplicates.passages import word_blocks
from filters.text import normalise_text
from filters.unicode import KIND, PAIRED, WORD, classes, lower
from pipeline.config import Config
from pipeline.duplicates import repeated_passages
from pipeline.exchange import exchange, mapped, save_array
from pipeline.run import PartWriter, Run, Unit
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import books
from pipeline.sources.records import Document, Tally

PEER = Peer("pydivsufsort", "0.0.20", ("pydivsufsort==0.0.20",))
SCRIPT = Path(__file__).resolve().parent / "peers" / "suffix_array.py"
LEAST_WORDS = 50
SMALL_BYTES = 1_000_000
PARTS, GROUP_ROWS, SAMPLES, AROUND = 4, 200, 20, 60
MEGABYTE = 1e6
DOCUMENTS = pa.schema([("kind", pa.string()), ("text", pa.string())])
SIGNALS = pa.schema([("doc_id", pa.binary(16)), ("digest", pa.binary(16)), ("bytes", pa.int64())])
MOVED = "moved.json"


def sets(corpus: Path, unpacked: Path, most: float) -> dict[str, list[str]]:
    """Real texts by name, up to `most` bytes of each, each text once."""
    source = Source(name="books", kind="book", paths=("none",))
    found = books.outcomes([unpacked / "books" / "gitenberg"], source, Extract(), Tally())
    named = corpora(corpus, most) | {"editions": [book.text for book in found if isinstance(book, Document)]}
    with gzip.open(unpacked / "neardup" / "rust_rfcs" / "versions.jsonl.gz", "rt", encoding="utf-8") as lines:
        named["versions"] = [json.loads(line)["text"] for line in lines]
    return {name: _first(dict.fromkeys(normalise_text(text) for text in texts), most) for name, texts in named.items()}


def _first(texts: dict[str, None], most: float) -> list[str]:
    sizes = np.cumsum([len(text.encode()) for text in texts])
    return list(texts)[: int(np.searchsorted(sizes, most)) + 1]


def configuration(memory_bytes: int = 1 << 30) -> Config:
    return Config(
        name="passages",
        sources=(Source(name="texts", kind="book", paths=("none",)),),
        dedup={"passages": {"least_words": LEAST_WORDS}},  # type: ignore[arg-type]
        runner={"workers": 1, "memory_bytes": memory_bytes},  # type: ignore[arg-type]
    )


def write_run(folder: Path, texts: Sequence[str]) -> None:
    """The files that find_repeated_passages reads, in parts."""
    run = Run(folder)
    for part in range(PARTS):
        mine, key = texts[part::PARTS], f"{part:02d}"
        with PartWriter(run.part("documents", key), DOCUMENTS) as documents, PartWriter(run.part("signals", key), SIGNALS) as signals:
            for first in range(0, len(mine), GROUP_ROWS):
                group = mine[first : first + GROUP_ROWS]
                documents.write(pa.table([["book"] * len(group), group], schema=DOCUMENTS))
                ids = digests(pa.array(group, pa.large_string()))
                signals.write(pa.table([ids, ids, [len(text.encode()) for text in group]], schema=SIGNALS))
        save_array(run.path("dedup", "survivors", f"part-{key}.npy"), np.ones(len(mine), np.bool_))


def ours(folder: Path, memory_bytes: int) -> None:
    """Find them, in this process, and set down how many records each exchange moved; `python -m benchmarks.passages --ours RUN BYTES`."""
    moved: dict[str, dict[str, int]] = {}

    def counted(label: str, files: Sequence[Path], *rest: Any) -> None:
        records = [mapped(file) for file in files]
        moved[label] = {"records": sum(map(len, records)), "bytes": sum(array.nbytes for array in records)}
        exchange(label, files, *rest)

    repeated_passages.exchange = counted  # type: ignore[attr-defined]
    run = Run(folder)
    units = [Unit(key=f"{part:02d}", fingerprint="", bytes=run.part("documents", f"{part:02d}").stat().st_size) for part in range(PARTS)]
    repeated_passages.find_repeated_passages(units, run, configuration(memory_bytes))
    (folder / MOVED).write_text(json.dumps(moved))


def cuts(folder: Path, texts: Sequence[str]) -> dict[str, Any]:
    """Bytes and words that are cut, and cuts to look at, evenly spread."""
    cut_bytes, cut_words, documents, shown = 0, 0, 0, []
    for part in range(PARTS):
        rows = pq.read_table(folder / "dedup" / "passages" / f"part-{part:02d}.parquet")["repeated_passages"].to_pylist()
        for text, spans in zip(texts[part::PARTS], rows, strict=True):
            documents += bool(spans)
            data = text.encode()
            for start, end in zip(spans[::2], spans[1::2], strict=True):
                cut_bytes += end - start
                blocks = word_blocks(pa.array([data[start:end].decode()]), LEAST_WORDS)
                # A span is one window's words, and one more for each further window.
                cut_words += sum(block.words - LEAST_WORDS + 1 for block in blocks) + LEAST_WORDS - 1
                shown.append(_excerpt(data, start, end))
    return {
        "bytes_cut": cut_bytes,
        "words_cut": cut_words,
        "spans": len(shown),
        "documents": documents,
        "samples": shown[:: max(1, len(shown) // SAMPLES)][:SAMPLES],
    }


def _excerpt(data: bytes, start: int, end: int) -> str:
    before, cut, after = data[max(0, start - AROUND) : start], data[start:end], data[end : end + AROUND]
    inside = cut if len(cut) < 3 * AROUND else cut[:AROUND] + b" [...] " + cut[-AROUND:]
    return f"{before.decode(errors='ignore')}⟦{inside.decode(errors='ignore')}⟧{after.decode(errors='ignore')}"


class _Words(dict[int, str]):
    """For str.translate: words in lower case, those of one character apart, a blank for all else. As `filters.word_hashes` has it."""

    def __missing__(self, point: int) -> str:
        kind = classes()[point]
        letter = chr(lower()[point])
        self[point] = (f" {letter} " if kind & KIND == PAIRED else letter) if kind & WORD else " "
        return self[point]


def write_words(path: Path, texts: Sequence[str]) -> None:
    """What the suffix array reads: words in the documents' order."""
    ids, table = digests(pa.array(texts, pa.large_string())), _Words()
    with path.open("wb") as file:
        for k in sorted(range(len(texts)), key=lambda k: (-len(texts[k].encode()), ids[k])):
            file.write("".join(f"{word} " for word in texts[k].translate(table).split()).encode() + b"\0")


def contest(named: dict[str, list[str]], peers: bool, memory_bytes: int = 1 << 30) -> dict[str, Any]:
    """Every set, by ours and the suffix array; the JSON of DESIGN 11."""
    python, absent = None, "not asked for"
    if peers:
        try:
            python = python_of(PEER)
        except PeerMissingError as error:
            absent = str(error)
    result: dict[str, Any] = {"input": {}, "ours": {}, "peers": {PEER.name: {}}, "ratios": {}, "quality": {"ours": {}, PEER.name: {}}}
    costs: dict[str, list[Cost]] = {"ours": [], PEER.name: []}
    for name, texts in named.items():
        result["input"][name] = {"documents": len(texts), "bytes": sum(len(text.encode()) for text in texts)}
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write_run(folder, texts)
            command = [sys.executable, "-m", "benchmarks.passages", "--ours", str(folder), str(memory_bytes)]
            costs["ours"].append(measure(command, cwd=ROOT, log=folder / "log.txt"))
            moved = json.loads((folder / MOVED).read_text())
            result["ours"][name] = asdict(costs["ours"][-1]) | {"moved": moved}
            result["quality"]["ours"][name] = cuts(folder, texts)
            if python is not None:
                write_words(folder / "words", texts)
                command = [str(python), "-I", str(SCRIPT), str(folder / "words"), str(LEAST_WORDS), str(folder / "cut.npy")]
                costs[PEER.name].append(measure(command, cwd=folder, log=folder / "log.txt"))
                result["peers"][PEER.name][name] = asdict(costs[PEER.name][-1])
                result["quality"][PEER.name][name] = {"words_cut": int(np.load(folder / "cut.npy").sum())}
    if python is None:
        result["peers"][PEER.name] = {"absent": absent}
    else:
        spent = {who: sum(cost.cpu_s for cost in mine) for who, mine in costs.items()}
        result["ratios"][PEER.name] = round(spent[PEER.name] / spent["ours"], 3)
    return result


def table(result: dict[str, Any]) -> str:
    """One line for each set."""
    lines = [
        ["", "MB", "cut", "spans", "CPU-s", "MB/CPU-s", "peak MB", "grams/MB", "windows/MB", "moved/MB", PEER.name, "peak MB", "equal"]
    ]
    for name, about in result["input"].items():
        megabytes = about["bytes"] / MEGABYTE
        mine, told, peer = result["ours"][name], result["quality"]["ours"][name], result["peers"][PEER.name].get(name)
        grams, windows = (one["records"] / megabytes for one in mine["moved"].values())
        moved = sum(one["bytes"] for one in mine["moved"].values()) / about["bytes"]
        theirs = ["", "", ""]
        if peer:
            is_equal = result["quality"][PEER.name][name]["words_cut"] == told["words_cut"]
            theirs = [f"{peer['cpu_s']:.1f} s", f"{peer['peak_mb']:,.0f}", "yes" if is_equal else "no"]
        speed = [f"{mine['cpu_s']:.1f}", f"{megabytes / mine['cpu_s']:.1f}", f"{mine['peak_mb']:,.0f}"]
        cut = [f"{megabytes:.1f}", f"{told['bytes_cut'] / about['bytes']:.2%}", f"{told['spans']:,}"]
        lines.append([name, *cut, *speed, f"{grams:,.0f}", f"{windows:,.0f}", f"{moved:.2f}", *theirs])
    if "absent" in result["peers"][PEER.name]:
        lines.append([f"{PEER.name}: {result['peers'][PEER.name]['absent']}"])
    return columns(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="1 MB of each set")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CURATE_SHARED_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--memory-bytes", type=int, default=1 << 30, help="runner.memory_bytes")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--ours", nargs=2, metavar=("RUN", "BYTES"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.ours:
        ours(Path(chosen.ours[0]), int(chosen.ours[1]))
        return
    unpacked = ROOT / ".data"
    if not (unpacked / "books").is_dir():
        raise SystemExit(f"{str(chosen.data / 'books.tar.gz')!r} and neardup.tar.gz are to be unpacked into {str(unpacked)!r} first")
    named = sets(chosen.data / "corpus", unpacked, SMALL_BYTES if chosen.small else float("inf"))
    result = contest(named, not chosen.no_peers, chosen.memory_bytes)
    sys.stdout.write(table(result) + "\n")
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
