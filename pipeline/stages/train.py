"""Stage 7: train, evaluate and generate. Thin: `trainer` does the work and knows nothing of runs.

In:  shards/ and tokenizer/.
Out: model/ (weights, shape, checkpoints, metrics), evaluation/report.json, samples/samples.json.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pipeline.config import Config
from pipeline.run import Manifest, Run, Unit, digest, write_json
from pipeline.stage import Job, Stage, of_one_unit
from trainer.settings import REPORTING

VERSION = 1


def wanted(config: Config) -> bool:
    """Whether the configuration has a `train` section."""
    return config.train is not None


def plan_train(run: Run, config: Config) -> Sequence[Unit]:
    """One unit: the model."""
    if config.train is None:
        raise ValueError("the configuration has no section 'train'; add one (an empty one takes the defaults)")
    decisive = {name: value for name, value in dataclasses.asdict(config.train).items() if name not in REPORTING}
    settings = [VERSION, decisive, run.need("tokenize").outputs_digest()]
    return [Unit(key="model", fingerprint=digest(settings), bytes=0)]


@of_one_unit
def _train(job: Job, unit: Unit) -> None:
    _need_torch()
    from trainer.train import train

    assert job.config.train is not None
    out = job.run.path("model")
    report = train(job.run.path("shards"), out, job.config.train, job.progress.note)
    job.run.give_receipt(
        "train", unit, [out / "model.safetensors", out / "model.json"], {key: report[key] for key in ("parameters", "tokens", "steps")}
    )


def plan_evaluate(run: Run, _config: Config) -> Sequence[Unit]:
    """One unit: the report."""
    return [
        Unit(
            key="report", fingerprint=digest([VERSION, run.need("train").outputs_digest(), run.need("tokenize").outputs_digest()]), bytes=0
        )
    ]


@of_one_unit
def _evaluate(job: Job, unit: Unit) -> None:
    _need_torch()
    from trainer.evaluate import evaluate

    path = job.run.path("evaluation", "report.json")
    report = evaluate(job.run.path("model"), job.run.path("shards"))
    write_json(path, report)
    baselines = {name: figures["bits_per_byte"] for name, figures in report["baselines"].items()}
    job.run.give_receipt("evaluate", unit, [path], {"model": report["bits_per_byte"], **baselines})


def plan_generate(run: Run, config: Config) -> Sequence[Unit]:
    """One unit: the samples."""
    settings = [VERSION, config.generate.model_dump(mode="json"), run.need("train").outputs_digest()]
    return [Unit(key="samples", fingerprint=digest(settings), bytes=0)]


@of_one_unit
def _generate(job: Job, unit: Unit) -> None:
    _need_torch()
    from trainer.generate import generate

    settings = job.config.generate
    model, tokenizer = job.run.path("model"), job.run.path("tokenizer", "tokenizer.model")
    texts = generate(
        model,
        tokenizer,
        list(settings.prompts),
        tokens=settings.tokens,
        temperature=settings.temperature,
        top_k=settings.top_k,
        seed=settings.seed,
    )
    path = job.run.path("samples", "samples.json")
    write_json(path, [{"prompt": prompt, "text": text} for prompt, text in zip(settings.prompts, texts, strict=True)])
    job.run.give_receipt("generate", unit, [path], {"samples": len(texts)})


def _need_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise ValueError("training needs torch, which is not installed; `pip install 'curate[train]'`") from error


TRAIN = Stage(
    "train",
    (),
    plan_train,
    _train,
    lambda manifest: (
        f"{manifest.totals['parameters']:,} parameters, {manifest.totals['steps']:,} steps, {manifest.totals['tokens']:,} tokens"
    ),
    wanted=wanted,
)


def _evaluated(manifest: Manifest) -> str:
    figures = manifest.totals
    baselines = f"unigram {figures['unigram_seen']:.3f} and trigram {figures['trigram_seen']:.3f} over the same tokens"
    return f"validation at {figures['model']:.3f} bits per byte; {baselines}"


EVALUATE = Stage("evaluate", ("evaluation",), plan_evaluate, _evaluate, _evaluated, wanted=wanted)
GENERATE = Stage(
    "generate",
    ("samples",),
    plan_generate,
    _generate,
    lambda manifest: f"{manifest.totals['samples']} samples",
    wanted=wanted,
)
