"""The pages that the shipped extractor model learns from: gold sets of the shared data, hand-made gold, and pages for the teacher.

    python -m benchmarks.labelled_pages pages.jsonl.gz && curate train-extractor pages.jsonl.gz

Writes one JSON object per page, as `curate train-extractor` reads them.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.environments import ROOT
from benchmarks.gold import load
from filters.charset import utf8_html
from filters.extractor.labels import registered_domain
from filters.extractor.render import plain_bytes
from filters.extractor.scan import scan
from pipeline.sources.records import Tally
from pipeline.sources.warc import WebRecord, records

MAX_PAGE_BYTES = 3_000_000
LEAST_PAGE_BYTES = 500
DOCUMENTATION_EVERY = 3  # of docs_web's 3,000 pages: most are of a few templates
DOCUMENTATION_WEIGHT = 0.3
HAND_MADE_WEIGHT = 2.0
# Gold that is another tool's output is believed half.
OTHER_TOOLS_SHARE = 0.5


def read(path: Path) -> bytes:
    """A file's bytes, decompressed where it is gzip."""
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def documentation_site(url: str) -> str:
    """The package whose template a page of docs_web shares, without its language: libreoffice-help-de and -ja are one."""
    package = urlsplit(url).path.split("/")[1]
    known = re.match(r"lilypond|libreoffice-help|aptitude|debian-handbook|maint-guide|debian-reference|installation-guide|apt", package)
    return "docs:" + (known[0] if known else re.sub(r"-(?:[a-z]{2}(?:-[a-z]{2,})?|html-[a-z]{2}|html|doc.*)$", "", package))


def article_extraction(data: Path) -> Iterator[dict[str, Any]]:
    """Pages of scrapinghub's article-extraction-benchmark with gold text."""
    folder = data / "html" / "article-extraction-benchmark"
    for key, gold in json.loads((folder / "ground-truth.json").read_bytes()).items():
        (path,) = (folder / "html").glob(f"{key}*")
        yield {"url": gold["url"], "html": read(path), "text": gold["articleBody"]}


def phrase_pages(data: Path) -> Iterator[dict[str, Any]]:
    """Pages of trafilatura's evaluation with phrases to keep and to drop."""
    for folder in (data / "html" / "trafilatura", data / "html_more"):
        for url, gold in json.loads((folder / "evaldata.json").read_bytes()).items():
            yield {"url": url, "html": read(folder / "html" / gold["stored"]), "keep": gold["with"], "drop": gold["without"]}


def other_tools_pages(data: Path) -> Iterator[dict[str, Any]]:
    """Pages whose gold is the output of readability.js or of newspaper, where there is any, and of defuddle's fixtures without gold."""
    for folder in sorted((data / "html" / "readability").iterdir()):
        gold = html.unescape(plain_bytes(scan(read(folder / "expected.html.gz"))).decode())
        yield {"url": f"readability:{folder.name}", "html": read(folder / "source.html.gz"), "text": gold, "gold_share": OTHER_TOOLS_SHARE}
    texts = {path.name.split(".txt")[0]: path for path in (data / "html" / "newspaper" / "text").iterdir()}
    for path in sorted((data / "html" / "newspaper" / "html").iterdir()):
        name = path.name.split(".html")[0]
        gold_text = read(texts[name]).decode("utf-8", "replace") if name in texts else None
        yield {"url": f"newspaper:{name}", "html": read(path), "text": gold_text, "gold_share": OTHER_TOOLS_SHARE}
    for path in sorted((data / "html" / "defuddle" / "html").iterdir()):
        yield {"url": f"defuddle:{path.name}", "html": read(path)}


def archived_pages(data: Path) -> Iterator[dict[str, Any]]:
    """Pages of the WARC files, and a third of docs_web's."""
    for path in sorted(path for path in (data / "warc").rglob("*") if path.is_file()):
        for record in _pages(path):
            payload = record.payload(MAX_PAGE_BYTES * 4)
            if len(payload) >= LEAST_PAGE_BYTES:
                yield {"url": record.url, "html": payload, "content_type": record.content_type}
    for path in sorted((data / "corpus").glob("docs_web*.warc.gz")):
        for record in _pages(path):
            if zlib.crc32(record.url.encode()) % DOCUMENTATION_EVERY == 0:
                site = documentation_site(record.url)
                payload = record.payload(MAX_PAGE_BYTES * 4)
                yield {
                    "url": record.url,
                    "site": site,
                    "html": payload,
                    "content_type": record.content_type,
                    "weight": DOCUMENTATION_WEIGHT,
                }


def _pages(path: Path) -> Iterator[WebRecord]:
    for record in records(str(path), Tally(), MAX_PAGE_BYTES * 4):
        if isinstance(record, WebRecord) and record.type == "response" and record.status == 200 and "html" in record.content_type:
            yield record


def hand_made(data: Path) -> Iterator[dict[str, Any]]:
    """The pages of tests/gold."""
    for page in load(data):
        url = page.url or page.file
        site = documentation_site(url) if "docs_web" in page.file else registered_domain(url) if page.url else page.site
        yield {
            "url": url, "site": site, "html": page.html, "content_type": page.content_type, "text": page.text, "undecided": page.comments,
            "weight": HAND_MADE_WEIGHT,
        }  # fmt: skip


def labelled_pages(data: Path) -> Iterator[dict[str, Any]]:
    """All of them, each page once, hand-made gold before other gold before none; `html` is bytes of UTF-8.

    Args:
        data: folder with the archives of the shared data unpacked.
    """
    seen: set[bytes] = set()
    for source in (hand_made, article_extraction, phrase_pages, other_tools_pages, archived_pages):
        for page in source(data):
            page["html"] = utf8_html(page["html"], page.pop("content_type", ""))
            page.setdefault("site", registered_domain(page["url"]))
            if page["html"] not in seen and len(page["html"]) <= MAX_PAGE_BYTES:
                seen.add(page["html"])
                yield page


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path, help="JSON lines, gzip")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="unpacked shared data")
    arguments = parser.parse_args()
    count = 0
    with arguments.output.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        for page in labelled_pages(arguments.data):
            file.write(json.dumps(page | {"html": page["html"].decode()}, ensure_ascii=False).encode() + b"\n")
            count += 1
    print(f"{count} pages, {arguments.output.stat().st_size / 1e6:.1f} MB, {arguments.output}")


if __name__ == "__main__":
    main()
