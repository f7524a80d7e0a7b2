"""What a page teaches: a label and a weight for each of its blocks, from gold where somebody made some, and from trafilatura.

Gold text is aligned with the page's blocks. Gold phrases decide only the blocks that hold them. What neither decides, the teacher does:
trafilatura's text in two settings, each aligned with the blocks; where the two differ, the label is a half.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from filters.extractor.alignment import block_texts, kept_shares, tokens
from filters.extractor.scan import Scan
from filters.html import Favour, too_complex, trafilatura_text

TEACHERS: tuple[Favour, ...] = ("precision", "balance")
FOLDS = 5
# A block's weight grows with its words up to a paragraph's and shrinks with its page's: a book does not outvote a hundred news items.
WORDS_AT_MOST, WORDS_POWER = 120, 0.7
PHRASE_WEIGHT = 2.0
# A phrase to be dropped says nothing of a long paragraph that happens to hold it.
PHRASE_SHARE = 0.3
MOST_BLOCKS = 8000


@dataclass(frozen=True, slots=True)
class LabelledPage:
    """A page to learn from."""

    url: str
    site: str
    """What shares a template; pages of one site are never on both sides of a fold."""
    html: bytes
    """UTF-8."""
    text: str | None = None
    """Gold: the main text."""
    keep: tuple[str, ...] = ()
    """Gold: phrases of the main text."""
    drop: tuple[str, ...] = ()
    """Gold: phrases of what is not main text."""
    undecided: str | None = None
    """Text that is left out of training, such as readers' comments."""
    gold_share: float = 1.0
    """How far the gold is believed against the teacher: less than 1 for gold that another tool made."""
    weight: float = 1.0


def fold_of(site: str) -> int:
    """In which fold, 0 to FOLDS - 1, a site is held out."""
    return zlib.crc32(b"fold " + site.encode()) % FOLDS


def registered_domain(url: str) -> str:
    """About the registered domain of a URL: two labels, three where the second last is short and general (co.uk, com.au)."""
    labels = (urlsplit(url).hostname or url).split(".")
    return ".".join(
        labels[-3:] if len(labels) > 2 and labels[-2] in {"co", "com", "org", "gov", "ac", "net", "edu", "or", "ne"} else labels[-2:]
    )


def teacher_texts(html: bytes) -> tuple[str, ...]:
    """What trafilatura takes for the main text, with its fall-back extractors; '' for a page that it cannot bear."""
    page = html.decode()
    if too_complex(page):
        return ("",) * len(TEACHERS)
    try:
        return tuple(trafilatura_text(page, favour, fallbacks=True) for favour in TEACHERS)
    except Exception:  # noqa: BLE001 -- whatever a parser raises, such a page teaches that it has no main text
        return ("",) * len(TEACHERS)


def block_labels(page: LabelledPage, scanned: Scan, taught: tuple[str, ...]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Label and weight of each block of a scanned page, float32 [blocks] each.

    Args:
        page: gold, if any.
        scanned: its scan.
        taught: `teacher_texts` of it; not looked at where gold decides alone.
    """
    texts = block_texts(scanned)
    words = np.array([max(1, len(tokens(text))) for text in texts], np.float64)
    labels = np.zeros(len(texts), np.float32)
    if page.text is None or page.gold_share < 1:
        labels = np.mean([kept_shares(texts, text) for text in taught], axis=0)
    if page.text is not None:
        labels = page.gold_share * kept_shares(texts, page.text) + (1 - page.gold_share) * labels
    weights = page.weight * np.minimum(words, WORDS_AT_MOST) ** WORDS_POWER / np.sqrt(words.sum())
    if page.undecided:
        weights[kept_shares(texts, page.undecided) > PHRASE_SHARE] = 0
    _decide_phrases(page, [_spaced(text) for text in texts], labels, weights)
    return labels.astype(np.float32), weights.astype(np.float32)


def _decide_phrases(page: LabelledPage, texts: list[str], labels: npt.NDArray[np.float32], weights: npt.NDArray[np.float64]) -> None:
    for phrase in map(_spaced, page.drop):
        for block, text in enumerate(texts):
            if phrase in text and (len(phrase) > PHRASE_SHARE * len(text) or labels[block] < PHRASE_SHARE):
                labels[block] = 0
                weights[block] *= PHRASE_WEIGHT
    for phrase in map(_spaced, page.keep):
        holding = [block for block, text in enumerate(texts) if phrase in text]
        if holding:
            # It may stand in a teaser as well: the block that the teacher likes best is meant.
            block = max(holding, key=lambda block: (labels[block], len(texts[block])))
            labels[block] = 1
            weights[block] *= PHRASE_WEIGHT


def _spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
