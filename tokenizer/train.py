"""Training a SentencePiece BPE model whose bytes follow from the texts and the vocabulary alone.

What is chosen, and why: byte fallback, so that no text is unknown; every digit a piece, so that numbers split alike; no normalisation, no
leading space added and no space removed, so that text comes back exactly; a line end is a piece of its own and no piece crosses lines;
control symbols have fixed ids that no text encodes to (`tokenizer.encode`).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sentencepiece as spm

from tokenizer.encode import CONTROL, EOS, PAD, UNKNOWN, Encoder, blocks
from tokenshards.writer import whole_file

FIXED_PIECES = 3 + len(CONTROL) + 1 + 256
"""Unknown, EOS, padding; control symbols; the line end; bytes."""
SENTENCE_CHARACTERS = 4096
"""Longer lines are cut before a space; SentencePiece itself would skip a line of more than 4,192 bytes."""
BLOCK_CHARACTERS = 1 << 20
COVERAGE = 0.9999
"""Share of the sample's characters that get a piece of their own; the rarest are left to bytes."""
NOT_PIECES = (0x00, 0x0A, 0x2581, 0x2585)
"""NUL and U+2585 make SentencePiece skip a whole line of training text; U+2581 would be taken for a space."""


def train_tokenizer(texts: Iterable[str], vocabulary: int, out: Path) -> dict[str, Any]:
    """Train a model and write it.

    A sample too small for `vocabulary` gives a smaller model and not an error: BPE stops when nothing is left to merge. The report says so
    (`vocabulary` below `vocabulary_asked`), and readers take the size from the model.

    Args:
        texts: the sample. All of it is held in memory, about 7 bytes per character of English at the peak; a lone surrogate is left out.
        vocabulary: number of ids wanted, byte and control pieces included.
        out: the model file, `…/tokenizer.model`.

    Returns:
        The report: plain values for JSON, a function of `texts` and `vocabulary`.

    Raises:
        ValueError: `vocabulary` leaves no room beside the fixed pieces, or the sample holds no text.
    """
    if vocabulary < FIXED_PIECES + 2:
        raise ValueError(f"tokenizer.vocabulary {vocabulary} is too small: {FIXED_PIECES} are bytes and control symbols; give 300 or more")
    kept, counts = _gather(texts)
    alphabet = _alphabet(kept, (vocabulary - FIXED_PIECES) // 2)
    # SentencePiece refuses an alphabet that does not fit, so it is chosen here; lines are cut at all other characters, which stay bytes.
    allowed = np.zeros(0x110000, np.bool_)
    allowed[alphabet] = True
    sentences = 0

    def counted() -> Iterator[str]:
        nonlocal sentences
        for sentence in _sentences(kept, allowed):
            sentences += 1
            yield sentence

    first = next(_sentences(kept, allowed), None)
    if first is None:
        raise ValueError(f"the sample of {counts['documents']} documents holds no text to train a tokenizer on; give it more")
    model = io.BytesIO()
    # sentence_iterator and model_writer keep paths out of the model; num_threads is written into it, so it is fixed.
    spm.SentencePieceTrainer.train(
        sentence_iterator=counted(),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocabulary,
        hard_vocab_limit=False,
        character_coverage=1.0,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        user_defined_symbols=["\n"],
        control_symbols=list(CONTROL),
        unk_id=0,
        unk_piece=UNKNOWN,
        bos_id=-1,
        eos_id=1,
        eos_piece=EOS,
        pad_id=2,
        pad_piece=PAD,
        max_sentence_length=4 * SENTENCE_CHARACTERS,
        num_threads=1,
        minloglevel=2,
    )
    encoder = Encoder(model.getvalue())
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as file:
        file.write(model.getvalue())
    return {
        "vocabulary": encoder.vocabulary,
        "vocabulary_asked": vocabulary,
        "sha256": hashlib.sha256(model.getvalue()).hexdigest(),
        **counts,
        "sentences": sentences,
        "alphabet": len(alphabet),
        "sentencepiece": spm.__version__,
    }


def _gather(texts: Iterable[str]) -> tuple[list[str], dict[str, int]]:
    """The sample in blocks of about a million characters, documents apart by a line end; and its documents, characters and UTF-8 bytes."""
    kept: list[str] = []
    open_block: list[str] = []
    gathered = 0
    counts = {"documents": 0, "characters": 0, "bytes": 0}
    for text in texts:
        counts["documents"] += 1
        counts["characters"] += len(text)
        for block in blocks(text, BLOCK_CHARACTERS):
            counts["bytes"] += len(block.encode("utf-8", "ignore"))
            open_block.append(block)
            gathered += len(block)
            if gathered >= BLOCK_CHARACTERS:
                kept.append("\n".join(open_block))
                open_block, gathered = [], 0
    if open_block:
        kept.append("\n".join(open_block))
    return kept, counts


def _codes(block: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(block.encode("utf-32-le", "surrogatepass"), "<u4")


def _alphabet(kept: list[str], most: int) -> npt.NDArray[np.int64]:
    """Code points that get a piece of their own, most frequent first.

    At most `most` of them, so that half of the room is left for merges whatever the scripts.
    """
    counts = np.zeros(0x110000, np.int64)
    for block in kept:
        counts += np.bincount(_codes(block), minlength=len(counts))
    counts[list(NOT_PIECES)] = 0
    counts[0xD800:0xE000] = 0
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    covered = np.cumsum(counts[order])
    enough = int(np.searchsorted(covered, COVERAGE * covered[-1])) + 1 if len(order) else 0
    return order[: min(enough, most)]


def _sentences(kept: list[str], allowed: npt.NDArray[np.bool_]) -> Iterator[str]:
    """Lines of the sample, cut at characters outside the alphabet and before a space when too long."""
    for block in kept:
        codes = _codes(block)
        outside = ~allowed[codes]
        lines = np.where(outside, np.uint32(0x0A), codes).astype("<u4").tobytes().decode("utf-32-le") if outside.any() else block
        for line in lines.split("\n"):
            yield from blocks(line, SENTENCE_CHARACTERS)
