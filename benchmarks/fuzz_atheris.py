"""The targets of `benchmarks.fuzz` under atheris, which keeps what reaches new lines of the readers and goes on from there.

    python -m benchmarks.fuzz_atheris TARGET [--seconds 300] [--seed 1] [--data DIR] [--failures DIR]

Needs `pip install 'curate[fuzz]'`. Ends at the first failure, with its traceback; the case lies in --failures and is read again by
`python -m benchmarks.fuzz --replay FILE --targets TARGET`. A run of `benchmarks.fuzz` goes on behind failures and is the same every time;
this one finds what takes several lucky steps. Kernels are not instrumented: numba could not compile them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from random import Random

import atheris

from benchmarks.environments import ROOT

with atheris.instrument_imports(include=["pipeline.sources"], enable_loader_override=False):
    from benchmarks.fuzz import CPU_S, MOST_SEEDS
    from benchmarks.fuzz_targets import TARGETS

MEMORY_MB = 2048
SHORTER = 1 << 16  # seeds: libFuzzer's own steps are blind to structure, and slow on long inputs


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz_atheris", description="Coverage-guided fuzz run over one reader.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--data", type=Path, default=ROOT / ".data", help="folder of unpacked shared data (.data); without it, made seeds only"
    )
    parser.add_argument("--failures", type=Path, default=ROOT / ".bench" / "fuzz-failures", help="folder for the failing case")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    target = TARGETS[chosen.target]
    chosen.failures.mkdir(parents=True, exist_ok=True)
    work = tempfile.TemporaryDirectory(prefix="curate-atheris-")
    corpus = Path(work.name) / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds(chosen.data if chosen.data.is_dir() else None, MOST_SEEDS)):
        if len(seed) <= SHORTER:
            (corpus / f"{number:04}").write_bytes(seed)

    def one(data: bytes) -> None:
        with tempfile.TemporaryDirectory(dir=work.name) as folder:
            target.check(data, Path(folder))

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        made = target.make([data], Random(seed)).data
        return made if len(made) <= most else data

    options = [
        f"-max_total_time={chosen.seconds}", f"-seed={chosen.seed}", f"-timeout={CPU_S:.0f}", f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={4 * SHORTER}", f"-artifact_prefix={chosen.failures}/{chosen.target}-atheris-", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup(["fuzz_atheris", *options, str(corpus)], one, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
