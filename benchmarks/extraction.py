"""Main text of web pages: our extractors beside trafilatura, resiliparse, readability-lxml and justext, and the limit that a parser sets.

    python -m benchmarks.extraction [--small] [--sets NAME …] [--repeats 3] [--no-peers] [--data DIR] [--json FILE]

Input: the gold sets and a third of docs_web (`benchmarks.page_sets`), each page once. Every contestant gets the bytes of a response in a
process of its own, one thread, and gives text, charset detection included; contestants take turns; CPU-seconds are those of the pages,
medians of the repeats; start-up (imports, compiled code, the model) is told apart. Memory is that of the whole process.

Quality is judged on the same run's texts. The fast extractor has learnt from these sets, so its F1 is computed with models that have not
seen the page's site (.bench/extractor-folds/fold-K.npz, of `curate train-extractor`): 'out of fold'. Without them it is that of the shipped
model, and called 'in sample', which says little.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT, PeerMissingError, python_of
from benchmarks.extraction_contest import EXTRACTORS, LIMIT, PEERS, VERSIONS, Contestant, by_fold, contestants, pack, speed_table, speeds
from benchmarks.extraction_quality import differences, judge, kinds_table, quality_table
from benchmarks.page_sets import SETS, Page, load_sets, with_teaching_sites
from benchmarks.results import table, write_results
from filters.extractor.labels import FOLDS, fold_of

FOLD_MODELS = ROOT / ".bench" / "extractor-folds"
SMALL_SET = 8
TEACHER = "trafilatura"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extraction", description="Main text of web pages: quality and speed.")
    parser.add_argument("--small", action="store_true", help=f"{SMALL_SET} pages of each set, once: a few seconds")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="NAME", help=f"of {', '.join(SETS)}")
    parser.add_argument("--repeats", type=int, default=None, help="runs of each contestant; medians are shown (3; 1 with --small)")
    parser.add_argument("--no-peers", action="store_true", help="ours only")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="folder of unpacked shared data (.data)")
    parser.add_argument("--folds", type=Path, default=FOLD_MODELS, help="folder with fold-0.npz … (.bench/extractor-folds)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here as well")
    chosen = parser.parse_args()
    chosen.repeats = chosen.repeats if chosen.repeats is not None else 1 if chosen.small else 3
    if chosen.repeats < 1:
        parser.error(f"--repeats {chosen.repeats}: give 1 or more")
    if not (chosen.data / "html").is_dir():
        parser.error(
            f"--data {str(chosen.data)!r} holds no html/; unpack the archives of ../shared/data there (the tests do so into .data)"
        )
    if chosen.json and not chosen.json.absolute().parent.is_dir():
        parser.error(f"--json {str(chosen.json)!r}: its folder does not exist; make it first")
    return chosen


def fold_models(folder: Path) -> list[Path]:
    """The models of all folds; none where one is missing."""
    paths = [folder / f"fold-{fold}.npz" for fold in range(FOLDS)]
    return paths if all(path.exists() for path in paths) else []


def take_turns(entered: Mapping[str, Contestant], pages: Sequence[Page], models: Sequence[Path], repeats: int) -> Contestant | None:
    """All runs; gives the fast extractor's run out of fold, where there are models for it."""
    sites = {page.site: models[fold_of(page.site)].resolve() for page in pages} if models else {}
    with tempfile.TemporaryDirectory(prefix="curate-extraction-") as name:
        folder = Path(name)
        pack(pages, folder, sites)
        for repeat in range(repeats):
            for key, contestant in entered.items():
                if not contestant.row.absent:
                    contestant.enter(folder, key, folder)
            sys.stderr.write(f"repeat {repeat + 1} of {repeats} done\n")
        if not models:
            return None
        unseen = by_fold()
        unseen.enter(folder, "by-fold", folder)
        return unseen


def report(about: Mapping[str, Any], entered: Mapping[str, Contestant], told: Mapping[str, Any], quality: Mapping[str, Any]) -> str:
    """The tables, for people."""
    labels = {key: contestant.row.label for key, contestant in entered.items()} | {"ours": f"curate, fast ({about['ours_quality']})"}
    ours, *others = entered.values()
    lines = [
        f"{about['pages']:,} pages, {about['html_bytes'] / 1e6:.1f} MB of HTML; medians of {about['repeats']}; ratio: its CPU-s over ours",
        "",
        table(ours.row, [contestant.row for contestant in others]),
        "",
        "pages per CPU-second, by size of page, and MB of all",
        speed_table(told, labels),
    ]
    lines += ["", "F1 (precision/recall)", quality_table(quality, labels)]
    if kinds := kinds_table(quality, labels):
        lines += ["", "token F1 on hand-made gold, by kind of page", kinds]
    for name, metrics in about["difference_to_trafilatura"].items():
        for metric, (difference, low, high) in metrics.items():
            lines.append(f"ours minus trafilatura, {name}, {metric}: {difference:+.3f} [{low:+.3f}, {high:+.3f}]")
    return "\n".join(lines)


def main() -> None:
    chosen = arguments()
    judged_pages = load_sets(chosen.data, chosen.sets, SMALL_SET if chosen.small else None)
    models = fold_models(chosen.folds)
    if models:
        judged_pages = with_teaching_sites(judged_pages, chosen.data)
    pages = list({page.digest: page for page in judged_pages}.values())
    python, absent = None, "not asked for (--no-peers)" if chosen.no_peers else ""
    if not absent:
        try:
            python = python_of(EXTRACTORS)
        except PeerMissingError as error:
            absent = str(error)
    entered = contestants(python, absent)
    unseen = take_turns(entered, pages, models, chosen.repeats)
    if entered["ours-fast"].row.absent:
        sys.exit(f"extraction: {entered['ours-fast'].row.absent}")
    judged = {
        key: judge(judged_pages, dict(zip((page.digest for page in pages), contestant.texts, strict=True)))
        for key, contestant in {"ours": unseen or entered["ours-fast"], **entered}.items()
        if contestant.texts and key not in {LIMIT, "ours-fast"}
    }
    quality = {key: {name: scores.as_json() for name, scores in sets.items()} for key, sets in judged.items()}
    told = speeds(entered, pages)
    about = {
        "pages": len(pages),
        "html_bytes": sum(len(page.html) for page in pages),
        "sets": {name: sum(page.collection == name for page in judged_pages) for name in chosen.sets},
        "repeats": chosen.repeats,
        "versions": VERSIONS,
        "ours_quality": "out of fold" if unseen else "in sample",
        "difference_to_trafilatura": differences(judged["ours"], judged[TEACHER]) if TEACHER in judged else {},
    }
    sys.stdout.write(report(about, entered, told, quality) + "\n")
    if chosen.json:
        settings = {key: entered[key].row.as_json() for key in ("ours-trafilatura", "ours-resiliparse")}
        rows = {name: entered[name].row for name in PEERS}
        more = {"speed": told, "ours_settings": settings}
        ours, limit = entered["ours-fast"].row, entered[LIMIT].row
        write_results(chosen.json, about=about, ours=ours, peers=rows, limit=limit, quality=quality, more=more)


if __name__ == "__main__":
    main()
