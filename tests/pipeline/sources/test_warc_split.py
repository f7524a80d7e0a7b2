"""A WARC read in ranges gives what it gives whole: every record and reject once, wherever it is cut."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable, Sequence

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sources.records import Reject, Tally
from pipeline.sources.warc import members, read_records
from tests.pipeline.sources.test_warc import record

LIMIT = 1 << 20
Outcome = tuple[object, ...]


def outcomes(data: bytes, begin: int = 0, end: int | None = None, limit: int = LIMIT) -> list[Outcome]:
    """What a range gives, in full; that the tally agrees is checked on the way."""
    tally = Tally()
    found = list(read_records(io.BytesIO(data), tally, limit, begin, end))
    assert tally.records == len(found)
    assert tally.bytes == (len(data) if end is None else end) - begin
    return [
        (item.reason, item.locator, item.error, item.offset, item.length)
        if isinstance(item, Reject)
        else (item.type, item.url, item.body, item.offset, item.length, item.status, item.truncated)
        for item in found
    ]


def in_ranges(data: bytes, size: int, limit: int = LIMIT) -> list[Outcome]:
    return [
        outcome
        for begin in range(0, len(data) or 1, size)
        for outcome in outcomes(data, begin, min(begin + size, len(data)) if data else None, limit)
    ]


def zstd_with_dictionary(parts: Sequence[bytes]) -> bytes:
    """As the zstd draft of the WARC specifications has it: the dictionary in a skippable frame, a frame per record."""
    words = b"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/<html><p>page with words "
    dictionary = zstandard.ZstdCompressionDict(words * 4, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    packer = zstandard.ZstdCompressor(dict_data=dictionary)
    stored = dictionary.as_bytes()
    return b"\x5d\x2a\x4d\x18" + len(stored).to_bytes(4, "little") + stored + b"".join(packer.compress(part) for part in parts)


def arc(parts: Sequence[bytes]) -> list[bytes]:
    """The same pages as ARC records."""
    bodies = [part.partition(b"\r\n\r\n")[2][:-4] for part in parts]
    head = b"filedesc://a.arc 0.0.0.0 20200101000000 text/plain 20\n1 0 Test\nURL IP-addr\n"
    lines = [b"http://a.example/%d 1.2.3.4 20200102030405 text/html %d\n" % (n, len(body)) for n, body in enumerate(bodies)]
    return [head, *(line + body + b"\n" for line, body in zip(lines, bodies, strict=True))]


def blocks_of(parts: Sequence[bytes], size: int) -> bytes:
    """Members that are cut without regard to records, as bgzip and pigz do."""
    data = b"".join(parts)
    return b"".join(gzip.compress(data[at : at + size], mtime=0) for at in range(0, len(data), size))


PACKED: dict[str, Callable[[Sequence[bytes]], bytes]] = {
    "plain": b"".join,
    "gzip per record": lambda parts: b"".join(map(gzip.compress, parts)),
    "two records in a member": lambda parts: b"".join(
        gzip.compress(b"".join(parts[at : at + 2]), mtime=0) for at in range(0, len(parts), 2)
    ),
    "one gzip": lambda parts: gzip.compress(b"".join(parts), mtime=0),
    "blocked gzip": lambda parts: blocks_of(parts, 700),
    "zstd per record": lambda parts: b"".join(map(zstandard.compress, parts)),
    "zstd with a dictionary": zstd_with_dictionary,
    "one zstd": lambda parts: zstandard.compress(b"".join(parts)),
    "arc": lambda parts: b"".join(arc(parts)),
    "arc, gzip per record": lambda parts: b"".join(map(gzip.compress, arc(parts))),
    "padding between members": lambda parts: bytes(7).join(map(gzip.compress, parts)) + bytes(300),
}


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Small files of every packing, most of them damaged."""
    parts = [
        record(
            number,
            draw(st.sampled_from([b"", b"x" * 900, b"<pre>\r\n\r\n" + record(99), random.Random(number).randbytes(600)])),
            draw(st.sampled_from(["response", "response", "request", "resource"])),
            draw(st.sampled_from([None, None, None, 5, 3000, 1 << 30])),
        )
        for number in range(draw(st.integers(1, 5)))
    ]
    if draw(st.integers(0, 3)) == 0:
        parts.insert(draw(st.integers(0, len(parts))), b"junk that is no record\r\n" * 5)
    data = bytearray(PACKED[draw(st.sampled_from(sorted(PACKED)))](parts))
    for _damage in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["flip", "cut out", "insert", "truncate"])):
            case "flip":
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "cut out":
                del data[place : place + draw(st.integers(1, 200))]
            case "insert":
                data[place:place] = draw(
                    st.sampled_from([b"\x1f\x8b\x08", b"\0" * 9, b"WARC/1.0\r\nA:", gzip.compress(record(7), mtime=0), b"\n"])
                )
            case "truncate":
                del data[max(1, place) :]
        data = data or bytearray(b"x")
    return bytes(data)


@settings(max_examples=250, deadline=None)
@given(data=files(), size=st.integers(1, 2500), sure=st.sampled_from([300, 900, members.SURE_BYTES]))
def test_every_split_gives_the_same_outcomes(data, size, sure):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "SURE_BYTES", sure)
        patch.setattr(members, "LOOK_BACK_BYTES", 2 * sure)
        assert in_ranges(data, max(size, len(data) // 60)) == outcomes(data)


@pytest.mark.parametrize("packed", PACKED)
def test_every_place_to_cut(packed):
    """Ranges of a single byte."""
    data = PACKED[packed]([record(number, b"<p>%d" % number * 9) for number in range(4)])
    assert in_ranges(data, 1) == outcomes(data)


@pytest.mark.parametrize(
    ("packer", "stored"),
    [
        (gzip.compress, lambda data: gzip.compress(data, 0, mtime=0)),
        (gzip.compress, gzip.compress),
        (zstandard.compress, zstandard.compress),
    ],
)
@pytest.mark.parametrize("cut", [None, 300_000])
def test_members_inside_a_page_are_no_members(packer, stored, cut):
    """A crawled archive lies in its record as it was, magic numbers, checksums and all; its pages are not this file's."""
    draw = random.Random(1)
    inner = b"".join(packer(record(1000 + number, draw.randbytes(20_000))) for number in range(30))
    before, after = ([record(n, draw.randbytes(9000)) for n in numbers] for numbers in (range(40), range(41, 80)))
    outer = stored(record(40, inner))
    # The file's end, and one that is cut right behind a member of the inner archive.
    data = b"".join(map(packer, before)) + (outer[:cut] if cut else outer + b"".join(map(packer, after)))
    if stored is not gzip.compress:
        assert packer(record(1001, b""))[:4] in outer[100_000:]
    for size in (len(data) - len(outer), 50_000, 333_333, 400_000):
        found = in_ranges(data, size)
        assert found == outcomes(data)
        assert [item[1] for item in found if item[0] == "response"] == [f"http://a.example/{n}" for n in range(40 if cut else 80)]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1000), size=st.integers(20_000, 3_000_000), damages=st.integers(0, 4), zstd=st.booleans())
def test_larger_files_are_entered_without_reading_what_lies_before(seed, size, damages, zstd):
    """Damage near a cut, where the search has to go back, and far from it; bytes read before a range stay few."""
    draw = random.Random(seed)
    packer = zstandard.ZstdCompressor(write_checksum=True).compress if zstd else gzip.compress
    data = bytearray(b"".join(packer(record(n, draw.randbytes(draw.randrange(200, 40_000)))) for n in range(150)))
    for _damage in range(damages):
        data[draw.randrange(10, len(data))] ^= 1 << draw.randrange(8)
    assert in_ranges(bytes(data), size) == outcomes(bytes(data))


class Watched(io.BytesIO):
    """Remembers the least byte that was read behind the file's beginning, which tells how it is packed."""

    least = 1 << 60

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 1 << 17:
            self.least = min(self.least, self.tell())
        return super().read(size)


def test_an_intact_file_is_entered_at_the_range():
    draw = random.Random(4)
    data = b"".join(gzip.compress(record(n, draw.randbytes(20_000)), mtime=0) for n in range(150))
    stream = Watched(data)
    found = list(read_records(stream, Tally(), LIMIT, 1_500_000, 1_600_000))
    assert 5 <= len(found) <= 10
    assert stream.least >= 1_500_000


def test_real_files_in_ranges(shared_data):
    """Every file of warc.tar.gz, damaged and odd ones among them, in some sixteen ranges."""
    checked = 0
    for path in sorted((shared_data / "warc").rglob("*")):
        if path.is_file() and path.name not in {"FEATURES.txt", ".unpacked"}:
            data = path.read_bytes()
            size = max(1000, len(data) // 16) + len(path.name)
            assert in_ranges(data, size, 1 << 26) == outcomes(data, limit=1 << 26), path
            checked += 1
    assert checked > 80
