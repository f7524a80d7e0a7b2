"""Where Beam jobs run, and how a user's error comes back from one as one line.

Local runs name FnApiRunner: `DirectRunner` would first try to download another runner's binary and silently fall back. With more
than one worker it starts processes (about 1.5 s), so a small job stays in this one.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from pipeline import worker
from pipeline.config import Runner
from pipeline.errors import one_line
from pipeline.run import Run, Unit

# A worker's exception crosses Beam as text inside a traceback; the line between these is what the user is shown.
OPENING, CLOSING = "⟦curate: ", "⟧"


@dataclass(frozen=True)
class UnitWork:
    """What a worker does with one unit: `work`, and a translation of its errors. Picklable."""

    work: Callable[..., None]
    stage: str
    run: Run
    arguments: tuple[Any, ...]

    def __call__(self, unit: Unit) -> None:
        """Do one unit."""
        try:
            self.work(unit, self.run, *self.arguments)
        except (ValueError, OSError) as error:
            raise RuntimeError(f"{OPENING}{one_line(error)}{CLOSING}") from error


class Units(beam.PTransform):  # type: ignore[misc]
    """Units, largest first, to the work that each of them is."""

    def __init__(self, units: Sequence[Unit], work: UnitWork) -> None:
        super().__init__()
        self.units, self.work = sorted(units, key=lambda unit: (-unit.bytes, unit.key)), work

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[None]:
        """One element per unit."""
        name = self.work.stage
        return pipeline | f"{name} units" >> beam.Create(self.units) | f"{name} unit" >> beam.Map(self.work)


def run_units(work: UnitWork, units: Sequence[Unit], runner: Runner, cost: float = 1.0) -> None:
    """Do every unit as one Beam job, in no promised order."""
    if units:
        run_job(runner, lambda pipeline: pipeline | work.stage >> Units(units, work), units, cost)


def run_job(runner: Runner, build: Callable[[beam.Pipeline], Any], units: Sequence[Unit], cost: float = 1.0) -> None:
    """Build a pipeline over units and run it to its end.

    Args:
        runner: where.
        build: given the pipeline, adds to it.
        units: what it works on; small ones together stay in this process.
        cost: of a byte, where extraction's is 1.

    Raises:
        ValueError: a unit failed by the user's input, settings or disk; the text is its one line.
    """
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    workers = 1 if len(units) == 1 or cost * sum(unit.bytes for unit in units) < runner.small_job_bytes else runner.workers
    try:
        with beam.Pipeline(runner=_beam_runner(runner, workers), options=_options(runner, workers)) as pipeline:
            build(pipeline)
    except Exception as error:
        text = str(error)
        if OPENING not in text:
            raise
        raise ValueError(text.rpartition(OPENING)[2].partition(CLOSING)[0]) from None


def _beam_runner(runner: Runner, workers: int) -> Any:
    if runner.name != "FnApiRunner":
        return runner.name
    if workers == 1:
        return FnApiRunner()
    os.environ[worker.DRIVER] = str(os.getpid())
    return FnApiRunner(SubprocessSDKEnvironment.from_command_string(f"{sys.executable} -m {worker.__name__}"))


def _options(runner: Runner, workers: int) -> PipelineOptions:
    local = {"direct_num_workers": workers} if runner.name == "FnApiRunner" else {}
    return PipelineOptions(flags=[], **runner.options, **local)
