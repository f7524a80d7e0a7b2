"""Start and end tags: the stack of open elements, and which of them a tag ends."""

# Kernels take their scratch arrays as arguments, and their integers get their types from numba.
# ruff: noqa: PLR1714, SIM109, SIM110
# mypy: disable-error-code="assignment, arg-type, no-any-return, no-untyped-def, return-value"

from __future__ import annotations

import numpy as np

from filters.extractor import tags
from filters.extractor.attributes import past_byte, read_attributes, tag_number
from filters.extractor.layout import (
    A_CONTENT,
    A_CONTENT_END,
    A_FAMILIES,
    A_HIDDEN,
    A_HREF,
    A_LANG,
    A_LANG_END,
    A_META,
    A_MOMENT,
    A_MOMENT_END,
    A_SIGNATURE,
    A_TYPE,
    A_TYPE_END,
    BLOCKS,
    BOLDS,
    CODES,
    DEEPEST,
    DEPTH,
    ELEMENTS,
    FACT_COUNT,
    FAMILIES,
    FIRST,
    FOREIGN,
    HIDDEN,
    IN_BOLD,
    IN_CODE,
    IN_LINK,
    IN_PRE,
    IN_UNSEEN,
    IS_PARAGRAPH,
    LINKS,
    NEW_LINK,
    OPEN,
    OVERFLOW,
    OWNS_ELEMENT,
    PARAGRAPHS,
    PARENT,
    PAST,
    PRES,
    SKIP_LEVEL,
    SKIP_TAG,
    STACK_BITS,
    STACK_ELEMENT,
    STACK_TAG,
    TAG,
    UNSEEN,
)
from filters.extractor.tags import FLAGS, NUMBER
from filters.extractor.text import flush, line_break
from filters.kernel import inlined, kernel

DEPTH_LIMIT = 512
"""Elements nested deeper are read as if they stood at this depth; browsers do the same."""
FACTS = 256

_BLOCK, _VOID, _RAW, _SKIPPED, _BOLD, _HIDING = tags.BLOCK, tags.VOID, tags.RAW, tags.SKIPPED, tags.BOLD, tags.HIDING
_CLOSES_PARAGRAPH, _SCOPE, _HEADING, _PREFORMATTED = tags.CLOSES_PARAGRAPH, tags.SCOPE, tags.HEADING, tags.PREFORMATTED
_A, _BR, _BODY, _HTML, _HEAD, _P, _LI, _DD, _DT, _DIV, _ADDRESS = (
    NUMBER[name] for name in ("a", "br", "body", "html", "head", "p", "li", "dd", "dt", "div", "address")
)
_TD, _TH, _TR, _TABLE, _TBODY, _THEAD, _TFOOT, _CAPTION = (
    NUMBER[name] for name in ("td", "th", "tr", "table", "tbody", "thead", "tfoot", "caption")
)
_SCRIPT, _TITLE, _META, _TIME, _SVG, _MATH, _SELECT, _INPUT, _TEXTAREA, _FORM = (
    NUMBER[name] for name in ("script", "title", "meta", "time", "svg", "math", "select", "input", "textarea", "form")
)
_FOREIGN_OBJECT, _ANNOTATION = NUMBER["foreignobject"], NUMBER["annotation-xml"]
_CODE, _KBD, _SAMP, _TT = (NUMBER[name] for name in ("code", "kbd", "samp", "tt"))


@inlined
def start_tag(page, at, text, blocks, elements, signatures, facts, state, stack, found) -> int:
    """Take in the start tag whose name begins at `at`; position behind it, and behind the content of an element of raw text."""
    number, at, custom = tag_number(page, at)
    at = read_attributes(page, at, number, found)
    flags = FLAGS[number]
    if state[SKIP_LEVEL] > 0:
        if not _leaves_skipped(number, flags, state):
            if flags & _RAW:
                return _past_raw(page, at, number)[1]
            if number == state[SKIP_TAG]:
                state[SKIP_LEVEL] += 1
            return at
        if number == _SELECT:  # no second one is begun
            return at
    if number == _META:
        _state_fact(facts, state, found[A_META], found[A_CONTENT], found[A_CONTENT_END])
        return at
    if flags & _SKIPPED:
        if flags & _RAW:
            past, behind = _past_raw(page, at, number)
            if number == _TITLE:
                _state_fact(facts, state, tags.TITLE, at, past)
            elif number == _SCRIPT and found[A_TYPE] >= 0 and _is_linked_data(page, found[A_TYPE], found[A_TYPE_END]):
                _state_fact(facts, state, tags.LINKED_DATA, at, past)
            return behind
        if number == _SELECT:
            flush(text, blocks, state)
        # A drawing that closes itself: only in SVG and MathML does the slash say so.
        if not ((number == _SVG or number == _MATH) and page[at - 2] == 47):
            state[SKIP_TAG], state[SKIP_LEVEL], state[FOREIGN] = number, 1, 0
        return at
    if number == _TIME and found[A_MOMENT] >= 0:
        _state_fact(facts, state, tags.TIME, found[A_MOMENT], found[A_MOMENT_END])
    if number == _HTML and found[A_LANG] >= 0:
        _state_fact(facts, state, tags.LANGUAGE, found[A_LANG], found[A_LANG_END])
    _close_implied(number, flags, text, blocks, elements, state, stack)
    if number == _BR:
        line_break(text, blocks, state)
        return at
    if flags & _BLOCK:
        flush(text, blocks, state)
    if flags & _VOID or ((number == _HTML or number == _BODY) and _is_open(number, state, stack)):
        return at
    _push(number, flags, custom, blocks, elements, signatures, state, stack, found)
    return at


@kernel
def _leaves_skipped(number, flags, state) -> bool:
    """Whether a start tag ends the skipped element that is open, which lacks its end tag."""
    skipped = state[SKIP_TAG]
    if skipped == _SVG or skipped == _MATH:
        ends = flags & _CLOSES_PARAGRAPH and not state[FOREIGN]
    elif skipped == _SELECT:
        ends = number == _INPUT or number == _TEXTAREA or number == _SELECT or number == _FORM
    else:
        ends = number == _BODY
    if ends:
        state[SKIP_LEVEL] = 0
    elif number == _FOREIGN_OBJECT or number == _ANNOTATION:
        state[FOREIGN] += 1
    return ends


@kernel
def _state_fact(facts, state, kind, begin, past) -> None:
    row = state[FACT_COUNT]
    if kind and begin >= 0 and row < FACTS:
        facts[row, 0], facts[row, 1], facts[row, 2] = kind, begin, past
        state[FACT_COUNT] += 1


_LINKED = np.frombuffer(b"ld+json", np.uint8)


@kernel
def _is_linked_data(page, begin, past) -> bool:
    """Whether a script's type ends in ld+json."""
    if past - begin < len(_LINKED):
        return False
    for place in range(len(_LINKED)):
        if page[past - len(_LINKED) + place] | 32 != _LINKED[place] | 32:
            return False
    return True


@kernel
def _past_raw(page, at, number) -> tuple[int, int]:
    """Where the raw text that begins at `at` ends, and the position behind its end tag.

    In a script, a comment that holds a start tag of its own hides the end tag that follows (section 13.2.5.20, script data double escaped).
    """
    end = len(page)
    escaped, nested = False, False
    while at < end:
        if page[at] == 45 and number == _SCRIPT:
            if escaped and at + 2 < end and page[at + 1] == 45 and page[at + 2] == 62:
                escaped = nested = False
        elif page[at] == 60 and at + 1 < end:
            following = page[at + 1]
            if following == 33 and number == _SCRIPT:
                escaped = escaped or (at + 3 < end and page[at + 2] == 45 and page[at + 3] == 45)
            elif following == 47 and at + 2 < end:
                closing, past, _ = tag_number(page, at + 2)
                if closing == number and past < end:
                    if not nested:
                        return at, past_byte(page, past, 62)
                    nested = False
            elif escaped and following | 32 == 115:
                opening, past, _ = tag_number(page, at + 1)
                nested = nested or opening == _SCRIPT
        at += 1
    return end, end


@kernel
def _is_open(number, state, stack) -> bool:
    for depth in range(min(state[DEPTH], 4)):
        if stack[depth, STACK_TAG] == number:
            return True
    return False


@inlined
def _close_implied(number, flags, text, blocks, elements, state, stack) -> None:
    """Close what a start tag ends by beginning."""
    if flags & _CLOSES_PARAGRAPH and state[PARAGRAPHS] > 0:
        for depth in range(state[DEPTH] - 1, 0, -1):
            if stack[depth, STACK_TAG] == _P:
                _pop_to(depth, text, blocks, elements, state, stack)
                break
            if FLAGS[stack[depth, STACK_TAG]] & _SCOPE:
                break
    if flags & _HEADING and FLAGS[stack[state[DEPTH] - 1, STACK_TAG]] & _HEADING:
        _pop_to(state[DEPTH] - 1, text, blocks, elements, state, stack)
    if number == _LI or number == _DD or number == _DT:
        other = _DT if number == _DD else _DD if number == _DT else _LI
        for depth in range(state[DEPTH] - 1, 0, -1):
            tag = stack[depth, STACK_TAG]
            if tag == number or tag == other:
                _pop_to(depth, text, blocks, elements, state, stack)
                break
            if FLAGS[tag] & (_BLOCK | _SCOPE | _HIDING) and tag != _ADDRESS and tag != _DIV and tag != _P:
                break
    elif number == _TD or number == _TH or number == _TR or number == _TBODY or number == _THEAD or number == _TFOOT:
        lowest = state[DEPTH]
        for depth in range(state[DEPTH] - 1, 0, -1):
            tag = stack[depth, STACK_TAG]
            if tag == _TABLE or (FLAGS[tag] & _SCOPE and tag != _TD and tag != _TH and tag != _CAPTION):
                break
            if (
                tag == _TD
                or tag == _TH
                or tag == _CAPTION
                or (
                    number != _TD
                    and number != _TH
                    and (tag == _TR or (number != _TR and (tag == _TBODY or tag == _THEAD or tag == _TFOOT)))
                )
            ):
                lowest = depth
        if lowest < state[DEPTH]:
            _pop_to(lowest, text, blocks, elements, state, stack)
    elif number == _A and state[LINKS] > 0:
        _deaden(number, state, stack)
    elif number == _BODY:
        for depth in range(1, min(state[DEPTH], 4)):
            if stack[depth, STACK_TAG] == _HEAD:
                _pop_to(depth, text, blocks, elements, state, stack)
                break


@inlined
def _push(number, flags, custom, blocks, elements, signatures, state, stack, found) -> None:
    depth = state[DEPTH]
    state[DEEPEST] = max(state[DEEPEST], depth + 1 + state[OVERFLOW])
    if depth >= DEPTH_LIMIT:
        state[OVERFLOW] += 1
        return
    parent = stack[depth - 1, STACK_ELEMENT]
    element, bits = parent, 0
    if flags & _BLOCK or (custom and number == 0):
        element = state[ELEMENTS]
        state[ELEMENTS] += 1
        elements[element, PARENT], elements[element, TAG], elements[element, FAMILIES] = parent, number, found[A_FAMILIES]
        elements[element, FIRST] = elements[element, PAST] = state[BLOCKS]
        elements[element, HIDDEN] = found[A_HIDDEN]
        signatures[element] = np.uint64(found[A_SIGNATURE]) * np.uint64(128) + np.uint64(number)
        bits |= OWNS_ELEMENT
    if number == _A and found[A_HREF]:
        bits |= IN_LINK
        state[LINKS] += 1
        state[NEW_LINK] = 1
    if flags & (_BOLD | _HEADING) == _BOLD:
        bits |= IN_BOLD
        state[BOLDS] += 1
    if flags & _PREFORMATTED:
        bits |= IN_PRE
        state[PRES] += 1
    if number == _CODE or number == _KBD or number == _SAMP or number == _TT:
        bits |= IN_CODE
        state[CODES] += 1
    if flags & _HIDING:
        bits |= IN_UNSEEN
        state[UNSEEN] += 1
    if number == _P:
        bits |= IS_PARAGRAPH
        state[PARAGRAPHS] += 1
    stack[depth, STACK_TAG], stack[depth, STACK_ELEMENT], stack[depth, STACK_BITS] = number, element, bits
    state[DEPTH] += 1


@kernel
def _lift(bits, state) -> None:
    """Take back what an element that ends has added to the state."""
    if bits & IN_LINK:
        state[LINKS] -= 1
        state[NEW_LINK] = 0
    if bits & IN_BOLD:
        state[BOLDS] -= 1
    if bits & IN_PRE:
        state[PRES] -= 1
    if bits & IN_CODE:
        state[CODES] -= 1
    if bits & IS_PARAGRAPH:
        state[PARAGRAPHS] -= 1
    if bits & IN_UNSEEN:
        state[UNSEEN] -= 1


@kernel
def _pop_to(depth, text, blocks, elements, state, stack) -> None:
    """End the elements from the top of the stack down to that at `depth`."""
    breaks = False
    for place in range(depth, state[DEPTH]):
        _lift(stack[place, STACK_BITS], state)
        breaks = breaks or FLAGS[stack[place, STACK_TAG]] & _BLOCK != 0
    if breaks:
        flush(text, blocks, state)
    for place in range(depth, state[DEPTH]):
        if stack[place, STACK_BITS] & OWNS_ELEMENT:
            elements[stack[place, STACK_ELEMENT], PAST] = state[BLOCKS] + state[OPEN]
    state[DEPTH] = depth


@kernel
def _deaden(number, state, stack) -> None:
    """End the innermost element of a formatting tag for what follows, and leave those inside it open."""
    for depth in range(state[DEPTH] - 1, 0, -1):
        tag = stack[depth, STACK_TAG]
        if tag == number and stack[depth, STACK_BITS]:
            _lift(stack[depth, STACK_BITS], state)
            stack[depth, STACK_BITS] = 0
            return
        if FLAGS[tag] & _SCOPE:
            return


@inlined
def finish_tag(page, at, text, blocks, elements, state, stack) -> int:
    """Take in the end tag whose name begins at `at`; position behind it."""
    number, at, custom = tag_number(page, at)
    at = past_byte(page, at, 62)
    if state[SKIP_LEVEL] > 0:
        if number == state[SKIP_TAG]:
            state[SKIP_LEVEL] -= 1
            return at
        if number == _FOREIGN_OBJECT or number == _ANNOTATION:
            state[FOREIGN] = max(0, state[FOREIGN] - 1)
        if not (state[SKIP_TAG] == _SELECT and (number == _FORM or number == _TABLE)):
            return at
        state[SKIP_LEVEL] = 0
    flags = FLAGS[number]
    if number == _BODY or number == _HTML:
        flush(text, blocks, state)
        return at
    if number == _BR:
        line_break(text, blocks, state)
        return at
    if flags & _BLOCK:
        flush(text, blocks, state)
    if state[OVERFLOW] > 0:
        state[OVERFLOW] -= 1
        return at
    in_table = (
        number == _TABLE or number == _TR or number == _TD or number == _TH or number == _TBODY or number == _THEAD or number == _TFOOT
    )
    for depth in range(state[DEPTH] - 1, 0, -1):
        tag = stack[depth, STACK_TAG]
        if (tag == number and (number != 0 or custom == (stack[depth, STACK_BITS] & OWNS_ELEMENT != 0))) or flags & FLAGS[tag] & _HEADING:
            _pop_to(depth, text, blocks, elements, state, stack)
            break
        if FLAGS[tag] & _SCOPE and (not in_table or tag == _TABLE):
            break
        if FLAGS[tag] & (_BLOCK | _HIDING) and not flags & _BLOCK:
            if not custom:
                _deaden(number, state, stack)
            break
    return at
