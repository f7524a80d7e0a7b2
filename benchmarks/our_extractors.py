"""Our extractors over a packed set of pages, one process for each: `python -m benchmarks.our_extractors NAME PAGES OUT`.

In and out as in `benchmarks.peers.extractors`, whose loop runs here too. `fast-by-fold` takes for each page the model that its row names:
the one that has not seen the page's site.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peers.extractors import Extractor, run
from filters.charset import decode_html


def fast() -> Extractor:
    """The fast extractor with the model that comes with the package."""
    from filters.extractor.page import extract_page

    return lambda page, row: extract_page(page, row["content_type"]).text


def fast_by_fold() -> Extractor:
    """The fast extractor with the row's model; the shipped one where it names none."""
    from filters.extractor.model import SHIPPED
    from filters.extractor.page import extract_page

    return lambda page, row: extract_page(page, row["content_type"], model=Path(row["model"]) if row["model"] else SHIPPED).text


def trafilatura() -> Extractor:
    """The setting `extractor: trafilatura` with its defaults."""
    from filters.html import too_complex, trafilatura_text

    def extract(page: bytes, row: dict[str, Any]) -> str:
        text = decode_html(page, row["content_type"])
        return "" if too_complex(text) else trafilatura_text(text)

    return extract


def resiliparse() -> Extractor:
    """The setting `extractor: resiliparse`."""
    from filters.html import resiliparse_text, too_complex

    def extract(page: bytes, row: dict[str, Any]) -> str:
        text = decode_html(page, row["content_type"])
        return "" if too_complex(text) else resiliparse_text(text)

    return extract


EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    "fast": fast,
    "fast-by-fold": fast_by_fold,
    "trafilatura": trafilatura,
    "resiliparse": resiliparse,
}


if __name__ == "__main__":
    run(EXTRACTORS[sys.argv[1]](), Path(sys.argv[2]), Path(sys.argv[3]))
