"""s3:// against moto's server in a process of its own, gs:// against a small server of the JSON interface."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pyarrow.fs as pafs
import pytest

from pipeline.sources import ranged, remote
from pipeline.sources.files import list_inputs, open_input
from pipeline.sources.records import Tally
from pipeline.sources.warc import read_records, records
from tests.pipeline.sources.test_warc import record

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
ROOT = Path(__file__).parents[3]
draw = random.Random(3)
ARCHIVE = b"".join(gzip.compress(record(number, draw.randbytes(draw.randrange(100, 30_000))), mtime=0) for number in range(200))


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """Address of an S3 server with a bucket of WARC files; host and port."""
    pytest.importorskip("moto.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(CREDENTIALS)
    try:
        for _attempt in range(300):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=2).close()
                break
            time.sleep(0.1)
        system = pafs.S3FileSystem(endpoint_override=f"http://127.0.0.1:{port}", allow_bucket_creation=True)
        system.create_dir("crawl")
        for name in ("a/1.warc.gz", "a/2.warc.gz", "a/deep/3.warc.gz", "b/4 & 5%.warc.gz", "b/notes.txt"):
            with system.open_output_stream(f"crawl/{name}", compression=None) as file:
                file.write(ARCHIVE if name.endswith("1.warc.gz") else name.encode())
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(ranged, "PAUSE_S", 0.01)


def query(store: str) -> str:
    return f"?endpoint_override={store}&scheme=http"


def names(*patterns: str) -> list[str]:
    return [urlsplit(item.path).path for item in list_inputs(patterns)]


def test_patterns_over_objects(store):
    asked = query(store)
    assert names(f"s3://crawl/a/*.warc.gz{asked}") == ["/a/1.warc.gz", "/a/2.warc.gz"]
    assert names(f"s3://crawl/**/*.warc.gz{asked}")[:3] == ["/a/1.warc.gz", "/a/2.warc.gz", "/a/deep/3.warc.gz"]
    assert names(f"s3://crawl/*/[12].warc.gz{asked}") == ["/a/1.warc.gz", "/a/2.warc.gz"]
    assert len(names(f"s3://crawl/{asked}")) == 5
    assert names(f"s3://crawl/b/{asked}") == ["/b/4%20%26%205%25.warc.gz", "/b/notes.txt"]
    with pytest.raises(ValueError, match="matches no object"):
        names(f"s3://crawl/c/*.warc.gz{asked}")
    with pytest.raises(ValueError, match="name the bucket"):
        names(f"s3://*/a{asked}")


def test_an_object_is_a_file(store):
    (found,) = list_inputs([f"s3://crawl/b/4*{query(store)}"])
    with open_input(found.path) as stream:
        assert stream.read() == b"b/4 & 5%.warc.gz"
    (found,) = list_inputs([f"s3://crawl/a/1.warc.gz{query(store)}"])
    assert found.bytes == len(ARCHIVE)
    with open_input(found.path, stamp=found.stamp) as stream:
        assert stream.read() == ARCHIVE
        stream.seek(-100, os.SEEK_END)
        assert stream.read() == ARCHIVE[-100:]


def test_ranges_of_an_object_are_the_object(store):
    url = f"s3://crawl/a/1.warc.gz{query(store)}"
    (found,) = list_inputs([url])
    read = [
        item.url
        for begin in range(0, len(ARCHIVE), 1_000_000)
        for item in records(url, Tally(), 1 << 24, begin, min(begin + 1_000_000, len(ARCHIVE)), found.stamp)
    ]
    assert read == [f"http://a.example/{number}" for number in range(200)]


def test_the_endpoint_of_the_environment(store):
    """As every tool for S3 has it: no address in the configuration, one in AWS_ENDPOINT_URL."""
    code = "from pipeline.sources.files import list_inputs; print(len(list_inputs(['s3://crawl/a/*.warc.gz'])))"
    environment = os.environ | {"AWS_ENDPOINT_URL": f"http://{store}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout == "2\n", done.stderr


@pytest.mark.parametrize(("key", "words"), [("crawl/none.warc.gz", "is no object"), ("nowhere/a", "cannot be read|is no object")])
def test_what_is_not_there_is_said_in_one_line(store, key, words):
    for ask in (list_inputs, lambda urls: open_input(urls[0])):
        with pytest.raises(ValueError, match=words) as error:
            ask([f"s3://{key}{query(store)}"])
        assert f"s3://{key}" in str(error.value)
        assert "\n" not in str(error.value)


def test_an_object_that_changes_meanwhile_is_refused(store):
    url = f"s3://crawl/changing.warc.gz{query(store)}"
    system = pafs.S3FileSystem(endpoint_override=f"http://{store}")

    def put(data: bytes) -> None:
        with system.open_output_stream("crawl/changing.warc.gz", compression=None) as file:
            file.write(data)

    put(ARCHIVE)
    with open_input(url) as stream:
        assert stream.read(1000) == ARCHIVE[:1000]
        put(ARCHIVE[::-1] + b"x")
        with pytest.raises(ValueError, match="changed while it was read"):
            stream.read()


class Busy(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_error(503)

    do_GET = do_HEAD

    def log_message(self, *_words: object) -> None:
        pass


def test_a_store_that_stays_busy_is_given_up(monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    # The store's own client takes six seconds for the ten tries within each of ours.
    monkeypatch.setattr(ranged, "TRIES", 1)
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        with pytest.raises(ValueError, match="after 1 tries"):
            remote.describe(f"s3://crawl/a?endpoint_override=127.0.0.1:{server.server_port}&scheme=http")
        server.shutdown()


def test_an_object_of_google_storage(tmp_path):
    (tmp_path / "a").write_bytes(ARCHIVE)
    command = [sys.executable, "-m", "tests.pipeline.sources.google_storage", str(tmp_path / "a")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            assert server.stdout is not None
            address = f"scheme=http&endpoint_override=127.0.0.1:{server.stdout.readline().strip()}&retry_limit_seconds=20"
            url = f"gs://anonymous@crawl/a/1.warc.gz?{address}"
            (found,) = list_inputs([url])
            read = [item.url for begin in (0, 1 << 20) for item in records(url, Tally(), 1 << 24, begin, begin + (1 << 20), found.stamp)]
            with pytest.raises(ValueError, match="is no object"):
                list_inputs([f"gs://anonymous@crawl/none?{address}"])
        finally:
            server.kill()
    assert found.bytes == len(ARCHIVE)
    assert read == [item.url for item in read_records(io.BytesIO(ARCHIVE), Tally(), 1 << 24, 0, 2 << 20)]
