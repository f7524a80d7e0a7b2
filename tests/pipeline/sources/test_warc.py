"""WARC and ARC files: nothing vanishes, whatever is wrong with them."""

from __future__ import annotations

import gzip
import random
import zlib
from collections import Counter
from pathlib import Path

import brotli
import pytest
import zstandard
from fastwarc.warc import ArchiveIterator
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sources.http_message import PayloadError, dechunk, decode_body
from pipeline.sources.records import Reject, Tally
from pipeline.sources.warc import WebRecord, records

LIMIT = 1 << 24


def read(path: Path, limit: int = LIMIT) -> tuple[list[WebRecord | Reject], Tally]:
    tally = Tally()
    return list(records(str(path), tally, limit)), tally


def damage(outcomes: list[WebRecord | Reject]) -> list[Reject]:
    return [outcome for outcome in outcomes if isinstance(outcome, Reject) and not outcome.reason.startswith("record type")]


def whole(outcomes: list[WebRecord | Reject]) -> int:
    return len(outcomes) - len(damage(outcomes))


def record(number: int, body: bytes = b"", kind: str = "response", length: int | None = None) -> bytes:
    body = body or b"<html><p>page %d " % number + b"with words " * number + b"</html>"
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body if kind == "response" else body
    head = f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://a.example/{number}\r\nWARC-Date: 2026-01-02T03:04:05Z\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block) if length is None else length}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


RECORDS = [record(number) for number in range(12)]


def test_every_real_file(shared_data):
    """A table of all files: each record is a record or a reject, each byte is accounted for, and intact files agree with FastWARC."""
    agreed = 0
    for path in sorted((shared_data / "warc").rglob("*")):
        if not path.is_file() or path.name in {"FEATURES.txt", ".unpacked"}:
            continue
        outcomes, tally = read(path, 1 << 26)
        assert tally.records == len(outcomes) > 0, path
        assert tally.bytes == path.stat().st_size, path
        ends = [outcome.offset + outcome.length for outcome in outcomes]
        assert path.stat().st_size - max(ends) <= 4, path
        reference = []
        try:
            reference = [
                (str(item.record_type), len(item.reader.read()) == item.content_length)
                for item in ArchiveIterator(str(path), parse_http=False)
            ]
        except OSError:
            assert damage(outcomes) or whole(outcomes) > len(reference), path
            continue
        if not damage(outcomes) and path.suffix != ".arc" and ".arc." not in path.name:
            kinds = Counter(item.type if isinstance(item, WebRecord) else item.reason.removeprefix("record type ") for item in outcomes)
            assert kinds == Counter(kind for kind, _complete in reference), path
            agreed += 1
    assert agreed > 40


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chatnoir-eu+chatnoir-resiliparse/clipped.warc.gz", {"truncated gzip": 1}),
        ("webrecorder+pywb/valid_example_1.wacz", {"not a WARC file": 1}),
        ("webrecorder+pywb/iana.cdx", {"not a WARC file": 1}),
        ("dolma_cc_docs/cc_en_head-0091.jsonl.gz", {"not a WARC file": 1}),
        ("archivesunleashed+aut/example.arc.gz", {"record type filedesc": 1, "response": 261, "resource": 38}),
        ("webrecorder+warcio/bad.arc", {"no content length": 3, "resource": 1}),
        ("facebookresearch+cc_net/sample.warc.txt", {"record type warcinfo": 1, "conversion": 3, "not a WARC record": 3}),
        (
            "chatnoir-eu+chatnoir-resiliparse/warcfile.warc.lz4",
            {"record type warcinfo": 1, "record type request": 17, "response": 16, "record type metadata": 16},
        ),
    ],
)
def test_known_files(shared_data, name, expected):
    outcomes, _ = read(shared_data / "warc" / name)
    assert Counter(outcome.reason if isinstance(outcome, Reject) else outcome.type for outcome in outcomes) == expected


PACKED = {
    "plain": b"".join,
    "gzip per record": lambda parts: b"".join(gzip.compress(part, mtime=0) for part in parts),
    "one gzip": lambda parts: gzip.compress(b"".join(parts), mtime=0),
    "zstd per record": lambda parts: b"".join(zstandard.compress(part) for part in parts),
    "one zstd": lambda parts: zstandard.compress(b"".join(parts)),
}


@pytest.mark.parametrize("packed", PACKED)
def test_packing_changes_nothing(tmp_path, packed):
    (tmp_path / "file").write_bytes(PACKED[packed](RECORDS))
    outcomes, tally = read(tmp_path / "file")
    assert [outcome.url for outcome in outcomes] == [f"http://a.example/{number}" for number in range(12)]
    assert all(
        isinstance(outcome, WebRecord) and outcome.payload(LIMIT) == RECORDS[n].partition(b"html\r\n\r\n")[2][:-4]
        for n, outcome in enumerate(outcomes)
    )
    assert tally.bytes == (tmp_path / "file").stat().st_size


@pytest.mark.parametrize("packed", ["plain", "gzip per record", "zstd per record"])
def test_the_byte_range_suffices_to_read_a_record(tmp_path, packed):
    data = PACKED[packed](RECORDS)
    (tmp_path / "file").write_bytes(data)
    for outcome in read(tmp_path / "file")[0]:
        (tmp_path / "alone").write_bytes(data[outcome.offset : outcome.offset + outcome.length])
        ((alone,), _) = read(tmp_path / "alone")
        assert isinstance(alone, WebRecord)
        assert (alone.url, alone.body) == (outcome.url, outcome.body)


@pytest.mark.parametrize("packed", PACKED)
@settings(max_examples=40, deadline=None)
@given(cut=st.floats(0.001, 0.999))
def test_a_truncated_file_gives_its_beginning_and_one_reject(tmp_path_factory, packed, cut):
    data = PACKED[packed](RECORDS)
    data = data[: max(1, int(len(data) * cut))]
    path = tmp_path_factory.mktemp("cut") / "file"
    path.write_bytes(data)
    outcomes, tally = read(path)
    assert [outcome.url for outcome in outcomes if isinstance(outcome, WebRecord)] == [
        f"http://a.example/{n}" for n in range(whole(outcomes))
    ]
    assert len(damage(outcomes)) <= 1
    if not damage(outcomes):
        # Nothing is wrong only where the cut falls between two records.
        assert data == PACKED[packed](RECORDS[: len(outcomes)]) or (
            packed == "plain" and data.endswith(b"</html>" + data[len(data.rstrip()) :])
        )
    assert tally.bytes == len(data)


@pytest.mark.parametrize("packed", ["gzip per record", "plain"])
@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 0.9999), bit=st.integers(0, 7))
def test_one_flipped_bit_costs_one_record(tmp_path_factory, packed, place, bit):
    data = bytearray(PACKED[packed](RECORDS))
    # A file is known by its first three bytes; without them the whole of it is one reject.
    data[3 + int((len(data) - 3) * place)] ^= 1 << bit
    path = tmp_path_factory.mktemp("flip") / "file"
    path.write_bytes(bytes(data))
    outcomes, tally = read(path)
    assert whole(outcomes) >= 11 - (packed == "plain")
    assert tally.records == len(outcomes)
    if packed == "gzip per record":
        good = {outcome.url: outcome.body for outcome in outcomes if isinstance(outcome, WebRecord)}
        if isinstance(outcomes[-1], Reject) and outcomes[-1].reason == "truncated gzip":
            # A flip in the last member's end mark looks like a file cut short there: its checksum is never met.
            good.pop("http://a.example/11", None)
        assert all(RECORDS[int(url.rpartition("/")[2])].endswith(body + b"\r\n\r\n") for url, body in good.items())


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=2000),
    wrap=st.sampled_from(
        ["", "WARC/1.0\r\n", "WARC/1.1\r\nContent-Length: 5\r\n\r\n", "filedesc://x 1.2.3.4 20200101000000 text/plain 3\n"]
    ),
)
def test_any_bytes_are_read_to_the_end(tmp_path_factory, data, wrap):
    for packed in (wrap.encode() + data, gzip.compress(wrap.encode() + data, mtime=0), gzip.compress(RECORDS[0], mtime=0) + data):
        path = tmp_path_factory.mktemp("any") / "file"
        path.write_bytes(packed)
        outcomes, tally = read(path)
        assert tally.records == len(outcomes) > 0
        assert tally.bytes == len(packed)


@pytest.mark.parametrize(
    ("name", "data", "reasons", "good"),
    [
        ("empty", b"", ["empty file"], 0),
        ("gzip of nothing", gzip.compress(b"", mtime=0), ["empty file"], 0),
        ("text", b"hello\n" * 1000, ["not a WARC file"], 0),
        ("gzip of text", gzip.compress(b"hello\n" * 1000, mtime=0), ["not a WARC file"], 0),
        ("one long line", b"x" * 3_000_000, ["not a WARC file"], 0),
        ("text behind gzip", gzip.compress(RECORDS[0], mtime=0) + b"hello", ["no gzip after the last member"], 1),
        ("zeros behind gzip", gzip.compress(RECORDS[0], mtime=0) + bytes(512), [], 1),
        ("junk between", RECORDS[0] + b"junk\r\n" * 9 + RECORDS[1], ["not a WARC record"], 2),
        ("length too long", record(1, length=5000) + RECORDS[2] + RECORDS[3], [], 3),
        ("length too long at the end", RECORDS[2] + record(1, length=5000), ["truncated record"], 1),
        ("length too short", record(5, length=70) + RECORDS[2], ["not a WARC record"], 2),
        ("no length", RECORDS[1].replace(b"Content-Length", b"Content-Size") + RECORDS[2], ["no content length"], 1),
        ("negative length", record(1, length=-7) + RECORDS[2], ["no content length"], 1),
        ("no status", RECORDS[1].replace(b"HTTP/1.1", b"HTTQ/1.1") + RECORDS[2], ["no HTTP status"], 1),
        ("a WARC within a page", record(3, b"<pre>\r\nWARC/1.0\r\nWARC-Type: response\r\n\r\n</pre>") + RECORDS[2], [], 2),
    ],
)
def test_what_is_wrong_is_said(tmp_path, name, data, reasons, good):
    (tmp_path / "file").write_bytes(data)
    outcomes, tally = read(tmp_path / "file")
    assert [reject.reason for reject in damage(outcomes)] == reasons, name
    assert whole(outcomes) == good
    assert (tally.records, tally.bytes) == (len(outcomes), len(data))


@pytest.mark.parametrize("left", range(9))
def test_a_member_cut_in_its_checksum_gives_its_record_and_a_reject(tmp_path, left):
    """The record's own length shows that all of it is there; that its checksum is not is said once, at the byte where the file ends."""
    packed = gzip.compress(RECORDS[0], mtime=0) + gzip.compress(RECORDS[1], mtime=0)
    data = packed[: len(packed) - 8 + left]
    (tmp_path / "file").write_bytes(data)
    outcomes, _ = read(tmp_path / "file")
    assert [outcome.url[-1] for outcome in outcomes if isinstance(outcome, WebRecord)] == ["0", "1"]
    rejects = [(reject.reason, reject.offset, reject.length) for reject in damage(outcomes)]
    assert rejects == ([("truncated gzip", len(data), 0)] if left < 8 else [])


def test_a_dictionary_that_is_not_there(tmp_path):
    """Frames that name a dictionary which the file does not hold are rejects, and those that need none are read."""
    dictionary = zstandard.train_dictionary(1 << 10, [record(n % 40, b"<p>%d" % n * 20) for n in range(400)])
    packer = zstandard.ZstdCompressor(dict_data=dictionary)
    (tmp_path / "file").write_bytes(packer.compress(RECORDS[0]) + zstandard.compress(RECORDS[1]) + packer.compress(RECORDS[2]))
    outcomes, _ = read(tmp_path / "file")
    assert [outcome.reason if isinstance(outcome, Reject) else outcome.url[-1] for outcome in outcomes] == [
        "corrupt zstd",
        "1",
        "corrupt zstd",
    ]
    assert "ictionary" in outcomes[0].error


def test_an_arc_whose_first_member_is_damaged(tmp_path):
    line = b"http://a.example/%d 1.2.3.4 20200102030405 text/html 5\nhello\n"
    members = [
        gzip.compress(b"filedesc://a.arc 0.0.0.0 20200101000000 text/plain 5\n1 0 T\n", mtime=0),
        *(gzip.compress(line % n, mtime=0) for n in range(3)),
    ]
    data = bytearray(b"".join(members))
    data[12] ^= 0xFF
    (tmp_path / "file").write_bytes(data)
    outcomes, _ = read(tmp_path / "file")
    assert [outcome.reason if isinstance(outcome, Reject) else outcome.url[-1] for outcome in outcomes] == ["corrupt gzip", "0", "1", "2"]


def test_a_record_over_the_cap_is_passed_over(tmp_path):
    big = record(1, b"<p>" + b"long " * 1_000_000)
    for packed in PACKED.values():
        (tmp_path / "file").write_bytes(packed([RECORDS[0], big, RECORDS[2]]))
        outcomes, _ = read(tmp_path / "file", 1_000_000)
        assert [outcome.reason if isinstance(outcome, Reject) else outcome.url[-1] for outcome in outcomes] == ["0", "record too long", "2"]


def test_types_that_hold_no_text_are_rejects(tmp_path):
    kinds = ["warcinfo", "request", "metadata", "revisit", "continuation", "invented"]
    (tmp_path / "file").write_bytes(b"".join(record(1, b"x", kind) for kind in kinds))
    outcomes, _ = read(tmp_path / "file")
    assert [outcome.reason for outcome in outcomes] == [f"record type {kind}" for kind in [*kinds[:-1], "unknown"]]


TEXT = "Grüße, 世界. ".encode() * 50


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT[:100], mtime=0) + gzip.compress(TEXT[100:], mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare_deflate(TEXT)),
        ("br", brotli.compress(TEXT)),
        ("zstd", zstandard.compress(TEXT)),
        ("gzip, br", brotli.compress(gzip.compress(TEXT, mtime=0))),
        ("identity", TEXT),
        ("gzip", TEXT),  # the crawler undid the coding and kept the header
    ],
)
def test_content_codings_are_undone_within_the_cap(coding, packed):
    assert decode_body(packed, {"content-encoding": coding}, 10_000) == TEXT
    with pytest.raises(PayloadError, match="record too long"):
        decode_body(packed, {"content-encoding": coding}, len(TEXT) - 1)


def test_a_body_of_many_members_costs_what_its_bytes_cost():
    """Quadratic work here would be hours."""
    members = gzip.compress(b"", mtime=0) * 250_000 + gzip.compress(TEXT, mtime=0)
    assert decode_body(members, {"content-encoding": "gzip"}, 10_000) == TEXT
    with pytest.raises(PayloadError, match="9 of them"):
        decode_body(TEXT, {"content-encoding": ", ".join(["identity"] * 9)}, 10_000)


def test_a_body_that_ends_early_gives_what_it_holds_and_a_corrupt_one_nothing():
    long = random.Random(0).randbytes(500_000).hex().encode()
    packers = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "br": lambda data: brotli.compress(data, quality=3),
        "zstd": zstandard.compress,
    }
    for coding, packer in packers.items():
        packed = packer(long)
        decoded = decode_body(packed[: len(packed) * 2 // 3], {"content-encoding": coding}, 1 << 20)
        assert len(decoded) > len(long) // 2, coding
        assert long.startswith(decoded)
    packed = gzip.compress(random.Random(0).randbytes(5000).hex().encode(), mtime=0)
    assert len(decode_body(packed[:3000], {"content-encoding": "gzip"}, 1 << 20)) > 3000
    with pytest.raises(PayloadError, match="content encoding"):
        decode_body(packed[:1000] + b"\xff" * 1000 + packed[2000:], {"content-encoding": "gzip"}, 1 << 20)
    with pytest.raises(PayloadError, match="unknown"):
        decode_body(b"x", {"content-encoding": "rot13"}, 10)


@pytest.mark.parametrize(
    ("stored", "body"),
    [
        (b"5\r\nhello\r\n6;x=1\r\n world\r\n0\r\n\r\n", b"hello world"),
        (b"5\nhello\n0\n\n", b"hello"),
        (b"5\r\nhello\r\n6\r\n wor", b"hello wor"),
        (b"<html>not chunked</html>", b"<html>not chunked</html>"),
        (b"5\r\nhello\r\nzz\r\nrest", b"hellozz\r\nrest"),
        (b"", b""),
    ],
)
def test_chunks_are_undone_and_broken_ones_borne(stored, body):
    assert dechunk(stored) == body
