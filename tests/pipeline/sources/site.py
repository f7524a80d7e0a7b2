"""A real web site on loopback: pages from a table, and the traps that crawlers meet."""

from __future__ import annotations

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes]


class Site:
    """Answers by path: an Answer, or a function of how often the path was asked for. `asked` lists the paths in order."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer | Callable[[int], Answer]] = {}
        self.asked: list[str] = []
        self.times: list[float] = []
        self.ranges: list[str] = []
        self.counts: Counter[str] = Counter()
        self.together = self.most_together = 0
        self.guard = threading.Lock()
        self.fallback: Callable[[str], Answer] = lambda _path: (404, {"Content-Type": "text/plain"}, b"no such page")
        self.url = ""

    def html(self, path: str, body: str, **headers: str) -> None:
        page = f"<!DOCTYPE html><html><head><title>{path}</title></head><body>{body}</body></html>"
        self.pages[path] = (200, {"Content-Type": "text/html; charset=utf-8", **headers}, page.encode())

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Counts the requests whose answers are awaited at one time."""
        with self.guard:
            self.together += 1
            self.most_together = max(self.most_together, self.together)
        try:
            yield
        finally:
            with self.guard:
                self.together -= 1

    def answer(self, path: str) -> Answer:
        self.asked.append(path)
        self.times.append(time.monotonic())
        self.counts[path] += 1
        page = self.pages.get(path)
        if page is None:
            return self.fallback(path)
        return page(self.counts[path]) if callable(page) else page


@contextmanager
def serve(site: Site, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """The site, at `site.url`, until the block ends.

    A header X-Cut breaks the body off at that byte, X-Sleep waits before it, X-Drip waits between any two bytes of it. Of an answer with
    status 0 the body is all that is sent, byte for byte: status line, headers and what else it holds.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            with site.asking():
                status, headers, body = site.answer(self.path)
                if "X-Sleep" in headers:
                    time.sleep(float(headers["X-Sleep"]))
            self.answer(status, headers, body)

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            wanted = self.headers.get("Range")
            if wanted:
                site.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and "X-No-Ranges" not in headers else 0
            if start:
                status = 206
            if status:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
            else:
                self.close_connection = True
            if self.command == "HEAD":
                return
            if "X-Drip" in headers:
                with suppress(OSError):
                    for byte in body:
                        self.wfile.write(bytes([byte]))
                        time.sleep(float(headers["X-Drip"]))
                return
            cut = int(headers.get("X-Cut", len(body)))
            with suppress(OSError):
                self.wfile.write(body[start : max(start, cut)])
            if cut < len(body):
                self.close_connection = True

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    site.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
