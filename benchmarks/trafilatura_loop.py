"""The limit of a path that extracts with trafilatura: read WARC files and extract chosen pages, once each, and nothing else.

In:  a file with one URL per line, and WARC files.
Out: pages read, pages extracted and characters, as JSON on standard output.

FastWARC reads; trafilatura gets the options that the path gives it (precision, no fall-back extractors, no comments).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType
from trafilatura import extract


def main() -> None:
    wanted = set(Path(sys.argv[1]).read_text(encoding="utf-8").split())
    pages = extracted = characters = 0
    for path in sys.argv[2:]:
        with Path(path).open("rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response):
                pages += 1
                if record.headers.get("WARC-Target-URI") in wanted:
                    text = extract(record.reader.read().decode("utf-8", "replace"), favor_precision=True, fast=True, include_comments=False)
                    extracted += text is not None
                    characters += len(text or "")
    sys.stdout.write(json.dumps({"pages": pages, "extracted": extracted, "characters": characters}))


if __name__ == "__main__":
    main()
