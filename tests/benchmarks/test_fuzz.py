"""The fuzz run: a few seeded cases of each reader hold; a reader that crashes, spins, waits, takes memory or loses records is caught."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fuzz_seeds import LooseObjects, pack_tree, unpack_tree
from benchmarks.fuzz_targets import TARGETS, case_of, read_git
from benchmarks.mutations import LONGEST, inside_gzip, inside_zip, mutate

ROOT = Path(__file__).resolve().parents[2]
BAD = Path(__file__).with_name("bad_targets.py")
EVERY_DEED_ONCE = 1280  # the seed whose first ten cases are those ten

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory and CPU time are Linux's")


def test_a_few_cases_of_every_reader_hold(tmp_path):
    """Made seeds only, so that it runs anywhere; a case that fails lies in the folder of failures."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.fuzz",
        "--small",
        "--data",
        str(tmp_path / "none"),
        "--failures",
        str(tmp_path / "failures"),
    ]
    done = subprocess.run([*command, "--json", str(tmp_path / "fuzz.json")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "fuzz.json").read_text())["ours"]
    assert told.keys() == TARGETS.keys()
    for name, tested in told.items():
        assert tested["cases"] == sum(tested["outcomes"].values()) > 0
        assert len(tested["outcomes"]) > 1, f"{name}: all cases came to the same"


def test_a_reader_that_breaks_the_rules_is_caught_and_the_rest_goes_on(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BAD_CASES": "10"}
    command = [
        sys.executable,
        str(BAD),
        "--small",
        "--targets",
        "html",
        "--seed",
        str(EVERY_DEED_ONCE),
        "--failures",
        str(tmp_path),
        "--json",
        str(tmp_path / "told.json"),
    ]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    told = json.loads((tmp_path / "told.json").read_text())["ours"]["html"]
    found = " ".join(told["failures"])
    signs = {
        "crash": "SIGSEGV", "spin": "of CPU time", "wait": "waits for ever", "memory": "MemoryError at", "hidden memory": "out of memory",
        "raise": "KeyError at", "lose": "N records, but N", "surrogate": "UnicodeEncodeError at", "range": "bytes N + N",
    }  # fmt: skip
    assert {bad_case(number) for number in range(10)} == {*signs, "sound"}
    assert {deed for deed, sign in signs.items() if sign not in found} == set()
    assert told["cases"] == 10
    assert told["failed"] == 9
    case = next(path for path in tmp_path.glob("*.txt") if "KeyError" in path.read_text())
    assert case.with_suffix(".bin").read_bytes() == b"raise"


def bad_case(number: int) -> str:
    from tests.benchmarks.bad_targets import make

    return make([], Random(f"{EVERY_DEED_ONCE} html {number}")).data.decode()


def test_a_case_depends_on_its_number_only():
    target = TARGETS["warc"]
    seeds = target.seeds(None, 4)
    one, again = (case_of(target, seeds, "warc", 1, 7) for _ in range(2))
    assert one == again
    assert len({case_of(target, seeds, "warc", 1, number).data for number in range(20)}) > 15


@given(st.binary(max_size=300), st.integers(0, 1 << 32))
def test_mutations_are_seeded_and_bounded(data, seed):
    once, again = (mutate(data, Random(seed), [b"other"], [b"word"]) for _ in range(2))
    assert once == again
    assert len(once[0]) <= LONGEST


def test_damage_inside_a_packing_leaves_the_packing_sound():
    import gzip
    import io
    import zipfile

    from benchmarks.fuzz_seeds import epub

    packed = inside_gzip(gzip.compress(b"first", mtime=0) + b"rest", lambda data: data + b" changed")
    assert packed.endswith(b"rest")
    assert gzip.decompress(packed.removesuffix(b"rest")) == b"first changed"
    archive = zipfile.ZipFile(io.BytesIO(inside_zip(epub([b"<p>x</p>"]), Random(1), lambda data: data + b"!")))
    assert archive.testzip() is None
    assert sum(archive.read(name).endswith(b"!") for name in archive.namelist()) == 1


def test_a_repository_made_of_loose_objects_is_read(tmp_path):
    """Otherwise the hostile ones would all be refused at the door, and test nothing."""
    objects = LooseObjects()
    blob = objects.add(b"blob", b"def function():\n    return 1\n")
    files = objects.repository(objects.add(b"tree", b"100644 main.py\0" + bytes.fromhex(blob)))
    assert dict(unpack_tree(pack_tree(files))) == files
    assert read_git(pack_tree(files), tmp_path) == "1 documents"
