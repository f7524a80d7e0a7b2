"""A page's main text by the fast extractor: scan, features, a forest, rendering; about as long as building a parse tree alone takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from filters.charset import utf8_html
from filters.extractor.containers import running_sums
from filters.extractor.features import block_features
from filters.extractor.head import Head, read_head
from filters.extractor.layout import CHARACTERS
from filters.extractor.model import SHIPPED, block_model
from filters.extractor.render import render
from filters.extractor.scan import Scan, scan
from filters.html import Favour

BETA: dict[Favour, float] = {"precision": 0.5, "balance": 1.0, "recall": 2.0}
PARAGRAPH_CHARACTERS = 500
"""A page with so much text in paragraphs has some main text: where no block is kept, the confidence is none."""
LEAST_CHANCE = 0.2
"""A block below this is never main text, however little else the page has."""


@dataclass(frozen=True, slots=True)
class Page:
    """Main text, '' where the page has none, and what the page states about itself."""

    text: str
    head: Head
    confidence: float
    """Expected F1 of the choice of blocks by the model's own probabilities, 0 to 1."""


def extract_page(
    payload: bytes, content_type: str = "", *, favour: Favour = "balance", markdown: bool = False, model: Path = SHIPPED
) -> Page:
    """Extract from the bytes of a response.

    Args:
        payload: the page, in any charset.
        content_type: of the HTTP header, '' where there is none.
        favour: how precision and recall of a page's characters weigh.
        markdown: as in `render`.
        model: file of `model.save_forest`.
    """
    scanned = scan(utf8_html(payload, content_type))
    text, confidence = main_text(scanned, favour, markdown=markdown, model=model)
    return Page(text, read_head(scanned), confidence)


def main_text(scanned: Scan, favour: Favour = "balance", *, markdown: bool = False, model: Path = SHIPPED) -> tuple[str, float]:
    """Main text of a scanned page, and the confidence."""
    chances = block_model(model).probabilities(block_features(scanned))
    kept, confidence = chosen(chances, scanned.blocks[:, CHARACTERS], BETA[favour])
    if not kept.any() and running_sums(scanned.blocks)[-1, 2] >= PARAGRAPH_CHARACTERS:
        return "", 0.0
    return render(scanned, kept, markdown=markdown), confidence


def chosen(chances: npt.NDArray[np.float32], characters: npt.NDArray[np.int32], beta: float = 1.0) -> tuple[npt.NDArray[np.bool_], float]:
    """The choice of blocks with the highest expected F over characters, and its expected F1.

    Whatever choice is best holds the likeliest blocks down to some chance (Ye et al. 2012, arXiv:1206.4625), so one pass over the sorted
    blocks finds it. An empty choice has as its expected F1 the chance that nothing is main text.

    Args:
        chances: of each block to be main text, float32 [blocks].
        characters: of each block, int32 [blocks].
        beta: recall weighs beta times as much as precision (van Rijsbergen 1979).
    """
    kept = np.zeros(len(chances), np.bool_)
    if not (chances > LEAST_CHANCE).any():
        return kept, float(1 - chances.max(initial=0))
    order = np.argsort(-chances, kind="stable")
    right = np.cumsum((characters * chances)[order], dtype=np.float64)
    taken = np.cumsum(characters[order], dtype=np.float64)
    score = right / (taken + beta * beta * right[-1])
    best = int(score.argmax())
    kept[:] = chances >= max(chances[order[best]], np.float32(LEAST_CHANCE))
    expected, size = float((characters * chances)[kept].sum()), float(characters[kept].sum())
    return kept, 2 * expected / (size + float(right[-1]))
