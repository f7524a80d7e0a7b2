"""The table of odd inputs, over files that the test writes."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import inputs
from tests.pipeline.corpora import long_topics, page, write_warc

ROOT = Path(__file__).resolve().parents[2]


def test_a_row_for_each_web_file(tmp_path, capsys):
    archive = write_warc(tmp_path / "a.warc.gz", [page(*topic) for topic in long_topics()[:3]])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "cut.warc.gz").write_bytes(archive.read_bytes()[:-200])
    (tmp_path / "c.bin").write_bytes(b"nothing of the kind")
    inputs.main(["warc", str(tmp_path)])
    cells = [[cell.strip() for cell in line.split("|")[1:6]] for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in cells] == ["a.warc.gz", "b/cut.warc.gz", "c.bin", "all files"]
    assert [row[2:5] for row in cells] == [
        ["3", "3", ""],
        ["3", "2", "truncated gzip 1"],
        ["1", "0", "not a WARC file 1"],
        ["7", "5", "not a WARC file 1, truncated gzip 1"],
    ]


def test_a_book_swells_in_memory_and_shows_it(tmp_path):
    (tmp_path / "small.txt").write_text(long_topics()[0][1])
    (tmp_path / "swollen.txt.gz").write_bytes(gzip.compress(b"A line of a very long book.\n" * 700_000, mtime=0))
    # In a process of its own: what tests before this one have freed would be filled first, and no growth seen.
    command = [sys.executable, "-m", "benchmarks.inputs", "books", str(tmp_path)]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    small, large = ([cell.strip() for cell in line.strip("|").split("|")] for line in table[2:4])
    assert (large[0], large[2], small[3]) == ("swollen.txt.gz", "1", "1")
    assert float(large[5]) > 20 > float(small[5])


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no file"):
        inputs.main(["books", str(tmp_path)])
