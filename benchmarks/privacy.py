"""Personal data in texts: precision and recall on gold spans, hits in real text, and speed; beside datatrove, dolma and presidio.

    python -m benchmarks.privacy [--small] [--data FOLDER] [--no-peers] [--json FILE]

Gold: presidio-research's made sentences (../shared/data/pii, 425). Every other sentence was read while the rules were made ("seen"), the
rest not ("unseen"). Mapped are EMAIL_ADDRESS, IP_ADDRESS, PHONE_NUMBER, IBAN_CODE, CREDIT_CARD and US_SSN; out of
scope are names, addresses, dates, titles, ages and US_DRIVER_LICENSE, which has a form of its own in each state and none in common. A span
counts as found when one of the same kind overlaps it ("exact" besides: with its very ends).

Real text: English novels, technical documents and the text of docs_web's pages (`--small`: 5 MB of each), where there is no gold: hits per
megabyte by kind, and samples of all but e-mail addresses to be judged by a reader (`hits` of the JSON). What was read says that novels and
most numbers of technical text are no personal data at all. Speed is text bytes per CPU-second of one process, without reading and writing.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environments import DATATROVE, ROOT, Peer, PeerMissingError, python_of
from benchmarks.peers.personal_data import KINDS as ENTITIES
from benchmarks.results import columns
from filters.privacy.personal_data import KINDS
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import warc
from pipeline.sources.pages import page_document
from pipeline.sources.records import Document, Reject, Tally

PEERS = (
    DATATROVE,
    Peer("dolma", "1.2.1", ("dolma==1.2.1",)),
    Peer("presidio-analyzer", "2.2.366", ("presidio-analyzer==2.2.366",)),
)
SCRIPT = Path(__file__).resolve().parent / "peers" / "personal_data.py"
SMALL_BYTES = 5_000_000
SAMPLES = 40
Spans = list[tuple[int, int, str]]


@dataclass(frozen=True)
class Answer:
    """A contestant's spans of each text, and the CPU-seconds that they took."""

    spans: list[Spans]
    cpu_s: float


def gold(folder: Path) -> dict[str, tuple[list[str], list[Spans]]]:
    """Texts and gold spans of our kinds, of the seen half and the other."""
    sets: dict[str, tuple[list[str], list[Spans]]] = {"seen": ([], []), "unseen": ([], [])}
    for name in ("presidio_generated_small", "presidio_synth_dataset_v2"):
        for number, row in enumerate(json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))):
            texts, spans = sets["unseen" if number % 2 else "seen"]
            texts.append(row["full_text"])
            spans.append([
                (span["start_position"], span["end_position"], ENTITIES[span["entity_type"]])
                for span in row["spans"]
                if span["entity_type"] in ENTITIES
            ])  # fmt: skip
    return sets


def corpora(folder: Path, most: float) -> dict[str, list[str]]:
    """Real texts by name, up to `most` bytes of each."""
    readers = {
        "novels": _rows(folder / "eltec_eng.jsonl.gz"),
        "technical": _rows(folder / "tech_docs_eng.jsonl.gz"),
        "web": _pages(sorted(folder.glob("docs_web-*.warc.gz"))),
    }
    sets: dict[str, list[str]] = {}
    for name, texts in readers.items():
        sets[name], held = [], 0
        for text in texts:
            sets[name].append(text)
            held += len(text.encode())
            if held >= most:
                break
    return sets


def _rows(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def _pages(paths: Sequence[Path]) -> Iterator[str]:
    source = Source(name="docs", kind="web", paths=("docs_web",))
    for path in paths:
        for record in warc.records(str(path), Tally(), 1 << 26):
            page = record if isinstance(record, Reject) else page_document(record, Extract(net_below=0), source)
            if isinstance(page, Document):
                yield page.text


def asked(python: str, script: Sequence[str], texts: Sequence[str], folder: Path) -> Answer:
    """One contestant over one set, in a process of its own."""
    given, out = folder / "texts.jsonl", folder / "spans.jsonl"
    given.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    done = subprocess.run([python, *script, str(given), str(out)], check=True, capture_output=True, text=True, cwd=ROOT)
    spans = [[(start, end, kind) for start, end, kind in json.loads(line)] for line in out.read_text(encoding="utf-8").splitlines()]
    return Answer(spans, json.loads(done.stdout.splitlines()[-1])["cpu_s"])


def scores(answer: Sequence[Spans], truth: Sequence[Spans]) -> dict[str, dict[str, float]]:
    """By kind: gold spans, those found, found with their very ends; spans given, and those that are gold."""
    counts = {kind: Counter[str]() for kind in KINDS}
    for ours, wanted in zip(answer, truth, strict=True):
        for start, end, kind in wanted:
            counts[kind]["gold"] += 1
            counts[kind]["found"] += any(kind == of and start < past and begin < end for begin, past, of in ours)
            counts[kind]["exact"] += (start, end, kind) in ours
        for start, end, kind in ours:
            counts[kind]["given"] += 1
            counts[kind]["right"] += any(kind == of and start < past and begin < end for begin, past, of in wanted)
    return {kind: dict(count) for kind, count in counts.items() if count}


def examples(texts: Sequence[str], answer: Sequence[Spans]) -> list[str]:
    """Hits other than e-mail addresses with what stands around them, evenly spread."""
    hits = [(text, span) for text, spans in zip(texts, answer, strict=True) for span in spans if span[2] != "email"]
    step = max(1, len(hits) // SAMPLES)
    return [
        f"{kind}: {text[max(0, start - 40) : start]}[{text[start:end]}]{text[end : end + 20]}" for text, (start, end, kind) in hits[::step]
    ]


def ours(texts: str, out: str) -> None:
    """The loop of the peers' script with our finder; `python -m benchmarks.privacy --ours TEXTS OUT`."""
    from benchmarks.peers.personal_data import run
    from filters.privacy.personal_data import find_personal_data

    run(lambda text: [(span.start, span.end, span.kind) for span in find_personal_data(text)], Path(texts), Path(out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="5 MB of each real text")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CURATE_SHARED_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--ours", nargs=2, metavar=("TEXTS", "OUT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.ours:
        ours(*chosen.ours)
        return
    pii = next((folder for folder in (ROOT / ".data" / "pii", chosen.data / "pii") if folder.is_dir()), None)
    if pii is None:
        raise SystemExit(f"{str(chosen.data / 'pii.tar.gz')!r} is to be unpacked into {str(ROOT / '.data')!r} first")
    contestants = {"curate": (sys.executable, ["-m", "benchmarks.privacy", "--ours"])}
    absent = {}
    for peer in () if chosen.no_peers else PEERS:
        try:
            contestants[peer.name] = (str(python_of(peer)), ["-I", str(SCRIPT), peer.name])
        except PeerMissingError as error:
            absent[peer.name] = str(error)
    results = contest(contestants, gold(pii), corpora(chosen.data / "corpus", SMALL_BYTES if chosen.small else float("inf")))
    for name, why in absent.items():
        sys.stdout.write(f"{name}: {why}\n")
    if chosen.json:
        chosen.json.write_text(json.dumps(results | {"absent": absent}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def contest(
    contestants: dict[str, tuple[str, list[str]]], halves: dict[str, tuple[list[str], list[Spans]]], real: dict[str, list[str]]
) -> dict[str, Any]:
    """Every contestant over every set; the tables, and the JSON of DESIGN 11."""
    sizes = {name: sum(len(text.encode()) for text in texts) for name, texts in real.items()}
    quality: dict[str, Any] = {}
    speed: dict[str, dict[str, float]] = {}
    lines = [["gold: found/of, right/given", *(f"{kind} {half}" for half in halves for kind in KINDS)]]
    hits = [["real text", *(f"{name} {what}" for name in real for what in ("MB/s", "hits/MB", "but e-mail"))]]
    for name, (python, script) in contestants.items():
        with tempfile.TemporaryDirectory() as folder:
            told = {half: scores(asked(python, script, texts, Path(folder)).spans, truth) for half, (texts, truth) in halves.items()}
            answers = {corpus: asked(python, script, texts, Path(folder)) for corpus, texts in real.items()}
        found = {corpus: Counter(kind for spans in answer.spans for _, _, kind in spans) for corpus, answer in answers.items()}
        quality[name] = {"gold": told, "hits": {corpus: dict(count) for corpus, count in found.items()}}
        quality[name]["samples"] = {corpus: examples(real[corpus], answer.spans) for corpus, answer in answers.items()}
        speed[name] = {corpus: answer.cpu_s for corpus, answer in answers.items()}
        cells = [told[half].get(kind, {}) for half in halves for kind in KINDS]
        lines.append([name, *(f"{c.get('found', 0)}/{c.get('gold', 0)} {c.get('right', 0)}/{c.get('given', 0)}" for c in cells)])
        row = [name]
        for corpus, answer in answers.items():
            megabytes, count = sizes[corpus] / 1e6, found[corpus]
            rates = (count.total() / megabytes, (count.total() - count["email"]) / megabytes)
            row += [f"{megabytes / answer.cpu_s:.1f}", *(f"{rate:.2f}" for rate in rates)]
        hits.append(row)
    sys.stdout.write(f"{columns(lines)}\n\n{columns(hits)}\n")
    ratios = {name: round(sum(cpu.values()) / sum(speed["curate"].values()), 3) for name, cpu in speed.items() if name != "curate"}
    return {
        "input": {"gold_sentences": {half: len(texts) for half, (texts, _) in halves.items()}, "bytes": sizes},
        "ours": {"cpu_s": speed.pop("curate")},
        "peers": {name: {"cpu_s": cpu} for name, cpu in speed.items()},
        "ratios": ratios,
        "quality": {("ours" if name == "curate" else name): values for name, values in quality.items()},
    }


if __name__ == "__main__":
    main()
