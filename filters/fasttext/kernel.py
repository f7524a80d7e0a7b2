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

from filters.fasttext.format import HIERARCHICAL, LABEL, SOFTMAX
from filters.kernel import inlined, kernel, prefetch, unowned

FNV_OFFSET, FNV_PRIME = 2166136261, 16777619
SENTENCE_END_HASH = 3617362777  # of </s>
WORD_NGRAM_FACTOR = 116049371
GATHERED = 32  # rows of 400 bytes: half of a core's first cache
LINE_FLOATS = 16  # of a cache line
CACHE_BYTES = 1 << 19  # half of a core's own cache
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
    per_bucket: float
    """1 / buckets."""
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
    """Huffman's tree over labels in falling order of counts.

    `children`, int32 [labels - 1, 2], gets each inner node's children; nodes are numbered from the number of labels on. The second child is
    the one of the larger sigmoid.
    """
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


@inlined
def _add_row(vectors, row, total):  # type: ignore[no-untyped-def]
    if len(total) == 16:  # of lid.176: a loop of known length is two additions
        for k in range(16):
            total[k] += vectors[row, k]
    else:
        for k in range(len(total)):
            total[k] += vectors[row, k]


@inlined
def _ngram_row(bucket, keeps, kept, kept_rows):  # type: ignore[no-untyped-def]
    """The row of a bucket behind those of the words, -1 where it has none."""
    if keeps == ALL_KEPT:
        return bucket
    if keeps == NONE_KEPT or not (kept[bucket >> 3] >> (bucket & 7)) & 1:
        return -1
    return np.int64(kept_rows[bucket])


@kernel
def _add_word(data, start, end, entry, network, total):  # type: ignore[no-untyped-def]
    """Add the rows of a word and of the character n-grams of `<word>` to `total`, float32 [dimensions]; rows added."""
    vectors, kept, kept_rows = unowned(network.vectors), unowned(network.kept), unowned(network.kept_rows)
    letters = unowned(data)
    words, buckets, keeps, per_bucket = network.words, network.buckets, network.keeps, network.per_bucket
    shortest, longest = network.shortest, network.longest
    added = 0
    if entry >= 0:
        _add_row(vectors, entry, total)
        added += 1
    for first in range(start - 1, end + 1):
        if start <= first < end and letters[first] & 0xC0 == 0x80:
            continue
        code, at = np.uint32(FNV_OFFSET), first
        for characters in range(1, longest + 1):
            if at > end:
                break
            byte = np.int8(0x3C) if at < start else (np.int8(0x3E) if at == end else np.int8(letters[at]))
            code = np.uint32((code ^ np.uint32(byte)) * np.uint32(FNV_PRIME))
            at += 1
            while start < at < end and letters[at] & 0xC0 == 0x80:
                code = np.uint32((code ^ np.uint32(np.int8(letters[at]))) * np.uint32(FNV_PRIME))
                at += 1
            if characters < shortest or (characters == 1 and (first < start or at > end)):
                continue
            # By a reciprocal, off by one at most: a division took a third of the whole time.
            bucket = np.int64(code) - np.int64(np.float64(code) * per_bucket) * buckets
            if bucket < 0:
                bucket += buckets
            elif bucket >= buckets:
                bucket -= buckets
            row = _ngram_row(bucket, keeps, kept, kept_rows)
            if row >= 0:
                _add_row(vectors, words + row, total)
                added += 1
    return added


@kernel
def _begins_as_label(data, start, end):  # type: ignore[no-untyped-def]
    if end - start < _LABEL_BYTES:
        return False
    same = 0
    while same < _LABEL_BYTES and data[start + same] == _LABEL[same]:
        same += 1
    return same == _LABEL_BYTES


@kernel
def _add_word_ngrams(code, partial, seen, network, total):  # type: ignore[no-untyped-def]
    """Add the rows of the n-grams of words that end with this one; `partial` holds the hashes of those that the words before began."""
    added = 0
    # fastText keeps a word's hash as int32 and widens it with its sign.
    wide = np.uint64(np.int64(np.int32(code)))
    for k in range(min(seen, len(partial))):
        partial[k] = partial[k] * np.uint64(WORD_NGRAM_FACTOR) + wide
        row = _ngram_row(np.int64(partial[k] % np.uint64(network.buckets)), network.keeps, network.kept, network.kept_rows)
        if row >= 0:
            _add_row(network.vectors, network.words + row, total)
            added += 1
    partial[seen % len(partial)] = wide
    return added


@inlined
def _fetch_row(flat, dimensions, row):  # type: ignore[no-untyped-def]
    """Have a row come from memory while other work is done."""
    for at in range(row * dimensions, (row + 1) * dimensions, LINE_FLOATS):
        prefetch(flat, at)


@kernel
def _add_rows(flat, rows, count, total):  # type: ignore[no-untyped-def]
    """Add the first `count` of `rows`, four at a time."""
    dimensions = len(total)
    numbers, sums = unowned(flat), unowned(total)
    for first in range(0, count - 3, 4):
        a, b = rows[first] * dimensions, rows[first + 1] * dimensions
        c, d = rows[first + 2] * dimensions, rows[first + 3] * dimensions
        for k in range(dimensions):
            sums[k] += (numbers[a + k] + numbers[b + k]) + (numbers[c + k] + numbers[d + k])
    for last in range(count & ~3, count):
        a = rows[last] * dimensions
        for k in range(dimensions):
            sums[k] += numbers[a + k]


@kernel
def add_words(data, start, end, network, flat, total, partial, gathered):  # type: ignore[no-untyped-def]
    """What `add_text` does, for models without n-grams of characters: rows are gathered first and added later.

    N-grams of words lie anywhere in a matrix of 800 MB. Row by row a text of 4,000 characters waits for memory 1,300 times.

    `flat` is the matrix as one dimension, `gathered` int64 [GATHERED + longest n-gram of words], scratch.
    """
    letters, waiting = unowned(data), 0
    dimensions, words, buckets = len(total), network.words, np.uint64(max(1, network.buckets))
    rows, seen, at, ended = 0, 0, start, False
    while not ended:
        while at < end and _is_blank(letters[at]):
            at += 1
        first, code = at, np.uint32(FNV_OFFSET)
        while at < end and not _is_blank(letters[at]):
            code = np.uint32((code ^ np.uint32(np.int8(letters[at]))) * np.uint32(FNV_PRIME))
            at += 1
        entry = -1
        if at > first:
            entry = network.slots[_slot(data, first, at, np.int64(code), network.entry_bytes, network.entry_offsets, network.slots)]
            if entry >= words or (entry < 0 and _begins_as_label(data, first, at)):
                continue
            ended = at - first == 4 and letters[first] == 0x3C and letters[first + 1] == 0x2F and _is_end(letters, first)
        else:
            ended = True
        if ended:
            entry, code = network.sentence_end, np.uint32(SENTENCE_END_HASH)
        if entry >= 0:
            gathered[waiting] = entry
            waiting += 1
            _fetch_row(flat, dimensions, entry)
        if len(partial):
            # fastText keeps a word's hash as int32 and widens it with its sign.
            wide = np.uint64(np.int64(np.int32(code)))
            for k in range(min(seen, len(partial))):
                partial[k] = partial[k] * np.uint64(WORD_NGRAM_FACTOR) + wide
                row = _ngram_row(np.int64(partial[k] % buckets), network.keeps, network.kept, network.kept_rows)
                if row >= 0:
                    gathered[waiting] = words + row
                    waiting += 1
                    _fetch_row(flat, dimensions, words + row)
            partial[seen % len(partial)] = wide
            seen += 1
        if waiting >= GATHERED or ended:
            _add_rows(flat, gathered, waiting, total)
            rows += waiting
            waiting = 0
    return rows


@inlined
def _is_end(letters, first):  # type: ignore[no-untyped-def]
    return letters[first + 2] == 0x73 and letters[first + 3] == 0x3E


@inlined
def _packed(data, start, end):  # type: ignore[no-untyped-def]
    """Up to eight bytes as one number."""
    value = np.uint64(0)
    for at in range(start, min(end, start + 8)):
        value = (value << np.uint64(8)) | np.uint64(data[at])
    return value


@kernel
def add_text(data, start, end, network, total, partial, cache):  # type: ignore[no-untyped-def]
    """Add the rows of a text to `total`, float32 [dimensions], a line feed being a blank; rows added, `</s>` with them.

    `cache` remembers words of up to 16 bytes: their bytes, uint64 [places, 2], sums, float32 [places, dimensions], and rows, int64
    [places], of a power of two of places or none. A word's rows are summed by themselves first, so that a sum does not depend on
    whether the word was met before.
    """
    keys, sums, counts = cache
    word_total = np.zeros(len(total), np.float32)
    rows, seen, at = 0, 0, start
    while at < end:
        while at < end and _is_blank(data[at]):
            at += 1
        first = at
        code = np.uint32(FNV_OFFSET)
        while at < end and not _is_blank(data[at]):
            code = np.uint32((code ^ np.uint32(np.int8(data[at]))) * np.uint32(FNV_PRIME))
            at += 1
        if at == first:
            break
        place = -1
        if at - first <= 16 and len(keys):
            place = np.int64((code ^ (code >> np.uint32(15))) & np.uint32(len(keys) - 1))
            head, tail = _packed(data, first, at), _packed(data, first + 8, at)
            if counts[place] and keys[place, 0] == head and keys[place, 1] == tail:
                _add_row(sums, place, total)
                rows += counts[place]
                continue
        entry = network.slots[_slot(data, first, at, np.int64(code), network.entry_bytes, network.entry_offsets, network.slots)]
        if entry >= network.words or (entry < 0 and _begins_as_label(data, first, at)):
            continue
        if at - first == 4 and data[first] == 0x3C and data[first + 1] == 0x2F and data[first + 2] == 0x73 and data[first + 3] == 0x3E:
            break
        word_total[:] = 0
        added = _add_word(data, first, at, entry, network, word_total)
        for k in range(len(total)):
            total[k] += word_total[k]
        rows += added
        if place >= 0 and added:
            keys[place, 0], keys[place, 1], counts[place] = head, tail, added
            for k in range(len(total)):
                sums[place, k] = word_total[k]
        if len(partial):
            rows += _add_word_ngrams(code, partial, seen, network, total)
            seen += 1
    if network.sentence_end >= 0:
        _add_row(network.vectors, network.sentence_end, total)
        rows += 1
    if len(partial):
        rows += _add_word_ngrams(np.uint32(SENTENCE_END_HASH), partial, seen, network, total)
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
    # N-grams of words need each word's hash in turn; a cached word of theirs would save little.
    places = 0 if network.word_ngrams > 1 else CACHE_BYTES // (4 * len(weights) + 24)
    words = 0
    for text in range(len(starts)):
        words += (ends[text] - starts[text]) // 4
    places = min(places, words)  # one short text is not worth clearing half a megabyte for
    while places & (places - 1):
        places &= places - 1
    cache = np.zeros((places, 2), np.uint64), np.zeros((places, len(weights)), np.float32), np.zeros(places, np.int64)
    flat, gathered = network.vectors.ravel(), np.zeros(GATHERED + network.word_ngrams, np.int64)
    for text in range(len(starts)):
        hidden[:] = 0
        if network.longest == 0:
            rows[text] = add_words(data, starts[text], ends[text], network, flat, hidden, partial, gathered)
        else:
            rows[text] = add_text(data, starts[text], ends[text], network, hidden, partial, cache)
        if rows[text]:
            for k in range(len(hidden)):
                hidden[k] /= np.float32(rows[text])
            chances(hidden, loss, weights, children, scores[text], scratch)
        else:
            scores[text] = 0
