"""A server of the two calls of Google's JSON interface that reading takes: `python -m tests.pipeline.sources.google_storage FILE`.

It serves FILE as object a/1.warc.gz of bucket crawl, refuses the first request with status 503, and prints its port. A process of its
own, because pyarrow holds the interpreter while it opens a file.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

DATA = Path(sys.argv[1]).read_bytes() if __name__ == "__main__" else b""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    refusals = 1

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if Handler.refusals:
            Handler.refusals -= 1
            self.give(503, b"busy", "text/plain")
        elif not unquote(parts.path).endswith("/o/a/1.warc.gz"):
            self.give(404, b'{"error": {"code": 404, "message": "none"}}', "application/json")
        elif "alt=media" in parts.query:
            wanted = self.headers.get("Range")
            first, _, last = (wanted or "bytes=0-").removeprefix("bytes=").partition("-")
            end = min(int(last) + 1, len(DATA)) if last else len(DATA)
            place = f"bytes {first}-{end - 1}/{len(DATA)}" if wanted else ""
            self.give(206 if wanted else 200, DATA[int(first) : end], "application/octet-stream", place)
        else:
            about = {"kind": "storage#object", "bucket": "crawl", "name": "a/1.warc.gz", "size": str(len(DATA)), "generation": "7"}
            self.give(200, json.dumps(about | {"updated": "2026-01-02T03:04:05.000Z"}).encode(), "application/json")

    def give(self, status: int, body: bytes, kind: str, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
