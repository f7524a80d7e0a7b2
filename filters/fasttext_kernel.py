"""What fastText computes of a text: rows of its words and their character n-grams, their mean, and the chance of each label.

Definitions of fastText 0.9.2 (facebookresearch/fastText, dictionary.cc, loss.cc): words end at ASCII blanks and NUL; an n-gram's bucket is
FNV-1a of its bytes, each taken as a signed char; a word in the dictionary adds its own row; the sentence's end is a word; the tree of
hierarchical softmax is built from the labels' counts.
"""

# mypy: disable-error-code="assignment, return-value"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from filters.fasttext_format import HIERARCHICAL, LABEL, SOFTMAX
from filters.kernel import kernel

FNV_OFFSET, FNV_PRIME = 2166136261, 16777619
WORD_NGRAM_FACTOR = 116049371
LOG_FLOOR = 1e-5  # fastText adds it to what it takes the logarithm of
ALL_KEPT, NONE_KEPT, SOME_KEPT = 0, 1, 2
_MASK = 0xFFFFFFFF
_LABEL = tuple(LABEL)
_LABEL_BYTES = len(LABEL)
# The sigmoid of losses 2 and 4 is looked up: 512 steps from -8 to 8 (loss.cc).
_SIGMOID_STEPS, _SIGMOID_REACH = 512, 8


class Network(NamedTuple):
    """What the kernels read of a model."""

    entry_bytes: npt.NDArray[np.uint8]
    entry_offsets: npt.NDArray[np.int64]
    slots: npt.NDArray[np.int32]
    """Hash table of entries, a power of two of slots, -1 where free."""
    words: int
    sentence_end: int
    """Row of `</s>`, -1 where it is none."""
    shortest: int
    longest: int
    word_ngrams: int
    buckets: int
    keeps: int
    """ALL_KEPT, NONE_KEPT or SOME_KEPT of the n-grams."""
    kept: npt.NDArray[np.uint8]
    """A bit for each bucket: 250 kB stay in a core's own cache, and most buckets that a text asks for are not kept."""
    kept_rows: npt.NDArray[np.int32]
    vectors: npt.NDArray[np.float32]


@kernel
def fnv(data, start, end):  # type: ignore[no-untyped-def]
    """FNV-1a of 32 bits, with bytes from 128 on sign-extended as fastText's are."""
    code = np.int64(FNV_OFFSET)
    for at in range(start, end):
        code = ((code ^ np.int64(np.int8(data[at]))) * FNV_PRIME) & _MASK
    return code


@kernel
def fill_slots(entry_bytes, entry_offsets, slots):  # type: ignore[no-untyped-def]
    """Enter every entry; a later one of equal bytes takes the place of the earlier."""
    for entry in range(len(entry_offsets) - 1):
        start, end = entry_offsets[entry], entry_offsets[entry + 1]
        slots[_slot(entry_bytes, start, end, fnv(entry_bytes, start, end), entry_bytes, entry_offsets, slots)] = entry


@kernel
def _slot(data, start, end, code, entry_bytes, entry_offsets, slots):  # type: ignore[no-untyped-def]
    """The slot that holds these bytes, or the free one where they would be."""
    at = code & (len(slots) - 1)
    while slots[at] >= 0:
        first = entry_offsets[slots[at]]
        if entry_offsets[slots[at] + 1] - first == end - start:
            same = 0
            while same < end - start and entry_bytes[first + same] == data[start + same]:
                same += 1
            if same == end - start:
                return at
        at = (at + 1) & (len(slots) - 1)
    return at


@kernel
def tree(counts, children):  # type: ignore[no-untyped-def]
    """Huffman's tree over labels in falling order of counts: int32 [labels - 1, 2] of each inner node's children, numbered from the labels'
    number on. The second child is the one of the larger sigmoid."""
    labels = len(counts)
    weights = np.full(2 * labels - 1, np.int64(10**15))
    weights[:labels] = counts
    leaf, node = labels - 1, labels
    for parent in range(labels, 2 * labels - 1):
        weights[parent] = 0
        for side in range(2):
            # A node that is not made yet is heavier than any label.
            if leaf >= 0 and (node >= parent or weights[leaf] < weights[node]):
                chosen = leaf
                leaf -= 1
            else:
                chosen = node
                node += 1
            children[parent - labels, side] = chosen
            weights[parent] += weights[chosen]


@kernel
def _is_blank(byte):  # type: ignore[no-untyped-def]
    return byte == 0x20 or (0x09 <= byte <= 0x0D) or byte == 0


@kernel
def _add_row(vectors, row, hidden):  # type: ignore[no-untyped-def]
    if len(hidden) == 16:  # of lid.176: a loop of known length is two additions
        for k in range(16):
            hidden[k] += vectors[row, k]
    else:
        for k in range(len(hidden)):
            hidden[k] += vectors[row, k]


@kernel
def _add_bucket(code, network, hidden):  # type: ignore[no-untyped-def]
    """Add the row of an n-gram's hash, 32 or 64 bits unsigned; rows added."""
    bucket = np.int64(code % np.uint64(network.buckets))
    row = bucket
    if network.keeps != ALL_KEPT:
        if network.keeps == NONE_KEPT or not (network.kept[bucket >> 3] >> (bucket & 7)) & 1:
            return 0
        row = np.int64(network.kept_rows[bucket])
    _add_row(network.vectors, network.words + row, hidden)
    return 1


@kernel
def _add_ngrams(data, start, end, network, hidden):  # type: ignore[no-untyped-def]
    """Add the rows of the character n-grams of `<word>`; rows added."""
    added = 0
    for first in range(start - 1, end + 1):
        if start <= first < end and data[first] & 0xC0 == 0x80:
            continue
        code, at = np.int64(FNV_OFFSET), first
        for characters in range(1, network.longest + 1):
            if at > end:
                break
            byte = np.int64(0x3C) if at < start else (np.int64(0x3E) if at == end else np.int64(np.int8(data[at])))
            code = ((code ^ byte) * FNV_PRIME) & _MASK
            at += 1
            while start < at < end and data[at] & 0xC0 == 0x80:
                code = ((code ^ np.int64(np.int8(data[at]))) * FNV_PRIME) & _MASK
                at += 1
            if characters >= network.shortest and not (characters == 1 and (first < start or at > end)):
                added += _add_bucket(np.uint64(code), network, hidden)
    return added


@kernel
def _begins_as_label(data, start, end):  # type: ignore[no-untyped-def]
    if end - start < _LABEL_BYTES:
        return False
    for k in range(_LABEL_BYTES):
        if data[start + k] != _LABEL[k]:
            return False
    return True


@kernel
def _add_word_ngrams(code, partial, seen, network, hidden):  # type: ignore[no-untyped-def]
    """Add the rows of the n-grams of words that end with this one; `partial` holds the hashes of those that the words before began."""
    added = 0
    # fastText keeps a word's hash as int32 and widens it with its sign.
    wide = np.uint64(np.int64(np.int32(code)))
    for k in range(min(seen, len(partial))):
        partial[k] = partial[k] * np.uint64(WORD_NGRAM_FACTOR) + wide
        if network.keeps != NONE_KEPT:
            added += _add_bucket(partial[k], network, hidden)
    partial[seen % len(partial)] = wide
    return added


@kernel
def add_text(data, start, end, network, hidden, partial):  # type: ignore[no-untyped-def]
    """Add the rows of a text to `hidden`, float32 [dimensions], a line feed being a blank; rows added, `</s>` with them."""
    rows, seen, at = 0, 0, start
    while at < end:
        while at < end and _is_blank(data[at]):
            at += 1
        first = at
        while at < end and not _is_blank(data[at]):
            at += 1
        if at == first:
            break
        code = fnv(data, first, at)
        entry = network.slots[_slot(data, first, at, code, network.entry_bytes, network.entry_offsets, network.slots)]
        if entry >= network.words or (entry < 0 and _begins_as_label(data, first, at)):
            continue
        ends = at - first == 4 and data[first] == 0x3C and data[first + 1] == 0x2F and data[first + 2] == 0x73 and data[first + 3] == 0x3E
        if ends:
            break
        if entry >= 0:
            _add_row(network.vectors, entry, hidden)
            rows += 1
        rows += _add_ngrams(data, first, at, network, hidden)
        if len(partial):
            rows += _add_word_ngrams(code, partial, seen, network, hidden)
            seen += 1
    if network.sentence_end >= 0:
        _add_row(network.vectors, network.sentence_end, hidden)
        rows += 1
    if len(partial):
        rows += _add_word_ngrams(np.int64(3617362777), partial, seen, network, hidden)
    return rows


@kernel
def chances(hidden, loss, weights, children, found, scratch):  # type: ignore[no-untyped-def]
    """Fill `found`, float32 [labels], with each label's score as fastText gives it.

    `weights` is the output matrix transposed, float32 [dimensions, labels]; `scratch` float64 [2 * labels].
    """
    labels = weights.shape[1]
    for label in range(labels):
        scratch[label] = 0
    for k in range(len(hidden)):
        value = hidden[k]
        for label in range(labels):
            scratch[label] += np.float64(value * weights[k, label])
    if loss == HIERARCHICAL:
        _descend(scratch, children, found)
    elif loss == SOFTMAX:
        most, total = scratch[0], 0.0
        for label in range(labels):
            most = max(most, scratch[label])
        for label in range(labels):
            scratch[label] = np.exp(scratch[label] - most)
            total += scratch[label]
        for label in range(labels):
            found[label] = scratch[label] / total + LOG_FLOOR
    else:
        for label in range(labels):
            found[label] = _looked_up_sigmoid(scratch[label]) + LOG_FLOOR


@kernel
def _looked_up_sigmoid(value):  # type: ignore[no-untyped-def]
    if value < -_SIGMOID_REACH:
        return 0.0
    if value > _SIGMOID_REACH:
        return 1.0
    step = np.int64((value + _SIGMOID_REACH) * _SIGMOID_STEPS / _SIGMOID_REACH / 2)
    return 1 / (1 + np.exp(-(step * 2.0 * _SIGMOID_REACH / _SIGMOID_STEPS - _SIGMOID_REACH)))


@kernel
def _descend(scratch, children, found):  # type: ignore[no-untyped-def]
    """From the root, which is the last node, to the leaves; a child's number is below its parent's."""
    labels = len(found)
    scratch[2 * labels - 2] = 1.0
    for inner in range(labels - 2, -1, -1):
        above = scratch[labels + inner]
        right = 1.0 / (1.0 + np.exp(-scratch[inner]))
        for side in range(2):
            child = children[inner, side]
            chance = above * ((right if side else 1.0 - right) + LOG_FLOOR)
            if child < labels:
                found[child] = chance
            else:
                scratch[child] = chance
    if labels == 1:
        found[0] = 1.0


@kernel
def score_all(data, starts, ends, network, loss, weights, children, scores, rows):  # type: ignore[no-untyped-def]
    """Fill `scores`, float32 [texts, labels], and `rows`, int64 [texts], how many rows were averaged; a text without any scores 0."""
    hidden = np.zeros(len(weights), np.float32)
    scratch = np.zeros(2 * weights.shape[1], np.float64)
    partial = np.zeros(network.word_ngrams - 1, np.uint64)
    for text in range(len(starts)):
        hidden[:] = 0
        rows[text] = add_text(data, starts[text], ends[text], network, hidden, partial)
        if rows[text]:
            for k in range(len(hidden)):
                hidden[k] /= np.float32(rows[text])
            chances(hidden, loss, weights, children, scores[text], scratch)
        else:
            scores[text] = 0
