"""Which run a question about its ledger is asked of, and under which settings; and how text from outside is shown in a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.config import Config, load, load_stored
from pipeline.run import CONFIGURATION, MANIFEST, Run

RUNS = Path("runs")


def find_run(place: Path | None, overrides: Iterable[str] = ()) -> tuple[Run, Config]:
    """A run, and the configuration: of the file that was named, or else that with which the run's filter was last begun.

    Args:
        place: a configuration file or a run directory; None: the only run under `./runs`.
        overrides: as `--set` has them.

    Raises:
        ValueError: there is no such run, several stand under `./runs`, or a setting is refused.
    """
    if place is None:
        place = _only_run()
    if not place.is_dir():
        config = load(place, overrides)
        run = Run(config.directory)
        run.need("extract")
        return run, config
    run = Run(place)
    if run.manifest("extract") is None:
        raise ValueError(f"{str(place)!r} is no run with documents; name a configuration file or a run directory")
    stage = "filter" if run.path("filter", CONFIGURATION).exists() else "extract"
    return run, load_stored(run.path(stage, CONFIGURATION), overrides)


def decided_with(run: Run, otherwise: Config) -> Config:
    """The configuration with which filter was last begun; where it never was, another."""
    path = run.path("filter", CONFIGURATION)
    return load_stored(path) if path.exists() else otherwise


def _only_run() -> Path:
    runs = [file.parent.parent for file in sorted(RUNS.glob(f"*/extract/{MANIFEST}"))]
    if len(runs) == 1:
        return runs[0]
    if runs:
        told = ", ".join(str(run) for run in runs[:5]) + (f" and {len(runs) - 5} more" if len(runs) > 5 else "")
        raise ValueError(f"there are several runs: {told}; name one of them or its configuration")
    raise ValueError(f"there is no run under {str(RUNS.resolve())!r}; name a run directory or a configuration file")


def printable(text: str) -> str:
    """In one line, with what a terminal would obey or not show written as an escape."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
