"""A small real corpus that every machine with Python has, as the files that a user would have, and how to run `curate` over it."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
STDLIB = Path(sysconfig.get_paths()["stdlib"])
TINY_MODEL = {
    "layers": 2, "dimension": 32, "heads": 2, "key_value_heads": 1, "feed_forward": 64, "row_tokens": 64, "batch_rows": 4,
    "steps": 40, "log_every": 5, "validate_every": 20, "checkpoint_every": 10,
}  # fmt: skip
# What depends on the clock or on where a run was cut, and the configuration as it was given: everything else has to be equal.
LOGS = {"log.jsonl", ".lock", "metrics.jsonl", "_config.json"}


def long_topics() -> list[tuple[str, str]]:
    """Names and texts of the language reference that are long enough to be documents."""
    return [(name, text) for name, text in sorted(topics.items()) if len(text) > 1500]


def page(name: str, text: str) -> tuple[str, bytes]:
    """URL and HTML of a topic, as an article among navigation."""
    paragraphs = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in text.split("\n\n"))
    links = "".join(f'<li><a href="/{i}">menu {i}</a></li>' for i in range(5))
    head, article = f"<head><title>{name}</title></head>", f"<article><h1>{name}</h1>{paragraphs}</article>"
    return f"http://example.org/{name}", f"<html>{head}<body><nav><ul>{links}</ul></nav>{article}</body></html>".encode()


def write_warc(path: Path, pages: Iterable[tuple[str, bytes]]) -> Path:
    """A WARC file, gzip per record, of pages answered with status 200."""
    with path.open("wb") as file:
        for url, body in pages:
            message = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            head = (
                f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
                f"WARC-Record-ID: <urn:uuid:{hashlib.md5(url.encode()).hexdigest()}>\r\n"
                f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(message)}\r\n\r\n"
            )
            file.write(gzip.compress(head.encode() + message + b"\r\n\r\n", mtime=0))
    return path


def write_inputs(folder: Path) -> dict[str, Any]:
    """Web pages, books, code and a table under `folder`, and the configuration that reads them."""
    folder.mkdir(parents=True)
    chosen = long_topics()
    web, books, rows = chosen[::3], chosen[1::3], chosen[2::3]
    write_warc(folder / "a.warc.gz", [page(*topic) for topic in web[::2]])
    write_warc(folder / "b.warc.gz", [page(*topic) for topic in web[1::2]] + [page(f"{web[0][0]}-copy", web[0][1])])
    (folder / "books").mkdir()
    for name, text in books:
        (folder / "books" / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / "code" / "json").mkdir(parents=True)
    for file in sorted((STDLIB / "json").glob("*.py")):
        (folder / "code" / "json" / file.name).write_bytes(file.read_bytes())
    lines = [json.dumps({"text": text, "id": name}) for name, text in rows]
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress("\n".join([*lines, '{"text": ']).encode(), mtime=0))
    return {
        "name": "small",
        "output": str(folder.parent / "runs"),
        "sources": [
            {"name": "pages", "kind": "web", "paths": [str(folder / "*.warc.gz")]},
            {"name": "topics", "kind": "book", "paths": [str(folder / "books")], "licence": "PSF-2.0"},
            {"name": "json", "kind": "code", "paths": [str(folder / "code")], "licence": "PSF-2.0"},
            {"name": "rows", "kind": "table", "paths": [str(folder / "rows.jsonl.gz")], "columns": {"locator": "id"}},
        ],
        "filter": {
            "presets": {"web": ["book@2026"], "book": ["book@2026"], "code": ["starcoder@2023"], "table": ["book@2026"]},
            "guard": 1.0,
        },
        "tokenizer": {"vocabulary": 600, "sample_bytes": 400_000},
        "shards": {"shard_tokens": 50_000, "validation_share": 0.1},
        "runner": {"workers": 1},
    }


def write_config(path: Path, values: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]


def environment() -> dict[str, str]:
    return os.environ | {"COLUMNS": "120", "NO_COLOR": "1"}


def curate(*arguments: str | Path, status: int = 0, timeout_s: int = 300) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does; fails with what it printed when it ends otherwise than expected."""
    done = subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False, env=environment())
    assert done.returncode == status, f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done


def digests(directory: Path, leave_out: Sequence[str] = ()) -> dict[str, str]:
    """sha256 of every file of a run but its logs, by path."""
    files = (file for file in sorted(directory.rglob("*")) if file.is_file() and file.name not in LOGS)
    names = ((str(file.relative_to(directory)), file) for file in files)
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in names if not name.startswith(tuple(leave_out) or ("\0",))}
