"""Where Beam jobs run, and how a user's error comes back from one as one line.

Local runs name FnApiRunner: `DirectRunner` would first try to download another runner's binary and silently fall back. With more
than one worker it starts processes (about 1.5 s), so a small job stays in this one.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.config import Runner
from pipeline.errors import one_line
from pipeline.run import Run, Unit

SMALL_JOB_BYTES = 8 << 20
DRIVER = "CURATE_DRIVER_PID"
# A worker's exception crosses Beam as text inside a traceback; the line between these is what the user is shown.
OPENING, CLOSING = "⟦curate: ", "⟧"


@dataclass(frozen=True)
class UnitWork:
    """What a worker does with one unit: `work`, between a watch over the driver and a translation of errors. Picklable."""

    work: Callable[..., None]
    stage: str
    run: Run
    arguments: tuple[Any, ...]

    def __call__(self, unit: Unit) -> None:
        """Do one unit."""
        exit_with_driver()
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


def run_units(stage: str, units: Sequence[Unit], work: Callable[..., None], run: Run, runner: Runner, *arguments: Any) -> None:
    """Do every unit as one Beam job: `work(unit, run, *arguments)`, in no promised order."""
    if units:
        small = sum(unit.bytes for unit in units) < SMALL_JOB_BYTES or len(units) == 1
        run_job(runner, lambda pipeline: pipeline | stage >> Units(units, UnitWork(work, stage, run, arguments)), small=small)


def run_job(runner: Runner, build: Callable[[beam.Pipeline], Any], *, small: bool) -> None:
    """Build a pipeline and run it to its end.

    Raises:
        ValueError: a unit failed by the user's input, settings or disk; the text is its one line.
    """
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    os.environ[DRIVER] = str(os.getpid())
    try:
        with beam.Pipeline(runner=runner.name, options=options(runner, small=small)) as pipeline:
            build(pipeline)
    except Exception as error:
        text = str(error)
        if OPENING not in text:
            raise
        raise ValueError(text.rpartition(OPENING)[2].partition(CLOSING)[0]) from None


def options(runner: Runner, *, small: bool) -> PipelineOptions:
    """Beam's options for a runner."""
    flags: dict[str, Any] = {"default_sdk_harness_log_level": "CRITICAL", **runner.options}
    if runner.name == "FnApiRunner":
        workers = 1 if small else runner.workers
        flags |= {"direct_num_workers": workers, "direct_running_mode": "in_memory" if workers == 1 else "multi_processing"}
    return PipelineOptions(flags=[], **flags)


def exit_with_driver() -> None:
    """In a worker process: end within a second of the driver's death. Beam's own workers would go on to the end of their bundle."""
    driver = int(os.environ.get(DRIVER, "0"))
    if driver in {0, os.getpid()} or any(thread.name == DRIVER for thread in threading.enumerate()):
        return

    def watch() -> None:
        while _alive(driver):
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name=DRIVER, daemon=True).start()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
