"""The pinned tables say what Python's own Unicode data say, and decoding never leaves the text."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import unicode as u


@pytest.mark.skipif(unicodedata.unidata_version != u.UNICODE_VERSION, reason="another Unicode version; the tables are pinned")
def test_the_stored_tables_are_what_the_module_makes():
    starts, values = u.measured_classes().T
    np.testing.assert_array_equal(u.classes(), np.repeat(values, np.diff(starts, append=u.CODE_POINTS)))
    upper, lowered = u.measured_lower().T
    np.testing.assert_array_equal(u.lower()[upper], lowered)


def test_classes_of_known_characters():
    kinds = {
        " ": u.SPACE,
        "\u3000": u.SPACE,
        "a": u.LETTER,
        "é": u.LETTER,
        "ש": u.LETTER,
        "한": u.LETTER,
        "7": u.DIGIT,
        "٣": u.DIGIT,
        "_": u.EXTEND,
    }
    kinds |= {
        "\u0301": u.EXTEND,
        "\u200d": u.EXTEND,
        ".": u.SYMBOL,
        "😀": u.SYMBOL,
        "\x00": u.SYMBOL,
        "中": u.PAIRED,
        "ア": u.PAIRED,
        "ก": u.CLUSTERED,
    }
    assert {character: u.classes()[ord(character)] & u.KIND for character in kinds} == kinds


@given(st.binary(max_size=12))
def test_decoding_agrees_with_python_on_valid_text_and_always_moves_on(data):
    array = np.frombuffer(data, np.uint8)
    at, points = 0, []
    while at < len(data):
        point, size = u.code_point(array, at, len(data))
        assert size >= 1
        assert at + size <= len(data)
        points.append(point)
        at += size
    try:
        assert points == [ord(character) for character in data.decode()]
    except UnicodeDecodeError:
        assert all(0 <= point < u.CODE_POINTS for point in points)
