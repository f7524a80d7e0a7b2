"""Every measurement of a text, in one pass over its UTF-8 bytes. Numbers, no verdicts.

Definitions: a token and a word are those of `filters.words`, a line and a sentence those of `filters.statistics.lines`; a paragraph is
lines without a blank line between them; a character is a code point. A share of nothing is 0. A signal that does not apply to a text is
NaN: the mean word length where most words are of a script without blanks, and the visible share of HTML where the text is no HTML. The
rules that cut lines are those of `filters.statistics.c4` and `filters.statistics.refinedweb`; a signal of the lines that C4's or FineWeb's
keep sees them as they are left, without their citations.

N-gram signals look at the first 4,194,304 tokens of a text, duplicate lines and paragraphs at as many
(`filters.statistics.repetition.LIMIT`).
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.

from __future__ import annotations

import numpy as np
import pyarrow as pa

from filters import words as word
from filters.kernel import kernel
from filters.statistics import c4
from filters.statistics import lines as line
from filters.statistics.code import encoded_bytes, header_marks, visible_characters
from filters.statistics.columns import CUTS, DEFINITIONS, SCHEMA
from filters.statistics.refinedweb import cut_line
from filters.statistics.repetition import LIMIT, duplicates, ngram_characters, room
from filters.text import bytes_and_offsets
from filters.unicode import classes as unicode_classes
from filters.unicode import lower as unicode_lower

__all__ = ["CUTS", "DEFINITIONS", "SCHEMA", "compute"]

_COLUMN = {name: number for number, name in enumerate(DEFINITIONS)}
_TOP_2 = _COLUMN["top_2_gram_character_share"]
_C4_COLUMNS = (_COLUMN["c4_sentences"], _COLUMN["c4_jmlr_sentences"], _COLUMN["fineweb_sentences"])  # by reading of `filters.statistics.c4`
_LOREM, _REFINEDWEB = _COLUMN["lorem_ipsum_lines"], _COLUMN["refinedweb_words_cut_share"]
_BLANK_WORDS = _COLUMN["alphabetic_blank_word_share"]
_RAW_LINES, _CUT_LINES = _COLUMN["line_punctuation_share"], _COLUMN["fineweb_line_punctuation_share"]
_CODE = _COLUMN["javascript_lines"]
_COLUMNS = len(DEFINITIONS)
_SHORT_LINE = 30
# Positions in the totals of one text.
_WIDTHS, _LONGEST, _LETTERS, _ALPHANUMERICS, _NEWLINES, _BULLETS, _ELLIPSES, _JAVASCRIPT, _POLICY, _LOREMS, _CURLIES = range(11)
_WORDS, _LETTERED, _COUNTED, _CUT_WORDS = range(11, 15)
_TOTALS = 15
# Positions in the counts of one set of lines: those of the text, or those that FineWeb's cuts keep.
_SET_LINES, _SET_PUNCTUATED, _SET_SHORT, _SET_CHARACTERS, _SET_TOKENS = range(5)
_SET_COUNTS = 5


def compute(texts: pa.StringArray) -> pa.RecordBatch:
    """Measure every text.

    Args:
        texts: string or large_string; null counts as empty.

    Returns:
        Columns of `SCHEMA`, as many rows as `texts`, in its order.

    Raises:
        TypeError: `texts` is no array of strings.
    """
    data, offsets = bytes_and_offsets(texts)
    longest = int(np.max(np.diff(offsets), initial=0))
    most = min(longest, LIMIT) + 1
    # Pages of these that no text needs are never touched, so their size is address space, not memory.
    tokens = (np.empty(most, np.uint64), np.empty(most, np.int32))
    line_sets = (np.empty((3, most), np.uint64), np.empty((3, most), np.int32))
    table = (np.empty(room(most), np.uint64), np.empty(room(most), np.int32))
    indices = np.empty((5, most + 1), np.int32)
    citations = (np.empty((longest // 2 + 1, 2), np.int32), np.empty((longest // 2 + 1, 2), np.int32))
    spans = np.empty((longest // 13 + 3, 2), np.int32)
    left = np.empty(longest, np.uint8)
    left_to_read = left.view()
    left_to_read.setflags(write=False)  # of the type of `data`: what measures a line is compiled once
    cuts = np.empty((len(CUTS), len(data) + 2 * len(offsets)), np.int32)
    values = np.zeros((_COLUMNS, len(texts)), np.float32)
    ends = np.zeros((len(CUTS), len(texts) + 1), np.int32)
    unicode = (unicode_classes(), unicode_lower())
    scratch = (tokens, line_sets, table, indices, citations, spans, (left, left_to_read))
    _measure_all(data, offsets, unicode, scratch, cuts, ends, values)
    columns = [pa.array(column) for column in values] + [
        pa.ListArray.from_arrays(pa.array(end), pa.array(cut[: end[-1]].copy()), type=SCHEMA.field(name).type)
        for name, end, cut in zip(CUTS, ends, cuts, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


@kernel
def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


@kernel
def _measure_all(data, offsets, unicode, scratch, cuts, ends, values):  # type: ignore[no-untyped-def]
    """`_measure` for each text; arrays as `compute` makes them."""
    row = np.zeros(values.shape[0], np.float64)
    for document in range(len(offsets) - 1):
        row[:] = 0
        # By element: numba compiles an assignment of one slice to another, with its error messages, in 2 s.
        for rule in range(len(ends)):
            ends[rule, document + 1] = ends[rule, document]
        start, end = offsets[document], offsets[document + 1]
        if end > start:
            _measure(data, start, end, unicode, scratch, cuts, ends[:, document + 1], row)
            _measure_code(data, start, end, row)
        else:
            row[_CODE + 8] = row[_CODE + 9] = np.nan
        for k in range(len(row)):
            values[k, document] = row[k]


@kernel
def _measure(data, start, end, unicode, scratch, cuts, cut_ends, row):  # type: ignore[no-untyped-def]
    """Fill `row`, float64 [columns], for the text `data[start:end]`, and add its spans to `cuts` at `cut_ends`."""
    tokens, line_sets, table, indices, citations, spans, left_bytes = scratch
    totals = np.zeros(_TOTALS, np.int64)
    sets = np.zeros((2, _SET_COUNTS), np.int64)
    stored = np.zeros(3, np.int64)  # lines, paragraphs, lines that FineWeb's cuts keep
    tally = np.zeros(word.TALLIES, np.int64)
    measures = np.zeros(line.MEASURES, np.int64)
    uncited = np.zeros(line.MEASURES, np.int64)
    hashes, lengths = line_sets
    first_cuts = cut_ends.copy()
    paragraph = np.uint64(0)
    paragraph_characters = paragraphs = 0
    at = start
    while at < end:
        stop = at
        while stop < end and data[stop] != 0x0A:
            stop += 1
        following = min(stop + 1, end)
        totals[_NEWLINES] += stop < end
        code = line.measure_line(data, at, stop, unicode[0], unicode[1], citations[0], measures)
        first, last = measures[line.FIRST], measures[line.LAST]
        _tokenize(data, unicode, tokens[0], tokens[1], tally, measures)
        if last > first:
            _count_line(sets[0], measures)
            _store(hashes[0], lengths[0], stored, 0, code, measures[line.CHARACTERS])
            paragraph = word.mix(paragraph ^ code)
            paragraph_characters += measures[line.CHARACTERS] + (paragraph_characters > 0)
        _add_line(data, measures, totals)
        left = measures
        if measures[line.CITATIONS]:
            code = _measure_uncited(data, unicode, tokens, measures, citations, left_bytes, uncited)
            left = uncited
        if _cut_c4(at, following, start, unicode[0], measures, left, citations[0], cuts, cut_ends, first_cuts, row):
            _count_line(sets[1], left)
            _store(hashes[2], lengths[2], stored, 2, code, left[line.CHARACTERS])
        _cut_refinedweb(data, at, stop, following, start, unicode[0], measures, spans, left_bytes, cuts, cut_ends, first_cuts, totals)
        if paragraph_characters and (last == first or following == end):
            paragraphs += 1
            _store(hashes[1], lengths[1], stored, 1, paragraph, paragraph_characters)
            paragraph, paragraph_characters = np.uint64(0), 0
        at = following
    characters = totals[_WIDTHS] + totals[_NEWLINES]
    row[0], row[1], row[2] = characters, sets[0, _SET_LINES], paragraphs
    _fill_words(row, tally, totals, sets)
    _fill_lines(row, totals, sets, stored, hashes, lengths, table, characters, paragraphs)
    _fill_ngrams(row, tally, tokens, table, indices, characters)
    _fill_totals(row, totals, characters, totals[_NEWLINES] + (data[end - 1] != 0x0A))


@kernel
def _tokenize(data, unicode, hashes, lengths, tally, measures):  # type: ignore[no-untyped-def]
    """Add the tokens of a measured line to those of the text, and their numbers to its measures."""
    before, unspaced = tally[word.TOKENS], tally[word.WORDS] - tally[word.SPACED_WORDS]
    word.tokenize(data, measures[line.FIRST], measures[line.LAST], unicode[0], hashes, lengths, tally)
    measures[line.TOKENS] = tally[word.TOKENS] - before
    measures[line.UNSPACED_WORDS] = tally[word.WORDS] - tally[word.SPACED_WORDS] - unspaced


@kernel
def _measure_uncited(data, unicode, tokens, measures, citations, left, uncited):  # type: ignore[no-untyped-def]
    """Measure a line without its citations, as `filters.statistics.c4.c4_verdict` asks for it; its hash."""
    begin, size = np.int64(0), c4.without_citations(data, measures, citations[0], left[0])  # a literal would be compiled for by itself
    code = line.measure_line(left[1], begin, size, unicode[0], unicode[1], citations[1], uncited)
    _tokenize(left[1], unicode, tokens[0][:0], tokens[1][:0], np.zeros(word.TALLIES, np.int64), uncited)
    if uncited[line.LAST] < size:
        uncited[line.END_CHARACTER] = 0x20
    return code


@kernel
def _store(hashes, lengths, stored, kind, code, length):  # type: ignore[no-untyped-def]
    """Keep a line or paragraph for the search for duplicates, while there is room."""
    count = stored[kind]
    if count < len(hashes):
        hashes[count], lengths[count] = code, length
        stored[kind] = count + 1


@kernel
def _add_line(data, measures, totals):  # type: ignore[no-untyped-def]
    """Add one line to the totals of the text, int64 [_TOTALS]."""
    first, last = measures[line.FIRST], measures[line.LAST]
    phrases = measures[line.PHRASES]
    totals[_WIDTHS] += measures[line.WIDTH]
    totals[_LONGEST] = max(totals[_LONGEST], measures[line.WIDTH])
    totals[_LETTERS] += measures[line.ALPHABETIC_CHARACTERS]
    totals[_ALPHANUMERICS] += measures[line.ALPHANUMERIC_CHARACTERS]
    totals[_WORDS] += measures[line.BLANK_WORDS]
    totals[_LETTERED] += measures[line.LETTERED_WORDS]
    totals[_COUNTED] += measures[line.COUNTED_WORDS]
    if last > first:
        totals[_BULLETS] += data[first] == 0x2D or (
            last - first >= 3 and data[first] == 0xE2 and data[first + 1] == 0x80 and data[first + 2] == 0xA2
        )
        totals[_ELLIPSES] += measures[line.ELLIPSIS]
        totals[_JAVASCRIPT] += (phrases & line.JAVASCRIPT) // line.JAVASCRIPT
        totals[_POLICY] += (phrases & line.POLICY) // line.POLICY
        totals[_LOREMS] += (phrases & line.LOREM_IPSUM) // line.LOREM_IPSUM
        totals[_CURLIES] += measures[line.CURLY] > 0


@kernel
def _cut_c4(at, following, base, classes, measures, left, citations, cuts, ends, first_cuts, row):  # type: ignore[no-untyped-def]
    """Note what each reading of C4's rules does with a line; whether FineWeb's keeps it."""
    verdict = c4.CUT
    for reading in range(3):
        verdict = c4.c4_verdict(measures, left, classes, reading)
        if verdict == c4.CUT:
            _add_cut(cuts[reading], ends, reading, first_cuts[reading], at - base, following - base)
            continue
        column = _C4_COLUMNS[reading]
        row[column] += left[line.SENTENCES]
        row[column + 1] += 1
        if reading != c4.JMLR:
            row[column + 2] += verdict == c4.DROPPED_LOREM
            row[column + 3] += verdict == c4.DROPPED_CURLY
        for k in range(measures[line.CITATIONS]):
            _add_cut(cuts[reading], ends, reading, first_cuts[reading], citations[k, 0] - base, citations[k, 1] - base)
    return verdict != c4.CUT


@kernel
def _cut_refinedweb(data, at, stop, following, base, classes, measures, spans, left, cuts, ends, first_cuts, totals):  # type: ignore[no-untyped-def]
    """Note what RefinedWeb's line rules cut of a line."""
    rule = len(ends) - 1
    count, words = cut_line(data, at, stop, measures, classes, spans, left)
    totals[_CUT_WORDS] += words
    if count < 0:
        _add_cut(cuts[rule], ends, rule, first_cuts[rule], at - base, following - base)
    for k in range(count):
        _add_cut(cuts[rule], ends, rule, first_cuts[rule], spans[k, 0] - base, spans[k, 1] - base)


@kernel
def _count_line(counts, measures):  # type: ignore[no-untyped-def]
    """Add one line to the counts of a set of lines, int64 [_SET_COUNTS]."""
    counts[_SET_LINES] += 1
    counts[_SET_PUNCTUATED] += measures[line.TERMINAL_MARK]
    counts[_SET_SHORT] += measures[line.CHARACTERS] <= _SHORT_LINE
    counts[_SET_CHARACTERS] += measures[line.CHARACTERS]
    counts[_SET_TOKENS] += measures[line.TOKENS]


@kernel
def _add_cut(spans, ends, rule, first, start, end):  # type: ignore[no-untyped-def]
    """Add a span, or lengthen the last one that it touches; `first` is where the text's own spans begin."""
    count = ends[rule]
    if count > first and spans[count - 1] == start:
        spans[count - 1] = end
        return
    spans[count], spans[count + 1] = start, end
    ends[rule] = count + 2


@kernel
def _fill_totals(row, totals, characters, lines):  # type: ignore[no-untyped-def]
    """The signals that are sums over all lines, blank ones among them."""
    row[_BLANK_WORDS] = _share(totals[_LETTERED], totals[_WORDS])
    row[_LOREM], row[_LOREM + 1] = totals[_LOREMS], totals[_CURLIES]
    row[_REFINEDWEB] = _share(totals[_CUT_WORDS], totals[_COUNTED])
    row[_CODE], row[_CODE + 1] = totals[_JAVASCRIPT], totals[_POLICY]
    row[_CODE + 2], row[_CODE + 3] = _share(totals[_WIDTHS], lines), totals[_LONGEST]
    row[_CODE + 4], row[_CODE + 5] = _share(totals[_ALPHANUMERICS], characters), _share(totals[_LETTERS], characters)


@kernel
def _fill_words(row, tally, totals, sets):  # type: ignore[no-untyped-def]
    """The signals of Gopher's quality rules."""
    tokens, words, lines = tally[word.TOKENS], tally[word.WORDS], sets[0, _SET_LINES]
    row[3], row[4] = tokens, words
    row[5] = np.nan if 2 * tally[word.SPACED_WORDS] < words else _share(tally[word.SPACED_CHARACTERS], tally[word.SPACED_WORDS])
    row[6], row[7] = _share(tally[word.HASHES], tokens), _share(tally[word.ELLIPSES], tokens)
    row[8], row[9] = _share(totals[_BULLETS], lines), _share(totals[_ELLIPSES], lines)
    row[10] = _share(tally[word.ALPHABETIC_WORDS], tokens)
    for k in range(len(word.STOP_WORDS)):
        row[11] += (tally[word.STOP_WORD_BITS] >> k) & 1


@kernel
def _fill_lines(row, totals, sets, stored, hashes, lengths, table, characters, paragraphs):  # type: ignore[no-untyped-def]
    """The signals of repeated lines and paragraphs, and FineWeb's, of the text and of what its cuts leave."""
    lines = sets[0, _SET_LINES]
    repeated, repeated_characters = duplicates(hashes[0], lengths[0], stored[0], table[0], table[1])
    row[12], row[14] = _share(repeated, lines), _share(repeated_characters, characters)
    _fill_set(row, _RAW_LINES, sets[0], repeated_characters, totals[_WIDTHS], totals[_NEWLINES])
    repeated, repeated_characters = duplicates(hashes[1], lengths[1], stored[1], table[0], table[1])
    row[13], row[15] = _share(repeated, paragraphs), _share(repeated_characters, characters)
    repeated, repeated_characters = duplicates(hashes[2], lengths[2], stored[2], table[0], table[1])
    _fill_set(row, _CUT_LINES, sets[1], repeated_characters, sets[1, _SET_CHARACTERS], max(0, sets[1, _SET_LINES] - 1))


@kernel
def _fill_ngrams(row, tally, tokens, table, indices, characters):  # type: ignore[no-untyped-def]
    """The signals of repeated n-grams, over the tokens that were stored and their part of the characters."""
    ngrams = np.zeros(9, np.float64)
    stored = tally[word.STORED]
    ngram_characters(stored, tokens[0], tokens[1], indices, table[0], table[1], ngrams)
    whole = characters * (stored / max(1, tally[word.TOKENS]))
    for k in range(len(ngrams)):
        row[_TOP_2 + k] = _share(ngrams[k], whole)


@kernel
def _fill_set(row, column, counts, repeated_characters, characters, newlines):  # type: ignore[no-untyped-def]
    """FineWeb's four signals of one set of lines."""
    row[column] = _share(counts[_SET_PUNCTUATED], counts[_SET_LINES])
    row[column + 1] = _share(counts[_SET_SHORT], counts[_SET_LINES])
    row[column + 2] = _share(repeated_characters, characters)
    row[column + 3] = _share(newlines, counts[_SET_TOKENS])


@kernel
def _measure_code(data, start, end, row):  # type: ignore[no-untyped-def]
    """The signals of `filters.statistics.code`; the first column of `row` holds the characters already."""
    xml, generated, html = header_marks(data, start, end)
    row[_CODE + 6], row[_CODE + 7] = xml, generated
    row[_CODE + 8] = row[_CODE + 9] = np.nan
    if html:
        visible = visible_characters(data, start, end)
        row[_CODE + 8], row[_CODE + 9] = _share(visible, row[0]), visible
    encoded, longest = encoded_bytes(data, start, end)
    row[_CODE + 10], row[_CODE + 11] = longest, _share(encoded, end - start)
