"""Classifiers and the perplexity model on labelled texts that they have not seen; what training and scoring cost.

    python -m benchmarks.classifiers [--small] [--no-peers] [--data FOLDER] [--json FILE]

Input, of ../shared/data: quality by 153 web documents with human labels (DCLM's annotation study; out of fold, five times over, because so
few say little once); toxicity by Davidson's tweets, hate and offence against neither; domain by biomedical sentences, pieces of technical
documents and of novels. There is no data with labels of sentiment, so that is not shown.

Each classifier is trained as `curate train-classifier` does it, 80 % of the texts, the rest held out by digest. Peer: scikit-learn's
HashingVectorizer and SGDClassifier over the same split. The limit is fastText's own `predict` over lines that are already made. Costs are
CPU-seconds of one process, the median of three for scoring.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.environments import ROOT, Peer, PeerMissingError, python_of
from benchmarks.perplexity_texts import corpus, perplexity_models, surprises
from benchmarks.results import columns
from filters.models.classifier import Classifier
from filters.models.classifier_training import DEFAULT, FastTextSettings, mixed, out_of_fold
from filters.models.classifier_training import train as train_fasttext
from filters.models.held_out import area_under_curve, calibration, evaluate, expected_calibration_error, rank_correlation
from filters.models.normalisation import AS_WRITTEN, Normalisation
from filters.models.perplexity import PerplexityModel
from pipeline.training.classifier import train_classifier
from pipeline.training.labelled_texts import Spool

SCIKIT = Peer("scikit-learn", "1.9.1", ("scikit-learn==1.9.1",))
# 2,000,000 buckets, the default, make files of 800 MB; for so few texts a tenth does the same (0.948 and 0.948 ROC area on the tweets).
SETTINGS = replace(DEFAULT, buckets=200_000)
# 138 texts at a time: at DCLM's settings scores hardly leave the share of good texts. Chosen among five settings by these very documents,
# so that row of the table flatters; the one at DCLM's settings does not.
FEW = replace(SETTINGS, buckets=50_000, epochs=50, learning_rate=0.5)
SEEDS = range(5)
RESAMPLES = 2000


def human_quality(data: Path) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """The documents of DCLM's study, each text once, and whether people found it good."""
    rows = map(json.loads, (data / "filters" / "dclm_human_quality.jsonl").read_text(encoding="utf-8").splitlines())
    labels = {row["text"]: bool(row["label"]) for row in rows}
    return list(labels), np.array(list(labels.values()))


def out_of_fold_quality(
    texts: Sequence[str], good: npt.NDArray[np.bool_], seeds: Sequence[int] = SEEDS, settings: FastTextSettings = FEW
) -> npt.NDArray[np.float32]:
    """Scores of a quality classifier for each text by models that have not seen it, float32 [texts]: means over the seeds."""
    labels = np.where(good, "hq", "cc").tolist()
    return np.mean([out_of_fold(texts, labels, "hq", folds=10, settings=replace(settings, seed=seed)) for seed in seeds], axis=0)


def interval(
    measure: Callable[[npt.NDArray[Any], npt.NDArray[Any]], float], *arrays: npt.NDArray[Any], resamples: int = RESAMPLES
) -> tuple[float, float, float]:
    """A measure of paired columns, and the middle 95 % of it over texts drawn again with replacement."""
    draw = np.random.default_rng(0)
    count = len(arrays[0])
    found = [measure(*(array[chosen] for array in arrays)) for chosen in draw.integers(0, count, (resamples, count))]
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return measure(*arrays), float(low), float(high)


def quality(data: Path, small: bool) -> dict[str, Any]:
    """Against the human labels: a classifier out of fold, DCLM's recipe on what there is of its kind, length, and perplexity."""
    texts, good = human_quality(data)
    if small:
        texts, good = texts[::3], good[::3]
    seeds, resamples = SEEDS[: 1 if small else None], RESAMPLES // (20 if small else 1)
    scores = {"out of fold": out_of_fold_quality(texts, good, seeds)}
    scores["out of fold, 5 epochs at 0.1"] = out_of_fold_quality(texts, good, seeds, replace(FEW, epochs=5, learning_rate=0.1))
    recipe = recipe_classifier(data)
    scores["instructions against web"] = recipe.probabilities(pa.array(texts))[:, recipe.labels.index("hq")]
    scores["length"] = np.array([len(text) for text in texts], np.float32)
    for name, model in perplexity_models(data, small).items():
        scores[f"less perplexity, {name}"] = -model.perplexity(pa.array(texts))
    found: dict[str, Any] = {}
    for name, score in scores.items():
        found[name] = {
            "roc_area": interval(area_under_curve, good, score, resamples=resamples),
            "rank_correlation": interval(rank_correlation, good.astype(np.float64), score, resamples=resamples),
        }
        if name.startswith(("out of fold", "instructions")):
            found[name]["expected_calibration_error"] = expected_calibration_error(calibration(good, score))
    return found


def recipe_classifier(data: Path) -> Classifier:
    """Answers to instructions (LLaMA-Factory's Alpaca sample) against web pages (its C4 sample): DCLM's recipe, on 1,000 and 300 texts."""
    folder = data / "chat" / "llama_factory"
    answers = [f"{row['instruction']} {row['input']} {row['output']}" for row in json.loads((folder / "alpaca_en_demo.json").read_text())]
    pages = [json.loads(line)["text"] for line in (folder / "c4_demo.jsonl").read_text(encoding="utf-8").splitlines()]
    examples = {(label, AS_WRITTEN.line(text)) for label, group in (("hq", answers), ("cc", pages)) for text in group}
    # 5 epochs, as DCLM: with 50 it learns what sets the two samples apart beside quality, and the ROC area falls from 0.75 to 0.51.
    return train_fasttext(mixed(examples), AS_WRITTEN, replace(SETTINGS, epochs=5, learning_rate=0.1)).classifier()


def pieces(texts: Sequence[str], characters: int, most: int) -> list[str]:
    """Evenly drawn parts of texts."""
    places = [(text, at) for text in texts for at in range(0, len(text) - characters, characters)]
    return [text[at : at + characters] for text, at in places[:: max(1, len(places) // most)][:most]]


def tasks(data: Path, small: bool) -> dict[str, dict[str, list[str]]]:
    """Texts by label, by task."""
    tweets: dict[str, list[str]] = {"toxic": [], "neither": []}
    with (data / "toxic" / "davidson_labeled.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            tweets["neither" if row["class"] == "2" else "toxic"].append(row["tweet"])
    most = 300 if small else 10_000
    if small:
        tweets = {label: texts[:most] for label, texts in tweets.items()}
    sentences = corpus(data, "biomed_sentences.txt.gz")
    domain = {
        "biomed": sentences[:: len(sentences) // most][:most],
        "technical": pieces(corpus(data, "tech_docs_eng.jsonl.gz"), 160, most),
        "novel": pieces(corpus(data, "eltec_eng.jsonl.gz"), 160, most),
    }
    return {"toxicity": tweets, "domain": domain}


def judged(task: Mapping[str, Sequence[str]], folder: Path, python: Path | None) -> dict[str, Any]:
    """Ours on a task, and the peer's on the same split."""
    paths = {}
    for label, texts in task.items():
        path = folder / f"{label}.jsonl"
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        paths[label] = [str(path)]
    begun = time.process_time()
    report = train_classifier(paths, folder / "model.bin", settings=SETTINGS)
    found: dict[str, Any] = {"ours": {"train_cpu_s": time.process_time() - begun, "counts": report["labels"], **report["held_out"]}}
    if python:
        found["scikit-learn"] = scikit(task, folder, python)
    return found


def scikit(task: Mapping[str, Sequence[str]], folder: Path, python: Path) -> dict[str, Any]:
    """The peer on the split of `train_classifier`: the same lines, in the same order."""
    names = list(task)
    with Spool(SETTINGS.seed) as spool:
        for number, texts in enumerate(task.values()):
            for text in filter(None, map(AS_WRITTEN.line, texts)):
                spool.add(number, text)
        order = spool.order()
        aside = order.held_out(0.2)
        for name, mask in (("train", ~aside), ("held_out", aside)):
            places = np.flatnonzero(mask)
            rows = zip(spool.texts(order, places), order.labels[places], strict=True)
            lines = (json.dumps({"text": text, "label": names[label]}) + "\n" for text, label in rows)
            (folder / f"{name}.peer").write_text("".join(lines), encoding="utf-8")
        truth = order.labels[aside].astype(np.int64)
    scores = np.empty((len(truth), len(names)))
    costs: dict[str, float] = {}
    for number, label in enumerate(names[:1] if len(names) == 2 else names):
        script = ROOT / "benchmarks" / "peers" / "sklearn_texts.py"
        arguments = [folder / "train.peer", folder / "held_out.peer", label, folder / "peer.json"]
        subprocess.run([str(python), str(script), *map(str, arguments)], check=True)
        result = json.loads((folder / "peer.json").read_text())
        scores[:, number] = result.pop("scores")
        costs = costs or result
    if len(names) == 2:
        scores[:, 1] = 1 - scores[:, 0]
    return {**costs, **evaluate(names, truth, scores)}


def cpu_s(work: Callable[[], object]) -> float:
    """The median of three."""
    costs = []
    for _ in range(3):
        begun = time.process_time()
        work()
        costs.append(time.process_time() - begun)
    return statistics.median(costs)


def speeds(data: Path, file: Path, perplexity: PerplexityModel, small: bool) -> dict[str, dict[str, float]]:
    """MB of whole text per CPU-second, and documents, by the classifier of a file."""
    from fasttext.FastText import _FastText

    model, library = Classifier.load(file), _FastText(model_path=str(file)).f
    documents = corpus(data, "tech_docs_eng.jsonl.gz")[1 :: 8 if small else 2]
    texts = pa.array(documents)
    whole = replace(model, normalisation=Normalisation(characters=0))
    lines = [model.normalisation.line(text) for text in documents]
    long_lines = [whole.normalisation.line(text) for text in documents]
    megabytes = sum(len(text.encode()) for text in documents) / 1e6
    perplexity.perplexity(texts.slice(0, 1))
    model.probabilities(texts.slice(0, 1))

    def predicted(given: Sequence[str]) -> object:
        return library.multilinePredict([line + "\n" for line in given], len(model.labels), 0.0, "strict")

    rows: dict[str, tuple[Callable[[], object], float]] = {
        "classifier, 4,000 characters": (lambda: model.probabilities(texts), megabytes),
        "limit: fastText's predict on those": (lambda: predicted(lines), sum(map(len, lines)) / 1e6),
        "classifier, whole texts": (lambda: whole.probabilities(texts), megabytes),
        "limit: fastText's predict on those lines": (lambda: predicted(long_lines), sum(map(len, long_lines)) / 1e6),
        "perplexity, whole texts": (lambda: perplexity.perplexity(texts), megabytes),
    }
    found = {}
    for name, (work, size) in rows.items():
        cost = cpu_s(work)
        found[name] = {"cpu_s": cost, "mb_per_cpu_s": size / cost, "documents_per_cpu_s": len(documents) / cost}
    return found


def told(found: Mapping[str, Any]) -> str:
    """The tables, for people."""
    lines = [["human labels of quality", "ROC area", "95 %", "rank corr.", "95 %", "calibration error"]]
    for name, row in found["quality"].items():
        (area, low, high), (rank, least, most) = row["roc_area"], row["rank_correlation"]
        error = f"{row['expected_calibration_error']:.3f}" if "expected_calibration_error" in row else ""
        lines.append([name, f"{area:.3f}", f"{low:.2f} to {high:.2f}", f"{rank:.3f}", f"{least:.2f} to {most:.2f}", error])
    parts = [columns(lines)]
    for task, by_contestant in found["tasks"].items():
        lines = [[task, "texts held out", "precision", "recall", "F1", "best F1", "avg. prec.", "ROC area", "cal. error", "train CPU-s"]]
        for contestant, report in by_contestant.items():
            for label, row in report["labels"].items():
                numbers = (row["precision"], row["recall"], row["f1"], row["best_f1"]["f1"], row["average_precision"], row["roc_area"])
                error = f"{row['expected_calibration_error']:.3f}"
                cells = [f"{row['texts']:,}", *(f"{number:.3f}" for number in numbers), error, f"{report['train_cpu_s']:.1f}"]
                lines.append([f"{contestant}: {label}", *cells])
        parts.append(columns(lines))
        first = next(iter(by_contestant["ours"]["labels"]))
        rows = by_contestant["ours"]["labels"][first]["calibration"]
        lines = [[f"score of {first}", "texts", "mean", "true share"]]
        lines += [
            [f"{row['from']:.1f} to {row['to']:.1f}", f"{row['texts']:,}", f"{row['mean_score']:.3f}", f"{row['true_share']:.3f}"]
            for row in rows
            if row["texts"]
        ]
        parts.append(columns(lines))
    lines = [["perplexity by a part of the technical documents", "texts", "lower quartile", "median", "upper quartile"]]
    for name, row in found["perplexity"].items():
        lines.append([name, f"{row['texts']:,}", *(f"{row[key]:.1f}" for key in ("lower", "median", "upper"))])
    parts.append(columns(lines))
    lines = [["scoring", "CPU-s", "MB per CPU-s", "documents per CPU-s"]]
    for name, row in found["speed"].items():
        lines.append([name, f"{row['cpu_s']:.2f}", f"{row['mb_per_cpu_s']:.1f}", f"{row['documents_per_cpu_s']:,.0f}"])
    return "\n\n".join([*parts, columns(lines)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classifiers", description="Classifiers and perplexity on labelled texts.")
    parser.add_argument("--small", action="store_true", help="fewer texts, fewer repetitions: about 20 CPU-seconds")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="folder with filters/, toxic/, chat/, text/, corpus/ (.data)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here as well")
    chosen = parser.parse_args()
    python: Path | None = None
    try:
        python = None if chosen.no_peers else python_of(SCIKIT)
    except PeerMissingError as error:
        sys.stderr.write(f"without scikit-learn: {error}\n")
    found: dict[str, Any] = {"tasks": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name, task in tasks(chosen.data, chosen.small).items():
            found["tasks"][name] = judged(task, Path(folder), python)
        models = perplexity_models(chosen.data, chosen.small)
        found["speed"] = speeds(chosen.data, Path(folder, "model.bin"), models["technical"], chosen.small)
    found["quality"] = quality(chosen.data, chosen.small)
    found["perplexity"] = surprises(chosen.data, models["technical"], chosen.small)
    print(told(found))
    if chosen.json:
        chosen.json.write_text(json.dumps(results(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def results(found: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of DESIGN 11; a ratio is that of CPU-seconds of training."""
    by_task = found["tasks"].items()
    peers = {"scikit-learn": {task: pair["scikit-learn"] for task, pair in by_task if "scikit-learn" in pair}}
    costs = [(pair["scikit-learn"]["train_cpu_s"], pair["ours"]["train_cpu_s"]) for _, pair in by_task if "scikit-learn" in pair]
    speed = found["speed"]
    return {
        "input": {task: pair["ours"]["counts"] for task, pair in by_task} | {"sentiment": "no labelled data"},
        "ours": {task: pair["ours"] for task, pair in by_task} | {"speed": {k: v for k, v in speed.items() if not k.startswith("limit")}},
        "peers": peers,
        "limit": {k: v for k, v in speed.items() if k.startswith("limit")},
        "ratios": {"scikit-learn": round(sum(peer for peer, _ in costs) / sum(own for _, own in costs), 3)} if costs else {},
        "quality": {"human_labels": found["quality"], "perplexity": found["perplexity"]},
    }


if __name__ == "__main__":
    main()
