"""Where Beam jobs run, and how a user's error comes back from one as one line.

Local runs name FnApiRunner: `DirectRunner` would first try to download another runner's binary and silently fall back. With more
than one worker it starts processes (about 1.5 s), so a small job stays in this one. A job service (PortableRunner) has workers of its own,
which import this package and see the same folders.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from pipeline import worker
from pipeline.errors import one_line
from pipeline.run import Unit
from pipeline.settings.stages import Runner

# A worker's exception crosses Beam as text inside a traceback; the line between these is what the user is shown.
OPENING, CLOSING = "⟦curate: ", "⟧"
# Without them Beam says so in its own words, or starts a container that has no curate.
PORTABLE = {
    "job_endpoint": "the address of a job service, HOST:PORT",
    "environment_type": "where the workers are: LOOPBACK (this process), EXTERNAL (a worker pool at environment_config) or DOCKER",
}


@dataclass(frozen=True)
class Told:
    """A function for a worker whose user errors and disk errors reach the user as their one line. Picklable.

    The function must have done its work when it returns: what a generator raises later is not seen here.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()

    def __call__(self, element: Any) -> Any:
        """`function(element, *arguments)`."""
        try:
            return self.function(element, *self.arguments)
        except (ValueError, OSError) as error:
            raise RuntimeError(f"{OPENING}{one_line(error)}{CLOSING}") from error


class Units(beam.PTransform):  # type: ignore[misc]
    """Units, largest first, to the work that each of them is."""

    def __init__(self, stage: str, units: Sequence[Unit], work: Told) -> None:
        super().__init__()
        self.stage, self.work = stage, work
        self.units = sorted(units, key=lambda unit: (-unit.bytes, unit.key))

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[None]:
        """One element per unit."""
        return pipeline | f"{self.stage} units" >> beam.Create(self.units) | f"{self.stage} unit" >> beam.Map(self.work)


def run_units(stage: str, units: Sequence[Unit], work: Told, runner: Runner, cost: float = 1.0) -> None:
    """Do every unit as one Beam job, in no promised order."""
    if units:
        run_job(runner, lambda pipeline: pipeline | stage >> Units(stage, units, work), units, cost)


def run_job(runner: Runner, build: Callable[[beam.Pipeline], Any], units: Sequence[Unit], cost: float = 1.0) -> None:
    """Build a pipeline over units and run it to its end.

    Args:
        runner: where.
        build: given the pipeline, adds to it.
        units: what it works on; small ones together stay in this process.
        cost: of a byte, where extraction's is 1.

    Raises:
        ValueError: a unit failed by the user's input, settings or disk, or the job service is not there; the text is its one line.
    """
    workers = 1 if len(units) == 1 or cost * sum(unit.bytes for unit in units) < runner.small_job_bytes else runner.workers
    try:
        with _quiet(), beam.Pipeline(runner=_beam_runner(runner, workers), options=_options(runner, workers)) as pipeline:
            build(pipeline)
    except grpc.FutureTimeoutError:
        raise ValueError(
            f"runner.options.job_endpoint: no job service answers at {runner.options['job_endpoint']!r}; start it or correct the address"
        ) from None
    except Exception as error:
        text = str(error)
        if OPENING not in text:
            raise
        raise ValueError(text.rpartition(OPENING)[2].partition(CLOSING)[0]) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Errors reach the user as one line. What Beam logs repeats them with tracebacks, and its portable runner logs to the root."""
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        root.setLevel(before)


def _beam_runner(runner: Runner, workers: int) -> Any:
    if runner.name == "PortableRunner":
        for needed in ("job_endpoint", "environment_type"):
            if needed not in runner.options:
                raise ValueError(f"runner.options.{needed}: missing; {runner.name} needs {PORTABLE[needed]}")
    if runner.name != "FnApiRunner":
        return runner.name
    if workers == 1:
        return FnApiRunner()
    os.environ[worker.DRIVER] = str(os.getpid())
    return FnApiRunner(SubprocessSDKEnvironment.from_command_string(f"{sys.executable} -m {worker.__name__}"))


def _options(runner: Runner, workers: int) -> PipelineOptions:
    local = {"direct_num_workers": workers} if runner.name == "FnApiRunner" else {}
    return PipelineOptions(flags=[], **{**runner.options, **local})
