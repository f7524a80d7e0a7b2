"""Files behind URLs: the same bytes and records whatever the server does, or one line that says what it did."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from pipeline.sources import ranged
from pipeline.sources.files import list_inputs, open_input
from pipeline.sources.records import Tally
from pipeline.sources.warc import records
from tests.pipeline.sources.test_warc import record

DATA = random.Random(0).randbytes(3_000_000)


@dataclass
class Fault:
    """How one answer goes wrong."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    """The connection breaks before this byte of the file."""
    drip_s: float = 0.0
    """Pause between pieces of a tenth of the body."""
    claimed: int = 0
    """Added to the length that is stated."""


class Objects:
    """A server's files, and how it answers: a fault for the n-th GET of a path, or none."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fault: Callable[[int], Fault] = lambda _count: Fault()
        self.stamp: Callable[[int], str] = lambda _count: "v1"
        self.ranges = True
        self.head = True
        self.asked: list[tuple[str, str, str]] = []
        self.pauses: list[float] = []
        self.url = ""

    def parts(self) -> list[tuple[int, int]]:
        """First byte and the one behind the last of each part that was asked for."""
        bounds = [asked.removeprefix("bytes=").split("-") for _method, _path, asked in self.asked if asked]
        return [(int(first), int(last) + 1 if last else -1) for first, last in bounds]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: Objects

    def do_HEAD(self) -> None:
        if not self.objects.head:
            self.send_error(405)
            return
        self.answer(Fault())

    def do_GET(self) -> None:
        count = sum(method == "GET" and path == self.path for method, path, _range in self.objects.asked) + 1
        self.answer(self.objects.fault(count), count)

    def answer(self, fault: Fault, count: int = 0) -> None:
        objects, wanted = self.objects, self.headers.get("Range", "")
        objects.asked.append((self.command, self.path, wanted))
        data = objects.files.get(self.path)
        status = fault.status or (404 if data is None else 200)
        if status >= 300 or data is None:
            self.send_response(status)
            for key, value in {"Content-Length": "4", **fault.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(b"busy")
            return
        first, last = 0, len(data)
        if wanted and objects.ranges:
            begin, _, end = wanted.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end) + 1, len(data)) if end else len(data)
            if first >= len(data):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            status = 206
        self.send_response(status)
        self.send_header("ETag", f'"{objects.stamp(count)}"')
        self.send_header("Content-Length", str(last - first + fault.claimed))
        if objects.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last - 1}/{len(data)}")
        for key, value in fault.headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        body = data[first : last if fault.cut is None else max(first, min(last, fault.cut))]
        with suppress(OSError):
            for at in range(0, len(body), max(1, len(body) // 10) if fault.drip_s else len(body) or 1):
                self.wfile.write(body[at : at + max(1, len(body) // 10)] if fault.drip_s else body)
                self.wfile.flush()
                time.sleep(fault.drip_s)
        if len(body) < last - first + fault.claimed:
            self.close_connection = True

    def log_message(self, *_words: object) -> None:
        pass


@contextmanager
def serving(objects: Objects) -> Iterator[Objects]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"objects": objects}))
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    objects.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield objects
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    monkeypatch.setattr(ranged, "PAUSE_S", 0.002)
    with serving(Objects()) as running:
        running.files["/file"] = DATA
        yield running


def whole(url: str) -> bytes:
    with open_input(url) as stream:
        return stream.read()


def test_breaks_and_busy_answers_cost_no_byte(objects):
    """503, 429, and connections that break in the middle: the same bytes, and none asked for twice."""
    cuts = {1: Fault(503), 2: Fault(429, {"Retry-After": "0"}), 3: Fault(cut=1_000_000), 4: Fault(cut=2_500_000)}
    objects.fault = lambda count: cuts.get(count, Fault())
    assert whole(f"{objects.url}/file") == DATA
    assert objects.parts() == [(1_000_000, -1), (2_500_000, -1)]


def test_a_server_that_stays_busy_is_given_up(objects):
    objects.fault = lambda _count: Fault(503)
    with pytest.raises(ValueError, match="after 6 tries: HTTP status 503") as error:
        whole(f"{objects.url}/file")
    assert f"{objects.url}/file" in str(error.value)
    assert len(objects.asked) == 6


@pytest.mark.parametrize(
    ("said", "least_s", "most_s"),
    [("7", 7, 7), ("100000", 600, 600), ("soon", 0, 1), ("-3", 0, 1), (formatdate(time.time() + 100_000, usegmt=True), 600, 600)],
    ids=["seconds", "a day", "no number", "negative", "a date"],
)
def test_retry_after_is_honoured_within_bounds(objects, monkeypatch, said, least_s, most_s):
    """A number of seconds, a date, or neither; the pause is what is asked for, or the doubling one where that is longer."""
    pauses: list[float] = []
    monkeypatch.setattr(ranged.Patience.lose, "__defaults__", (0.0, pauses.append))
    objects.fault = lambda count: Fault(429, {"Retry-After": said}) if count < 3 else Fault()
    assert whole(f"{objects.url}/file") == DATA
    assert len(pauses) == 2
    assert all(least_s <= pause <= most_s for pause in pauses)


def test_a_server_without_ranges(objects):
    objects.ranges = False
    objects.fault = lambda count: Fault(cut=1_500_000) if count == 1 else Fault()
    assert whole(f"{objects.url}/file") == DATA
    (found,) = list_inputs([f"{objects.url}/file"])
    assert (found.bytes, found.ranges) == (len(DATA), False)


def test_a_server_without_head(objects):
    objects.head = False
    (found,) = list_inputs([f"{objects.url}/file"])
    assert (found.bytes, found.stamp, found.ranges) == (len(DATA), '"v1"', True)


def test_a_slow_server(objects):
    objects.fault = lambda _count: Fault(drip_s=0.005)
    assert whole(f"{objects.url}/file") == DATA


def test_a_length_that_is_too_long_or_too_short(objects):
    """A longer one never comes; of a shorter one the rest is not the answer's, and the file is what the server says."""
    objects.fault = lambda _count: Fault(claimed=1000)
    with pytest.raises(ValueError, match=r"changed while it was read|beyond byte 3000000"):
        whole(f"{objects.url}/file")
    objects.fault = lambda _count: Fault(claimed=-1000)
    assert whole(f"{objects.url}/file") == DATA[:-1000]


def test_a_file_that_changes_meanwhile_is_refused(objects):
    objects.stamp = lambda count: f"v{count}"
    objects.fault = lambda _count: Fault(cut=400_000)
    with pytest.raises(ValueError, match="changed while it was read; run again"):
        whole(f"{objects.url}/file")


def test_another_range_than_asked_for_is_refused(objects):
    objects.fault = lambda count: Fault(cut=1_000_000) if count == 1 else Fault(headers={"Content-Range": "bytes 0-5/3000000"})
    with pytest.raises(ValueError, match="asked for bytes=1000000-"):
        whole(f"{objects.url}/file")


def test_redirects_are_followed_but_not_in_a_circle(objects):
    objects.fault = lambda _count: Fault()
    objects.files["/old"] = b""
    objects.fault = lambda count: Fault(302, {"Location": "/file"}) if objects.asked == [] or objects.asked[-1][1] != "/old" else Fault()
    with open_input(f"{objects.url}/old") as stream:
        assert stream.read(1000) == DATA[:1000]
    objects.fault = lambda _count: Fault(302, {"Location": "/old"})
    with pytest.raises(ValueError, match="too many redirects"):
        whole(f"{objects.url}/old")


@pytest.mark.parametrize(("path", "words"), [("/none", "HTTP status 404"), ("/file", "HTTP status 403")])
def test_what_is_refused_is_not_asked_for_again(objects, path, words):
    objects.fault = lambda _count: Fault() if path == "/none" else Fault(403)
    with pytest.raises(ValueError, match=words):
        open_input(objects.url + path)
    assert len(objects.asked) == 1


def test_a_host_that_is_not_there(objects):
    with pytest.raises(ValueError, match="after 6 tries") as error:
        open_input("http://127.0.0.1:9/file")
    assert "\n" not in str(error.value)


def test_an_empty_file(objects):
    objects.files["/empty"] = b""
    assert whole(f"{objects.url}/empty") == b""
    with open_input(f"{objects.url}/empty", end=10) as stream:
        assert stream.read() == b""


def test_a_list_of_urls(objects):
    objects.files["/warc.paths.gz"] = gzip.compress(f"file\n{objects.url}/file\n".encode(), mtime=0)
    (found,) = list_inputs([f"{objects.url}/warc.paths.gz"], path_prefix=f"{objects.url}/")
    assert (found.path, found.bytes) == (f"{objects.url}/file", len(DATA))


@pytest.fixture(scope="module")
def archive() -> bytes:
    """A WARC of 6 MB, gzip per record."""
    draw = random.Random(5)
    return b"".join(gzip.compress(record(number, draw.randbytes(draw.randrange(100, 30_000))), mtime=0) for number in range(400))


def urls(path: str, begin: int = 0, end: int | None = None, stamp: str | None = None) -> list[tuple[str, int, int]]:
    return [(item.url, item.offset, item.length) for item in records(path, Tally(), 1 << 24, begin, end, stamp)]


def test_ranges_of_a_remote_file_are_the_file_and_each_asks_for_its_own_bytes(objects, archive, tmp_path):
    objects.files["/a.warc.gz"] = archive
    (tmp_path / "a.warc.gz").write_bytes(archive)
    (found,) = list_inputs([f"{objects.url}/a.warc.gz"])
    size, read = 2_000_000, []
    for begin in range(0, len(archive), size):
        objects.asked.clear()
        end = min(begin + size, len(archive))
        read += urls(found.path, begin, end, found.stamp)
        # Beside its own part, and once more the place where it is entered: the file's beginning, and the tail of its last record.
        asked = objects.parts()
        assert all(first < last <= ranged.FIRST_WINDOW_BYTES or begin <= first < last <= end + ranged.TAIL_BYTES for first, last in asked)
        assert sum(last - first for first, last in asked) < end - begin + (2 << 20)
    assert read == urls(str(tmp_path / "a.warc.gz"))
    assert len(read) == 400


def test_ranges_through_faults(objects, archive):
    """Every answer but each third is cut after 300 kB of its part, or refused: the records are the same."""
    objects.files["/a.warc.gz"] = archive
    expected = urls(f"{objects.url}/a.warc.gz")

    def faulty(count: int) -> Fault:
        first = objects.parts()[-1][0] if objects.parts() else 0
        return (Fault(), Fault(503), Fault(cut=first + 300_000))[count % 3]

    objects.fault = faulty
    assert [item for begin in range(0, 6 << 20, 1 << 20) for item in urls(f"{objects.url}/a.warc.gz", begin, begin + (1 << 20))] == expected


def test_a_range_of_another_version_is_refused(objects, archive):
    objects.files["/a.warc.gz"] = archive
    with pytest.raises(ValueError, match="changed while it was read"):
        urls(f"{objects.url}/a.warc.gz", 1_000_000, 2_000_000, stamp='"v0"')


@pytest.mark.parametrize("packed", [b"".join, lambda parts: gzip.compress(b"".join(parts), mtime=0)])
def test_what_cannot_be_entered_is_read_by_the_first_range(objects, packed):
    objects.files["/a.warc"] = packed([record(number, random.Random(number).randbytes(20_000)) for number in range(30)])
    size = len(objects.files["/a.warc"]) // 3 + 1
    assert [len(urls(f"{objects.url}/a.warc", begin, begin + size)) for begin in (0, size, 2 * size)] == [30, 0, 0]
