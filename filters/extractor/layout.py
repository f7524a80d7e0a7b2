"""Columns of the scanner's tables and positions in its state: what its kernels share."""

from __future__ import annotations

# Positions in `state`, int64.
(
    OUT, BLOCKS, ELEMENTS, DEPTH, OVERFLOW, LINKS, BOLDS, PRES, CODES, SKIP_TAG, SKIP_LEVEL, FOREIGN, SPACE, OPEN, WORD, WORD_BYTES,
    PARAGRAPHS, FACT_COUNT, NEW_LINK, DEEPEST, UNSEEN,
) = range(21)  # fmt: skip
STATES = 21
# Columns of `blocks`, int32. Characters are counted as they are shown; one of Han or kana counts as three, and as half a word.
(
    START, END, ELEMENT, CHARACTERS, QUARTER_WORDS, LINK_CHARACTERS, LINK_COUNT, COMMAS, SENTENCES, DIGITS, CAPITALS, NON_ASCII, IDEOGRAPHS,
    STOPS, BOLD_CHARACTERS, BREAKS, LAST, CODE_CHARACTERS,
) = range(18)  # fmt: skip
BLOCK_COLUMNS = 18
# Columns of `elements`, int32: the blocks of an element are [FIRST, PAST).
PARENT, TAG, FAMILIES, FIRST, PAST, HIDDEN = range(6)
ELEMENT_COLUMNS = 6
# Columns of the stack, int32; the bits say what an element adds to.
STACK_TAG, STACK_ELEMENT, STACK_BITS = range(3)
IN_LINK, IN_BOLD, IN_PRE, IN_CODE, OWNS_ELEMENT, IS_PARAGRAPH, IN_UNSEEN = (1 << bit for bit in range(7))
# What the attributes of a tag gave, int64.
(
    A_FAMILIES, A_HIDDEN, A_HREF, A_CONTENT, A_CONTENT_END, A_META, A_TYPE, A_TYPE_END, A_LANG, A_LANG_END, A_MOMENT, A_MOMENT_END,
    A_SIGNATURE,
) = range(13)  # fmt: skip
ATTRIBUTES = 13
