"""Language identification: documents per CPU-second, and accuracy by length and by language, beside other identifiers.

    python -m benchmarks.language [--small] [--no-peers] [--data FOLDER] [--json FILE]

Input: paragraphs of the declaration of human rights (langid/udhr.jsonl.gz), of which those with odd numbers are reported here: what was
chosen by a measurement (weights, bounds, words) was chosen on the even ones and on lingua's sentences, which are a set of their own here.
Each paragraph of at least N characters is also judged by its first N. Documents are the declarations and the corpus's technical documents,
English novels and French novels, cut into 5,000 characters, none of them twice, since our inference remembers words.

Two sets of languages: those that every contestant knows, and all that lid.176 knows. Answers count as `language_texts.meaning` says. lingua
gets every tenth text, being about a hundred times slower.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import ROOT, Peer, PeerMissingError, python_of
from benchmarks.language_texts import CODES, EVERYBODY_KNOWS, Known, declarations, meaning, paragraphs, sentences
from benchmarks.measure import CommandError, Cost, measure
from benchmarks.results import Row, columns, write_results
from filters.language.identify import LanguageModel, bundled_model

VERSIONS = {"fasttext-numpy2": "0.10.4", "pycld2": "0.42", "py3langid": "0.4.0", "lingua-language-detector": "2.1.1"}
IDENTIFIERS = Peer("language-identifiers", "1", tuple(f"{name}=={version}" for name, version in VERSIONS.items()))
SCRIPT = Path(__file__).resolve().parent / "peers" / "language_identifiers.py"
SLOW = {"lingua-language-detector": 10}
OURS = {"ours": "curate", "mixing": "curate, mixing share too", "whole": "curate, whole texts", "fasttext": "curate, fastText alone, whole"}
PREFIXES = (0, 128, 256, 1024, 2048)
LENGTHS = (20, 50, 100, 200, 500)
DOCUMENT = 5000  # characters


@dataclass
class Contestant:
    """One identifier: how it is run, and what it said."""

    row: Row
    command: tuple[str, ...]
    step: int = 1
    """It gets every step-th text."""
    answers: dict[str, list[str]] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)

    def enter(self, groups: Mapping[str, Sequence[Known]], folder: Path) -> None:
        """Run it over all groups; one that fails is absent."""
        texts, out, log = folder / "texts.json", folder / "out.json", folder / "log.txt"
        given = {name: [known.text for known in group[:: self.step]] for name, group in groups.items()}
        texts.write_text(json.dumps({"model": str(bundled_model()), "groups": given}), encoding="utf-8")
        try:
            cost = measure([*self.command, str(texts), str(out)], cwd=ROOT, log=log)
        except CommandError as error:
            self.row.absent = str(error)
            return
        told = json.loads(out.read_text(encoding="utf-8"))
        self.answers, self.cpu_s = told["answers"], told["cpu_s"]
        self.row.costs.append(Cost(sum(self.cpu_s.values()), cost.wall_s, cost.peak_mb))
        self.row.documents = {name: len(group) for name, group in given.items()}
        self.row.stage_cpu_s = self.cpu_s | {"start": told["start_s"]}

    def speed(self, group: str) -> float:
        """Texts per CPU-second."""
        return len(self.answers[group]) / max(1e-9, self.cpu_s[group])

    def right(self, groups: Mapping[str, Sequence[Known]], group: str, languages: frozenset[str]) -> dict[str, list[bool]]:
        """By language, whether each answer is right."""
        found: dict[str, list[bool]] = defaultdict(list)
        for known, answer in zip(groups[group][:: self.step], self.answers[group], strict=True):
            if known.language in languages:
                found[known.language].append(meaning(answer) == known.language)
        return found


def arguments() -> argparse.Namespace:
    data = os.environ.get("CURATE_SHARED_DATA", ROOT / ".data")
    parser = argparse.ArgumentParser(prog="benchmarks.language", description="language identification, beside other identifiers")
    parser.add_argument("--small", action="store_true", help="a tenth of the texts")
    parser.add_argument("--no-peers", action="store_true", help="only ours")
    parser.add_argument("--data", type=Path, default=Path(data), help="folder of the unpacked shared data")
    parser.add_argument("--json", type=Path, help="write the result here")
    return parser.parse_args()


def groups_of(data: Path, corpus: Path, *, small: bool) -> dict[str, list[Known]]:
    """Texts by group: documents, paragraphs, lingua's sentences, and paragraphs cut to each length."""
    step = 10 if small else 1
    judged = paragraphs(data)[1::2][::step]
    found = {"documents": documents(data, corpus, 60 if small else 500), "paragraphs": judged, "sentences": sentences(data)[::step]}
    for length in LENGTHS:
        found[f"first {length}"] = [Known(known.language, known.text[:length]) for known in judged if len(known.text) >= length]
    return found


def documents(data: Path, corpus: Path, most: int) -> list[Known]:
    """Declarations, and as many texts of each file of the corpus, cut to 5,000 characters."""
    found = [Known(known.language, known.text[:DOCUMENT]) for known in declarations(data)[:most]]
    for name, language in (("tech_docs_eng", "en"), ("eltec_eng", "en"), ("eltec_fra", "fr")):
        path = corpus / f"{name}.jsonl.gz"
        if path.exists():
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                texts = (json.loads(line)["text"] for line in lines)
                pieces = (text[start : start + DOCUMENT] for text in texts for start in range(0, max(1, len(text) - DOCUMENT), DOCUMENT))
                found += [Known(language, piece) for piece in islice(pieces, most)]
    return found


def contestants(peers: Path | None, absent: str, sizes: Sequence[int]) -> dict[str, Contestant]:
    """All by key, ours first, with excerpts of these sizes beside the chosen one."""
    ours = {
        name: Contestant(Row(label), (sys.executable, "-m", "benchmarks.our_languages", name))
        for name, label in [*OURS.items(), *((f"prefix-{size}", f"curate, {size} bytes and samples") for size in sizes)]
    }
    others = {name: Contestant(Row(name, absent=absent), (str(peers), "-I", str(SCRIPT), name), SLOW.get(name, 1)) for name in VERSIONS}
    return ours | others


def accuracy(right: Mapping[str, Sequence[bool]]) -> float | None:
    """Of all texts together."""
    answers = [answer for group in right.values() for answer in group]
    return round(float(np.mean(answers)), 4) if answers else None


def quality_of(contestant: Contestant, groups: Mapping[str, Sequence[Known]], sets: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    """Accuracy by set of languages and group, and by language of paragraphs."""
    told: dict[str, Any] = {
        name: {group: accuracy(contestant.right(groups, group, languages)) for group in groups} for name, languages in sets.items()
    }
    by_language = contestant.right(groups, "paragraphs", sets["all of lid.176"])
    told["by language"] = {language: round(float(np.mean(answers)), 3) for language, answers in sorted(by_language.items())}
    return told


def report(
    entered: Mapping[str, Contestant], groups: Mapping[str, Sequence[Known]], quality: Mapping[str, Any], about: Mapping[str, Any]
) -> str:
    """The tables, for people."""
    present = {name: contestant for name, contestant in entered.items() if contestant.answers}
    lines = ["texts per CPU-second; accuracy in each set of languages"]
    head = ["", "documents/s", "paragraphs/s", "peak MB"]
    rows = [
        [
            contestant.row.label,
            f"{contestant.speed('documents'):,.0f}",
            f"{contestant.speed('paragraphs'):,.0f}",
            f"{contestant.row.cost.peak_mb:,.0f}",
        ]
        for contestant in present.values()
    ]
    lines += [columns([head, *rows]), *(f"{c.row.label}: {c.row.absent}" for c in entered.values() if c.row.absent)]
    for name, languages in about["languages"].items():
        lines += ["", f"accuracy, {name}: {len(languages)} languages"]
        table = [["", *(f"{group} ({len(groups[group])})" for group in groups)]]
        for key, contestant in present.items():
            table.append([contestant.row.label, *("-" if value is None else f"{value:.4f}" for value in quality[key][name].values())])
        lines.append(columns(table))
    keys = [key for key in present if key in {"ours", *VERSIONS}]
    table = [["language", *(entered[key].row.label for key in keys)]]
    for language in quality["ours"]["by language"]:
        table.append([language, *(f"{quality[key]['by language'].get(language, float('nan')):.3f}" for key in keys)])
    lines += ["", "accuracy of paragraphs by language", columns(table)]
    return "\n".join(lines)


def main() -> None:
    chosen = arguments()
    corpus = Path(os.environ.get("CURATE_SHARED_DATA", ROOT.parent / "shared" / "data")).resolve() / "corpus"
    if not (chosen.data / "langid" / "udhr.jsonl.gz").is_file():
        sys.exit(f"language: no langid/udhr.jsonl.gz in {str(chosen.data)!r}; unpack the shared data")
    groups = groups_of(chosen.data, corpus if corpus.is_dir() else chosen.data / "corpus", small=chosen.small)
    python, absent = None, "not asked for (--no-peers)" if chosen.no_peers else ""
    if not absent:
        try:
            python = python_of(IDENTIFIERS)
        except PeerMissingError as error:
            absent = str(error)
    entered = contestants(python, absent, () if chosen.small else PREFIXES)
    with tempfile.TemporaryDirectory(prefix="curate-language-") as folder:
        for contestant in entered.values():
            if not contestant.row.absent:
                contestant.enter(groups, Path(folder))
    if entered["ours"].row.absent:
        sys.exit(f"language: {entered['ours'].row.absent}")
    known = frozenset(meaning(label) for label in LanguageModel.load().labels) & frozenset(CODES.values())
    sets = {"known to all": known & EVERYBODY_KNOWS, "all of lid.176": known}
    quality = {key: quality_of(contestant, groups, sets) for key, contestant in entered.items() if contestant.answers}
    about = {
        "texts": {name: len(group) for name, group in groups.items()},
        "languages": {name: sorted(languages) for name, languages in sets.items()},
        "versions": VERSIONS,
    }
    sys.stdout.write(report(entered, groups, quality, about) + "\n")
    if chosen.json:
        peers = {name: entered[name].row for name in VERSIONS}
        speeds = {key: {group: round(c.speed(group), 1) for group in groups} for key, c in entered.items() if c.answers}
        limit = entered["fasttext"].row
        write_results(
            chosen.json, about=about, ours=entered["ours"].row, peers=peers, limit=limit, quality=quality, more={"texts_per_cpu_s": speeds}
        )


if __name__ == "__main__":
    main()
