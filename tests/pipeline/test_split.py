"""A large web file is shared out in ranges: the units that it makes, and a run that does not depend on them."""

from __future__ import annotations

import bz2
import gzip
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.config import Config
from pipeline.run import Run
from pipeline.sources.records import Tally
from pipeline.sources.units import SourceUnit, plan_units
from pipeline.sources.warc import records
from tests.pipeline.corpora import curate, digests, long_topics, page, write_config, write_warc

MEBIBYTE = 1 << 20


def image(number: int) -> bytes:
    """A record of 120 kB that does not compress, and is no document."""
    body = random.Random(number).randbytes(120_000)
    message = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + body
    head = f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: http://example.org/{number}.png\r\nContent-Length: {len(message)}\r\n\r\n"
    return gzip.compress(head.encode() + message + b"\r\n\r\n", mtime=0)


def write_large(path: Path, *, damaged: bool = True) -> Path:
    """A WARC of 3.6 MB: pages among images, and one damaged record."""
    pages = [page(*topic) for topic in long_topics()]
    with path.open("wb") as file:
        for number in range(30):
            write_warc(path.with_suffix(".one"), pages[number : number + 1] + pages[number % 7 : number % 7 + 1] * (number % 10 == 9))
            file.write(path.with_suffix(".one").read_bytes())
            broken = bytearray(image(number))
            if damaged and number == 9:
                broken[20_000] ^= 1
            file.write(broken)
    path.with_suffix(".one").unlink()
    return path


def planned(folder: Path, path: str, split_bytes: int, kind: str = "web") -> list[SourceUnit]:
    values = {"name": "x", "sources": [{"name": "pages", "kind": kind, "paths": [path]}], "extract": {"split_bytes": split_bytes}}
    return plan_units(Run(folder / "run"), Config.model_validate(values), [])


def test_ranges_cover_a_file_and_the_first_keeps_its_name(tmp_path):
    path = str(write_large(tmp_path / "large.warc.gz"))
    size = Path(path).stat().st_size
    (whole,) = planned(tmp_path, path, 64 * MEBIBYTE)
    parts = planned(tmp_path, path, MEBIBYTE)
    assert (whole.begin, whole.end, whole.stamp) == (0, None, None)
    assert [(unit.begin, unit.end) for unit in parts] == [(at, min(at + MEBIBYTE, size)) for at in range(0, size, MEBIBYTE)]
    assert sum(unit.bytes for unit in parts) == whole.bytes == size
    assert parts[0].key == whole.key
    assert len({unit.key for unit in parts}) == len({unit.fingerprint for unit in parts} | {whole.fingerprint}) - 1 == len(parts)
    assert len(planned(tmp_path, path, MEBIBYTE, "table")) == 1


@pytest.mark.parametrize(("packer", "ranges"), [(bz2.compress, 1), (bytes, 14), (gzip.compress, 20)])
def test_how_a_file_is_packed_decides_its_ranges(tmp_path, packer, ranges):
    """What cannot be entered stays whole; of what is read from its beginning each time there are sixteen ranges at most."""
    noise = random.Random(0).randbytes(5 * MEBIBYTE)
    data = packer(noise) * 4 if packer is not bytes else noise * 4 + b"x" * (7 * MEBIBYTE)
    (tmp_path / "file").write_bytes(data)
    assert len(planned(tmp_path, str(tmp_path / "file"), MEBIBYTE)) in {ranges, ranges + 1}


def test_a_setting_that_cuts_nothing_makes_nothing_stale(tmp_path):
    path = str(write_warc(tmp_path / "small.warc.gz", [page(*topic) for topic in long_topics()[:5]]))
    assert planned(tmp_path, path, MEBIBYTE) == planned(tmp_path, path, 64 * MEBIBYTE)


def test_a_run_does_not_depend_on_where_its_input_is_cut(tmp_path):
    """Whole and in four ranges: equal documents, rejects, decisions, tokenizer and shards."""
    path = write_large(tmp_path / "large.warc.gz")
    found = []
    for name, split_bytes in (("whole", 64 * MEBIBYTE), ("cut", MEBIBYTE)):
        values = {
            "name": name,
            "output": str(tmp_path / "runs"),
            "sources": [{"name": "pages", "kind": "web", "paths": [str(path)]}],
            "extract": {"split_bytes": split_bytes},
            "filter": {"presets": {"web": ["book@2026"]}, "guard": 1.0},
            "tokenizer": {"vocabulary": 500, "sample_bytes": 300_000},
            "shards": {"shard_tokens": 50_000, "validation_share": 0.1},
            "runner": {"workers": 1},
        }
        curate("run", write_config(tmp_path / f"{name}.yaml", values))
        run = tmp_path / "runs" / name
        assert len(list((run / "documents").glob("*.parquet"))) == (1 if name == "whole" else 4)
        tables = {
            table: sorted(map(repr, pq.read_table(run / table).to_pylist()))
            for table in ("documents", "signals", "rejects/extract", "decisions")
        }
        found.append((tables, digests(run / "shards"), digests(run / "tokenizer", leave_out=["sample"])))
    assert found[0][0] == found[1][0]
    assert {row for row in found[0][0]["rejects/extract"] if "corrupt gzip" in row}
    assert found[0][2] == found[1][2]
    assert found[0][1] == found[1][1]


def test_a_file_that_is_no_longer_the_planned_one_is_refused(tmp_path):
    path = write_large(tmp_path / "large.warc.gz")
    second = planned(tmp_path, str(path), MEBIBYTE)[1]
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ValueError, match="changed since its parts were planned; run again"):
        list(records(str(path), Tally(), MEBIBYTE, second.begin, second.end, second.stamp))
