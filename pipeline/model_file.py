"""A model that the configuration names: one that comes along, a path, or a URL that is fetched once into the run directory."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import xxhash

from filters.language.identify import BUNDLED, bundled_model
from pipeline.run import partial, publish, sha256
from pipeline.sources.remote import HTTP, open_remote

FOLDER = "models"
LARGEST_BYTES = 8 << 30  # GlotLID has 1.6 GB
PIECE_BYTES = 1 << 20
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def model_file(name: str, directory: Path, wanted: str | None = None, key: str = "signals.language_model") -> Path:
    """The local file of a model.

    Args:
        name: `lid.176.ftz`, a path, or an http(s) URL. A URL is asked when its file is not in `directory`/models; delete that to ask anew.
        directory: of the run.
        wanted: its sha256 as 64 hexadecimal digits, or None where any will do.
        key: of the configuration, for errors.

    Raises:
        ValueError: it is not there, cannot be fetched, is larger than 8 GiB, or has another sha256.
    """
    path = bundled_model() if name == BUNDLED else _fetched(name, directory, key) if name.startswith(HTTP) else Path(name)
    if not path.is_file():
        raise ValueError(f"{key}: {name!r} is no file; give {BUNDLED!r}, the path of a fastText model, or a URL")
    if wanted is not None and (found := model_digest(path)) != wanted.lower():
        if name.startswith(HTTP):
            path.unlink()
        raise ValueError(f"{key}: {name!r} has the sha256 {found}, not {wanted}; correct one of them")
    return path


def file_stamp(path: str | Path) -> tuple[int, int]:
    """Bytes and time of change of a file: a process that goes on after its model was replaced must not keep the old one."""
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


def model_digest(path: str | Path) -> str:
    """A file's sha256, read again when its stamp is another."""
    return _digest(Path(path), file_stamp(path))


@functools.lru_cache(maxsize=16)
def _digest(path: Path, _stamp: tuple[int, int]) -> str:
    return sha256(path)


def _fetched(url: str, directory: Path, key: str) -> Path:
    last = _UNSAFE.sub("-", unquote(urlsplit(url).path).rpartition("/")[2])[-80:]
    path = directory / FOLDER / f"{xxhash.xxh3_64_hexdigest(url.encode())}-{last}"
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    written = partial(path)
    size = 0
    try:
        with open_remote(url) as remote, written.open("wb") as file:
            while data := remote.read(PIECE_BYTES):
                size += len(data)
                if size > LARGEST_BYTES:
                    raise ValueError(f"{key}: {url!r} is larger than {LARGEST_BYTES} bytes; give the path of a file")
                file.write(data)
        publish(written, path)
    finally:
        written.unlink(missing_ok=True)
    return path
