"""Parquet, JSON Lines and CSV, as delivered and as damaged."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text import normalise_text
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import delimited, tables
from pipeline.sources.distinct import Distinct
from pipeline.sources.records import Document, Outcome, Reject, Tally


def source(**settings: object) -> Source:
    return Source.model_validate({"name": "rows", "kind": "table", "paths": ("unused",), "licence": "CC0-1.0", **settings})


def read(path: Path, extract: Extract | None = None, **settings: object) -> list[Outcome]:
    tally = Tally()
    found = list(tables.outcomes(path, source(**settings), extract or Extract(), tally))
    assert tally.records == len(found)
    return found


def summary(found: list[Outcome]) -> list[str]:
    return [outcome.text if isinstance(outcome, Document) else f"- {outcome.reason}" for outcome in found]


def parquet(path: Path, columns: dict[str, object], **options: object) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda data: zstandard.ZstdCompressor().compress(data)], ids=["plain", "gz", "zst"])
def test_lines_become_documents_with_their_columns(tmp_path, pack):
    rows = [
        {"id": "a-1", "body": "Eins\r\nzwei", "head": " A  title ", "when": "2020-02-29", "terms": "MIT"},
        {"id": 7, "body": "Drei", "head": None, "when": 1999, "terms": ""},
        {"body": "Vier", "when": "soon"},
    ]
    data = "\n".join(json.dumps(row) for row in rows).encode()
    (tmp_path / "rows").write_bytes(pack(data))
    names = {"text": "body", "locator": "id", "title": "head", "date": "when", "licence": "terms"}
    found = read(tmp_path / "rows", columns=names)
    ends = [len(json.dumps(row)) for row in rows]
    assert found == [
        Document("a-1", "Eins\nzwei", "A title", "MIT", "2020-02-29", 0, ends[0]),
        Document("7", "Drei", None, "CC0-1.0", "1999", ends[0] + 1, ends[1]),
        Document("rows#2", "Vier", None, "CC0-1.0", None, ends[0] + ends[1] + 2, ends[2]),
    ]


def test_a_bad_line_costs_that_line(tmp_path):
    lines = [
        b'\xef\xbb\xbf{"text": "first"}',
        b'{"text": "broken',
        b"",
        b'{"text": "\xff\xfe"}',
        b'{"text": 7}',
        b'{"text": null}',
        b'{"other": "x"}',
        b'["text"]',
        b'{"text": " \\u0000 "}',
        b"[" * 100_000,
        b'{"text": "NaN is fine", "x": NaN}',
        b'{"text": "lone \\ud800 surrogate"}',
        b'{"text": "last"}',
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\r\n".join(lines))
    found = read(tmp_path / "a.jsonl")
    assert [one.removeprefix("lone ") for one in summary(found)] == [
        "first",
        "- not JSON",
        "- not UTF-8",
        "- text is not a string",
        "- no text",
        "- no text",
        "- not a JSON object",
        "- empty",
        "- not JSON",
        "NaN is fine",
        found[10].text.removeprefix("lone "),
        "last",
    ]
    found[10].text.encode("utf-8")
    assert found[1].offset == len(lines[0]) + 2
    assert str(found[1].offset) in found[1].error
    assert found[2].locator == "a.jsonl#3"  # the blank line counts


def test_an_endless_line_is_one_reject_and_is_not_held(tmp_path):
    """100 MB on one line, between two good ones, in a process that may not hold it."""
    with gzip.open(tmp_path / "a.jsonl.gz", "wb", compresslevel=1) as file:
        file.write(b'{"text": "before"}\n{"text": "')
        for number in range(1600):
            file.write(os.urandom(1024).hex().encode() * 32 if number % 2 else b"%065536d" % number)
        file.write(b'"}\n{"text": "after"}\n')
    program = (
        "import resource, sys; from pathlib import Path; from pipeline.settings.extract import Extract\n"
        "from pipeline.settings.sources import Source; from pipeline.sources import tables\n"
        "from pipeline.sources.records import Tally\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = list(tables.outcomes(Path(sys.argv[1]), Source(name='a', kind='table', paths=('x',)), Extract(max_record_bytes=1 << 20),"
        " Tally()))\n"
        "print([getattr(one, 'text', '') or one.reason for one in found], found[1].length > 100e6)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.jsonl.gz")], cwd=root, capture_output=True, text=True, check=True
    )
    said, kibibytes = done.stdout.splitlines()
    assert said == "['before', 'too long', 'after'] True"
    assert int(kibibytes) < 40_000


def test_a_truncated_gzip_gives_its_whole_lines_and_one_reject(tmp_path):
    data = gzip.compress(b"".join(b'{"text": "line %d %s"}\n' % (n, os.urandom(20).hex().encode()) for n in range(2000)), mtime=0)
    (tmp_path / "cut.jsonl.gz").write_bytes(data[: len(data) // 2])
    *good, last = read(tmp_path / "cut.jsonl.gz")
    assert all(outcome.text.startswith(f"line {number} ") for number, outcome in enumerate(good))
    assert len(good) > 500
    assert (last.reason, last.offset) == ("truncated gzip", len(data) // 2)


def test_parquet_rows_become_documents_across_row_groups(tmp_path):
    texts = [f"row {number} Größe" for number in range(2500)] + [None, "", "\u0065\u0301"]
    path = parquet(
        tmp_path / "a.parquet", {"text": texts, "id": [f"i{n}" for n in range(2503)], "n": list(range(2503))}, row_group_size=700
    )
    found = read(path, columns={"locator": "id", "title": "n"})
    assert [outcome.locator for outcome in found] == [f"i{n}" for n in range(2503)]
    assert summary(found) == [*texts[:2500], "- no text", "- empty", "é"]
    assert found[5].title == "5"
    assert found[0].offset < found[2499].offset < path.stat().st_size
    assert [outcome.locator for outcome in read(path)][::1000] == ["a.parquet#0", "a.parquet#1000", "a.parquet#2000"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())])
def test_every_arrow_type_of_text_is_read(tmp_path, kind):
    plain = pa.array(["uno", "dos", None, "uno"])
    column = plain.dictionary_encode() if pa.types.is_dictionary(kind) else plain.cast(kind)
    found = read(parquet(tmp_path / "a.parquet", {"text": column}))
    assert summary(found) == ["uno", "dos", "- no text", "uno"]


def test_invalid_utf8_in_a_parquet_costs_that_row(tmp_path):
    column = pa.Array.from_buffers(pa.string(), 3, [None, pa.array([0, 2, 4, 7], pa.int32()).buffers()[1], pa.py_buffer(b"ok\xff\xfeend")])
    assert summary(read(parquet(tmp_path / "a.parquet", {"text": column}))) == ["ok", "- not UTF-8", "end"]


def test_dates_of_arrow_are_iso(tmp_path):
    moments = pa.array([0, 86_400_000, None], pa.timestamp("ms", tz="UTC"))
    found = read(parquet(tmp_path / "a.parquet", {"text": ["a", "b", "c"], "when": moments}), columns={"date": "when"})
    assert [outcome.date for outcome in found] == ["1970-01-01T00:00:00+00:00", "1970-01-02T00:00:00+00:00", None]


def test_a_parquet_without_the_text_column_is_one_reject_that_names_its_columns(tmp_path):
    (outcome,) = read(parquet(tmp_path / "a.parquet", {"body": ["x"] * 100, "id": list(range(100))}))
    assert isinstance(outcome, Reject)
    assert outcome.reason == "no column text"
    assert "'body', 'id'" in outcome.error


def test_a_text_column_of_numbers_is_one_reject(tmp_path):
    (outcome,) = read(parquet(tmp_path / "a.parquet", {"text": [1, 2, 3]}))
    assert (outcome.reason, outcome.locator) == ("text is not a string", "a.parquet")


def test_a_truncated_parquet_is_one_reject(tmp_path):
    path = parquet(tmp_path / "a.parquet", {"text": ["some text"] * 1000})
    path.write_bytes(path.read_bytes()[:-100])
    (outcome,) = read(path)
    assert outcome.reason == "broken Parquet"


def test_damage_in_one_row_group_leaves_the_others(tmp_path):
    texts = [f"{number} {os.urandom(40).hex()}" for number in range(3000)]
    path = parquet(tmp_path / "a.parquet", {"text": texts}, row_group_size=1000, use_dictionary=False, compression="zstd")
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    found = read(path)
    kept = {outcome.text for outcome in found if isinstance(outcome, Document)}
    assert kept >= {*texts[:1000], *texts[2000:]}
    (reject,) = [outcome for outcome in found if isinstance(outcome, Reject)]
    assert reject.reason == "broken Parquet"
    assert reject.offset == column.data_page_offset
    assert len({outcome.locator for outcome in found}) == len(found)


def test_a_text_over_the_limit_is_refused(tmp_path):
    path = parquet(tmp_path / "a.parquet", {"text": ["x" * 5000, "short"]})
    assert summary(read(path, Extract(max_record_bytes=1000))) == ["- too long", "short"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 10, b"\x1f\x8b\x08junk", bytes(range(256))])
def test_files_that_are_nothing_are_rejects(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    found = read(tmp_path / "a")
    assert found
    assert all(isinstance(outcome, Reject) for outcome in found)


def test_missing_files_folders_and_pipes_are_rejects(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder", "gone"):
        (outcome,) = read(tmp_path / name)
        assert outcome.reason == "unreadable"


def test_names_are_relative_to_the_root_given(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text('{"text": "x"}\n')
    found = list(tables.outcomes([tmp_path / "in" / "a.jsonl"], source(), Extract(), Tally(), tmp_path))
    assert [outcome.locator for outcome in found] == ["in/a.jsonl#0"]


@settings(max_examples=80, deadline=None)
@given(texts=st.lists(st.text(max_size=30), max_size=20), ending=st.sampled_from(["\n", "\r\n"]), final=st.booleans())
def test_every_line_is_one_outcome_and_offsets_find_it(tmp_path_factory, texts, ending, final):
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    data = ending.join(json.dumps({"text": text}) for text in texts).encode() + (ending.encode() if final else b"")
    path.write_bytes(data)
    found = read(path)
    assert len(found) == (len(texts) or 1 if data.strip() or not data else 0)
    if texts:
        for text, outcome in zip(texts, found, strict=True):
            assert json.loads(data[outcome.offset : outcome.offset + outcome.length]) == {"text": text}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_parquet_never_escapes(tmp_path_factory, data):
    path = parquet(tmp_path_factory.mktemp("damage") / "a.parquet", {"text": [f"text {n}" for n in range(50)]}, row_group_size=20)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    assert read(path)


def test_a_real_delivery_keeps_licence_and_title(shared_data):
    path = shared_data / "corpus" / "tech_docs_eng.jsonl.gz"
    found = read(path, columns={"locator": "id", "title": "title", "licence": "licence"})
    assert len(found) == 1823
    assert all(isinstance(outcome, Document) for outcome in found)
    assert len({outcome.locator for outcome in found}) == 1823
    assert all(outcome.licence not in {"", "CC0-1.0"} for outcome in found)


# What rows say of themselves


def test_fields_within_fields_are_columns_by_a_path(tmp_path):
    rows = [{"article": {"body": {"text": "deep"}, "by": ["A. One", "B. Two"]}, "a.b": "plain name", "lang": "de"}]
    columns = {"text": "article.body.text", "author": "article.by", "title": "a.b", "language": "lang"}
    (tmp_path / "a.jsonl").write_text(json.dumps(rows[0]) + '\n{"article": {"body": 7}}\n')
    pq.write_table(pa.Table.from_pylist([*rows, {"article": None}]), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        first, second = read(tmp_path / name, columns=columns)
        assert (first.text, first.author, first.title, first.stated_language) == ("deep", "A. One; B. Two", "plain name", "de")
        assert second.reason == "no text"
    (outcome,) = read(tmp_path / "a.parquet", columns={"text": "article.missing.text"})
    assert outcome.reason == "no column article.missing.text"


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_rows_of_one_name_stay_apart_in_the_same_way_each_time(tmp_path, ending):
    names, texts = ["a", "b", "a", "a", "a#2"], [f"text {number}" for number in range(5)]
    path = tmp_path / f"rows.{ending}"
    if ending == "jsonl":
        path.write_text("".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in zip(names, texts, strict=True)))
    elif ending == "csv":
        path.write_text("id,text\n" + "".join(f"{name},{text}\n" for name, text in zip(names, texts, strict=True)))
    else:
        parquet(path, {"id": names, "text": texts})
    found = read(path, columns={"locator": "id"})
    assert [outcome.locator for outcome in found] == ["a", "b", "a#2", "a#3", "a#2#4"]
    assert found == read(path, columns={"locator": "id"})


@settings(max_examples=40, deadline=None)
@given(names=st.lists(st.sampled_from([f"name {number}" for number in range(3000)]), max_size=5000))
def test_a_name_is_new_once(names):
    seen, distinct = set(), Distinct()
    for name in names:
        assert distinct.add(name) == (name not in seen)
        seen.add(name)


# CSV


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_rows_become_documents_with_their_columns(tmp_path, pack, delimiter):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([["id", "body", "head"], ["a-1", 'He said "no",\r\nand; left|', "T"], ["", "Zwei", ""], ["a-3", "", ""]])
    name = "rows.csv" + (".gz" if pack is gzip.compress else "")
    (tmp_path / name).write_bytes(pack(out.getvalue().encode("utf-8-sig")))
    found = read(tmp_path / name, columns={"text": "body", "locator": "id", "title": "head"})
    assert [outcome.locator for outcome in found] == ["a-1", f"{name}#1", "a-3"]
    assert summary(found) == ['He said "no",\nand; left|', "Zwei", "- empty"]
    assert found[0].title == "T"
    data = out.getvalue().encode()
    assert data[found[1].offset : found[1].offset + found[1].length].decode().split(delimiter)[1] == "Zwei"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "shift_jis"])
def test_csv_in_the_encoding_that_the_source_names(tmp_path, encoding):
    words = "吾輩は猫である" if encoding == "shift_jis" else "Größe – naïve"
    (tmp_path / "a.csv").write_bytes(f"text;n\n{words};1\nzwei;2\n".encode(encoding))
    assert summary(read(tmp_path / "a.csv", csv={"encoding": encoding})) == [words, "zwei"]


def test_a_broken_csv_row_costs_that_row(tmp_path):
    rows = [b"text,n", b"first,1", b"too,many,3", b"few", b"", b"\xff\xfe,4", b'5" disk,5', b'"closed" and more,6', b"last,7"]
    (tmp_path / "a.csv").write_bytes(b"\r\n".join(rows))
    expected = ["first", "- broken row", "- broken row", "- not UTF-8", '5" disk', "closed and more", "last"]
    assert summary(read(tmp_path / "a.csv")) == expected
    (tmp_path / "b.csv").write_bytes(b'text,n\r\nfirst,1\r\n"never closed,2\r\nlast,3\r\n')
    first, rest = read(tmp_path / "b.csv")
    assert (first.text, rest.reason, rest.error) == ("first", "broken row", "the file ends within quotes")
    assert rest.offset + rest.length == (tmp_path / "b.csv").stat().st_size


def test_a_row_over_the_limit_is_one_reject_and_is_not_held(tmp_path):
    """A quoted field of 30 MB with line ends, delimiters and quotes in it, under a limit of 10 kB."""
    with gzip.open(tmp_path / "a.csv.gz", "wb", compresslevel=1) as file:
        file.write(b'text,n\nbefore,1\n"')
        for number in range(30):
            file.write(b'%01000d, ""quoted""\n' % number * 1000)
        file.write(b'",2\nafter,3\n')
    tracemalloc.start()
    found = read(tmp_path / "a.csv.gz", Extract(max_record_bytes=10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert summary(found) == ["before", "- too long", "after"]
    assert found[1].length > 30e6
    assert peak < 4e6


def test_csv_without_a_row_of_names_and_without_the_text_column(tmp_path):
    (tmp_path / "a.tsv").write_text("x\ty, z\n")
    assert summary(read(tmp_path / "a.tsv", csv={"names": ("id", "text")})) == ["y, z"]
    (outcome,) = read(tmp_path / "a.tsv")
    assert (outcome.reason, outcome.error) == ("no column text", "it has 'x', 'y, z'")


FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.lists(FIELDS, min_size=2, max_size=2), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    cut=st.integers(1, 7),
)
def test_rows_are_those_of_the_csv_module_however_the_bytes_come(rows, delimiter, cut):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    data = out.getvalue().encode()
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    found = [delimited.fields(record.data, delimiter, '"', 1 << 20) for record in delimited.records(pieces, delimiter, '"', 1 << 20)]
    assert found == rows


def test_a_real_csv_of_tweets_is_read_whole(shared_data):
    path = shared_data / "toxic" / "davidson_labeled.csv"
    found = read(path, columns={"text": "tweet"})
    with path.open(encoding="utf-8", newline="") as file:
        expected = [normalise_text(row["tweet"]) for row in csv.DictReader(file)]
    assert summary(found) == expected
    assert len(found) == 4848
