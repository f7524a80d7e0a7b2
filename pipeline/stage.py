"""What a stage is, and how one is done: planned as units, skipped where nothing changed, resumed where it was cut off."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.config import Config, stored
from pipeline.progress import Progress
from pipeline.run import CONFIGURATION, MANIFEST, PREVIOUS, Manifest, Receipt, Run, Unit, digest, sweep_partials, write_json
from pipeline.runners import Told, run_units

MEGABYTE = 1e6


@dataclass(frozen=True)
class Job:
    """What a stage's work is given: the run, the configuration, the units still to do, and where to say how far it is."""

    stage: str
    run: Run
    config: Config
    units: Sequence[Unit]
    good: Mapping[str, Receipt]
    progress: Progress

    def receipts(self) -> dict[str, Receipt]:
        """Of every unit done so far, in this run or before it."""
        return {**self.good, **self.run.receipts(self.stage)}

    def each(self, units: Sequence[Unit], work: Callable[..., None], *, cost: float = 1.0) -> None:
        """Do units as a Beam job: `work(unit, run, config)` writes parts and gives a receipt; `cost` as in `runners.run_job`."""
        run_units(self.stage, units, Told(work, (self.run, self.config)), self.config.runner, cost)


def of_one_unit(work: Callable[[Job, Unit], None]) -> Callable[[Job], None]:
    """The work of a stage that is one unit: none where a run that was killed before the manifest had done it."""

    def work_of(job: Job) -> None:
        for unit in job.units:
            work(job, unit)

    return work_of


@dataclass(frozen=True)
class Stage:
    """One stage of the path."""

    name: str
    folders: tuple[str, ...]
    """Folders of the run that this stage alone writes."""
    plan: Callable[[Run, Config], Sequence[Unit]]
    """All units of the stage; their fingerprints hold every input, setting and definition that decides an output."""
    work: Callable[[Job], None]
    """Does `job.units`, each ending in a receipt."""
    summary: Callable[[Manifest], str]
    """What it came to, for the line that ends the stage."""
    check: Callable[[Run, Config, Manifest], None] = lambda _run, _config, _manifest: None
    """Raises ValueError where the finished stage does not add up or a guard stops the run."""
    wanted: Callable[[Config], bool] = lambda _config: True
    """Whether a configuration asks for this stage."""


def perform(stage: Stage, run: Run, config: Config) -> bool:
    """Do a stage where it is stale; whether there was anything to do.

    Raises:
        ValueError: an earlier stage is missing, an input or setting is refused, or the stage's counts do not add up.
    """
    units = stage.plan(run, config)
    fingerprint = digest([stage.name, sorted((unit.key, unit.fingerprint) for unit in units)])
    if run.is_current(stage.name, fingerprint):
        # A guard may have become stricter, which makes no part stale.
        _check(stage, run, config, run.need(stage.name))
        _say(f"{stage.name:<16} up to date: {stage.summary(run.need(stage.name))}")
        return False
    sweep_partials(run.path(stage.name))
    for folder in stage.folders:
        sweep_partials(run.path(folder))
    good = run.begin(stage.name, units)
    write_json(run.path(stage.name, CONFIGURATION), stored(config))
    todo = [unit for unit in units if unit.key not in good]
    if good and todo:
        _say(f"{stage.name:<16} {len(good)} of {len(units)} parts are done already")
    with Progress(stage.name, run, todo) as progress:
        stage.work(Job(stage.name, run, config, todo, good, progress))
    parts = good | run.receipts(stage.name)
    missing = {unit.key for unit in units} - parts.keys()
    assert not missing, f"{stage.name}: units without a receipt: {sorted(missing)[:3]}"
    manifest = run.finish(stage.name, fingerprint, parts, stage.folders)
    _check(stage, run, config, manifest)
    run.log(
        {"stage": stage.name, "wall_s": round(progress.wall_s, 2), "cpu_s": round(progress.cpu_s, 2)}
        | {"peak_mb": round(progress.peak_bytes / MEGABYTE), "units": len(todo), "totals": manifest.totals}
    )
    _say(f"{stage.name:<16} {stage.summary(manifest)}  [{progress.wall_s:.1f} s, {progress.peak_bytes / MEGABYTE:,.0f} MB]")
    return True


def _check(stage: Stage, run: Run, config: Config, manifest: Manifest) -> None:
    """A stage that does not pass its check must not count as done."""
    try:
        stage.check(run, config, manifest)
    except ValueError:
        run.path(stage.name, MANIFEST).rename(run.path(stage.name, PREVIOUS))
        raise


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
