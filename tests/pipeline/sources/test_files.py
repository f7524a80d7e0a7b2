"""What paths stand for, and bytes through compression, damage and bad networks."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import time
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sources.compression import DamagedInput
from pipeline.sources.files import Decompressed, list_inputs, open_decompressed

COMPRESSORS = {"plain": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstandard.compress}


def names(inputs) -> list[str]:
    return [Path(item.path).name for item in inputs]


def drained(path: Path) -> tuple[bytes, DamagedInput]:
    """What a damaged file gives, and what it then raises."""
    pieces = []
    with open_decompressed(str(path)) as stream:
        try:
            while piece := stream.read(10_000):
                pieces.append(piece)
        except DamagedInput as damage:
            return b"".join(pieces), damage
    raise AssertionError("the damage went unnoticed")


@pytest.fixture
def folder(tmp_path) -> Path:
    root = tmp_path / "in"
    for name in ("b/2.txt", "b/1.txt", "a.txt", ".git/config", "c/x.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (tmp_path / "secret.txt").write_text("outside")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "loop").symlink_to(root)
    return root


def test_folders_are_walked_in_order(folder):
    assert names(list_inputs([str(folder)])) == ["a.txt", "1.txt", "2.txt", "x.json"]
    assert names(list_inputs([str(folder)], exclude=["*.json", "b/1*"])) == ["a.txt", "2.txt"]


def test_patterns_give_each_file_once(folder):
    found = list_inputs([f"{folder}/b/*.txt", str(folder / "a.txt"), f"{folder}/**/*.txt"])
    assert names(found)[:3] == ["1.txt", "2.txt", "a.txt"]
    assert len({item.path for item in found}) == len(found)
    assert found[0].bytes == len("b/1.txt")


def test_the_stamp_changes_with_the_content(folder):
    before = list_inputs([str(folder / "a.txt")])
    (folder / "a.txt").write_text("other!")
    assert list_inputs([str(folder / "a.txt")]) != before


def test_a_list_of_paths(folder, tmp_path):
    listing = tmp_path / "warc.paths.gz"
    listing.write_bytes(gzip.compress(f"b/2.txt\n\n{folder}/a.txt\n".encode(), mtime=0))
    assert names(list_inputs([str(listing)], path_prefix=f"{folder}/")) == ["2.txt", "a.txt"]


def test_what_cannot_be_read_is_said_in_one_line(folder, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.paths.gz").write_bytes(gzip.compress(b"", mtime=0))
    (tmp_path / "cut.paths.gz").write_bytes(gzip.compress(random.Random(0).randbytes(1000).hex().encode(), mtime=0)[:-20])
    for pattern, words in [
        (f"{folder}/none.txt", "does not exist"),
        (f"{folder}/*.parquet", "matches no file"),
        ("ftp://host/file", "of no kind that is read"),
        (str(tmp_path / "pipe"), "not a regular file"),
        (str(tmp_path / "empty.paths.gz"), "lists no paths"),
        (str(tmp_path / "cut.paths.gz"), "no list of paths"),
    ]:
        with pytest.raises(ValueError, match=words) as error:
            list_inputs([pattern])
        assert pattern in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("locked", ["in/b", "in/b/1.txt"])
def test_no_permission(folder, tmp_path, locked):
    if os.geteuid() == 0:
        for place in [tmp_path, *tmp_path.parents]:
            if place != Path("/tmp") and place.is_relative_to("/tmp") and place.stat().st_uid == 0:
                place.chmod(0o755)
        pid = os.fork()
        if not pid:  # the user nobody, whom permissions bind
            os.setgid(65534)
            os.setuid(65534)
            os._exit(_refusal_status(folder, locked))
        (tmp_path / locked).chmod(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    else:
        (tmp_path / locked).chmod(0)
        try:
            assert _refusal_status(folder, locked) == 0
        finally:
            (tmp_path / locked).chmod(0o755)


def _refusal_status(folder: Path, locked: str) -> int:
    for _attempt in range(200):
        try:
            list_inputs([str(folder)])
        except ValueError as error:
            return 0 if locked in str(error) and "give read permission" in str(error) else 2
        time.sleep(0.01)
    return 1


@pytest.mark.parametrize("kind", COMPRESSORS)
@settings(max_examples=25, deadline=None)
@given(parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=4), sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=5))
def test_any_compression_gives_the_bytes_back(tmp_path_factory, kind, parts, sizes):
    """Several members are one stream, whatever pieces it is read in."""
    # Plain bytes that begin like a compressor's are rightly taken for one.
    parts = [b"# " + part for part in parts]
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(b"".join(COMPRESSORS[kind](part) for part in parts))
    with open_decompressed(str(path)) as stream:
        read = b""
        turn = 0
        while piece := stream.read(sizes[turn % len(sizes)]):
            read += piece
            turn += 1
    assert read == b"".join(parts)
    with open_decompressed(str(path)) as stream:
        assert b"".join(stream) == b"".join(parts)


@pytest.mark.parametrize("kind", ["gzip", "xz", "zstd"])
def test_truncation_delivers_the_beginning_then_says_where(tmp_path, kind):
    data = "\n".join(str(number) for number in range(200_000)).encode()
    packed = COMPRESSORS[kind](data)
    (tmp_path / "cut").write_bytes(packed[: len(packed) * 2 // 3])
    read, damage = drained(tmp_path / "cut")
    assert data.startswith(read)
    assert len(read) > len(data) // 3
    assert (damage.reason, damage.offset) == (f"truncated {kind}", len(packed) * 2 // 3)


def test_corrupt_gzip_after_good_members(tmp_path):
    good = gzip.compress(b"first\n", mtime=0)
    bad = bytearray(gzip.compress(random.Random(0).randbytes(50_000), mtime=0))
    bad[30_000] ^= 0xFF
    (tmp_path / "bad.gz").write_bytes(good + bytes(bad))
    read, damage = drained(tmp_path / "bad.gz")
    assert read.startswith(b"first\n")
    assert (damage.reason, damage.member) == ("corrupt gzip", len(good))
    assert damage.offset > len(good) + 30_000


def test_a_name_does_not_make_a_gzip(tmp_path):
    (tmp_path / "text.gz").write_bytes(b"plain text\n")
    (tmp_path / "empty.gz").write_bytes(b"")
    with open_decompressed(str(tmp_path / "text.gz")) as stream:
        assert stream.read() == b"plain text\n"
    with open_decompressed(str(tmp_path / "empty.gz")) as stream:
        assert stream.read() == b""


@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz"])
def test_a_bomb_is_defused(tmp_path, kind):
    (tmp_path / "bomb").write_bytes(COMPRESSORS[kind](bytes(90 << 20)))
    read, damage = drained(tmp_path / "bomb")
    assert damage.reason == "decompression limit"
    assert len(read) <= 82 << 20


def test_a_long_line_comes_in_pieces(tmp_path):
    (tmp_path / "line.gz").write_bytes(gzip.compress(b"x" * 4_000_000 + b"\nend", mtime=0))
    with open_decompressed(str(tmp_path / "line.gz")) as stream:
        assert len(stream.readline(1_000_000)) == 1_000_000
        assert stream.readline() == b"x" * 3_000_000 + b"\n"
        assert stream.read() == b"end"


def test_decompressed_is_a_file_for_others(tmp_path):
    stream = Decompressed(io.BytesIO(gzip.compress("zwölf\n".encode(), mtime=0)))
    assert io.TextIOWrapper(stream, "utf-8").read() == "zwölf\n"
