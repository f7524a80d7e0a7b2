"""Signals against hand-computed numbers; `tests/golden` holds them against a reference written from their definitions."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.cuts import apply_cuts
from filters.statistics.columns import SCHEMA
from filters.statistics.measure import compute
from tests.golden.test_reference import texts


def measure(text: str) -> dict:
    return compute(pa.array([text], pa.string())).to_pylist()[0]


@settings(max_examples=50, deadline=None)
@given(st.lists(texts, max_size=6), st.integers(0, 6))
def test_a_text_measures_the_same_alone_and_in_any_slice_of_a_batch(batch, begin):
    array = pa.array(batch, pa.string())[begin:]
    together = compute(array)
    assert together.schema.equals(SCHEMA)
    assert together.num_rows == len(array)
    for row, text in zip(together.to_pylist(), array.to_pylist(), strict=True):
        np.testing.assert_equal(row, measure(text))
    np.testing.assert_equal(compute(array.cast(pa.large_string())).to_pylist(), together.to_pylist())


def test_words_of_a_plain_text_by_hand():
    m = measure("The cat, and the dog... #1\n- It's 3.14\nIt ends here…")
    # The cat , and the dog ... # 1 | - It's 3.14 | It ends here …
    assert m["tokens"] == 16
    assert m["words"] == 11  # not , ... # - …
    assert m["mean_word_length"] == pytest.approx((3 + 3 + 3 + 3 + 3 + 1 + 4 + 4 + 2 + 4 + 4) / 11)
    assert m["hashes_per_word"] == pytest.approx(1 / 16)
    assert m["ellipses_per_word"] == pytest.approx(2 / 16)
    assert m["alphabetic_word_share"] == pytest.approx(9 / 16)
    assert m["stop_words"] == 2
    assert m["bullet_line_share"] == pytest.approx(1 / 3)
    assert m["ellipsis_line_share"] == pytest.approx(1 / 3)
    assert m["line_punctuation_share"] == 0


def test_repetition_by_hand():
    m = measure("abc def\nabc def\n\nabc def\n\nxyz")
    assert m["characters"] == 29
    assert m["lines"] == 4
    assert m["duplicate_line_share"] == 0.5
    assert m["duplicate_line_character_share"] == pytest.approx(14 / 29)
    assert m["paragraphs"] == 3
    assert m["duplicate_paragraph_share"] == 0
    assert m["top_2_gram_character_share"] == pytest.approx(3 * 7 / 29)
    ten = "one two three four five six seven eight nine ten "
    m = measure(ten * 2)
    for n in range(5, 11):
        assert m[f"duplicate_{n}_gram_character_share"] == pytest.approx(
            sum(map(len, (ten.split() * 2)[10 : 10 + n * (10 // n)])) / len(ten * 2)
        )


def test_sentences_end_at_marks_before_a_capital():
    assert measure("One thing here. Two things here! Is it three? yes it is four.")["fineweb_sentences"] == 3
    assert measure('He said "no way." Then Mr. J. R. Smith of the U.S. Army left.')["fineweb_sentences"] == 3  # Mr. is taken for an end
    assert measure("这是 第一句。这是 第二句！「这是 第三句。」 好")["fineweb_sentences"] == 4
    assert measure("यह पहला वाक्य है। यह दूसरा वाक्य है। यह तीसरा है।")["fineweb_sentences"] == 3
    assert measure("C'est bien !être ou ne pas être là.")["fineweb_sentences"] == 1


def test_c4_counts_only_lines_that_reach_a_rule():
    m = measure("lorem ipsum without an end mark here\nthis one has lorem ipsum within it.\nvoid main() { return of the function }\n")
    assert (m["c4_lorem_ipsum"], m["fineweb_lorem_ipsum"]) == (1, 2)
    assert (m["c4_curly_brackets"], m["fineweb_curly_brackets"]) == (0, 1)
    assert (m["javascript_lines"], m["policy_lines"]) == (0, 0)
    m = measure("Please enable JavaScript to see this page.\nThis site uses Cookies and has a Privacy Policy.")
    assert (m["javascript_lines"], m["policy_lines"], m["c4_lines"]) == (1, 1, 0)
    cited = "The town was founded in the year 1831.[12][citation needed]"
    assert apply_cuts(cited.encode(), measure(cited)["c4_cuts"]) == b"The town was founded in the year 1831."


def test_kept_lines_are_judged_without_their_citations():
    plain = "It is known. It was so in the year 1831.\n"
    m = measure(plain.replace(".", ".[2]") + plain.replace(" is", " is[3]"))
    assert (m["fineweb_sentences"], m["c4_sentences"], m["line_punctuation_share"]) == (4, 4, 0.5)
    assert m["fineweb_line_punctuation_share"] == 1
    assert m["fineweb_line_duplicate_character_share"] == 0.5
    assert m["fineweb_newlines_per_word"] == pytest.approx(1 / (2 * measure(plain)["tokens"]))
    m = measure("It says lorem[1] ipsum in Java[2]Script.\n[1] [2] [3]\n")
    assert (m["fineweb_lorem_ipsum"], m["c4_lorem_ipsum"], m["lorem_ipsum_lines"]) == (1, 1, 0)
    assert m["fineweb_lines"] == 1


def test_text_without_blanks_has_words_and_is_not_judged_by_their_length():
    chinese = measure("中华人民共和国成立于一九四九年。" * 3)
    assert chinese["words"] == 24  # 15 characters in pairs, three times
    assert np.isnan(chinese["mean_word_length"])
    assert measure("ภาษาไทยไม่มีช่องว่าง")["words"] == 5


def test_code_signals_by_hand():
    head = "<!DOCTYPE html><html><head><style>p {color: red}</style><script>if (a < b) x()</script></head>"
    page = head + "<body><!-- > --><p>Hi you</p></body></html>"
    m = measure(page)
    assert m["visible_html_characters"] == 6
    assert m["visible_html_share"] == pytest.approx(6 / len(page))
    assert np.isnan(measure("a < b and c > d")["visible_html_share"])
    assert measure('<?xml version="1.0"?><a/>')["xml_header"] == 1
    assert measure("x" * 101 + '<?xml version="1.0"?>')["xml_header"] == 0
    assert measure("# This file is AUTO-GENERATED\nx = 1\n")["generated_marker"] == 1
    assert measure("\n" * 5 + "# This file is auto-generated\n")["generated_marker"] == 0
    base64 = "QUJD" * 40
    m = measure(f'x = "{base64}" # end')
    assert m["longest_encoded_run"] == 160
    assert m["encoded_share"] == pytest.approx(160 / 172)
    assert measure("data = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07]")["longest_encoded_run"] == len(
        "0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07"
    )
    assert measure(r'b"\x00\x01\x02\x03\x04\x05\x06\x07"')["longest_encoded_run"] == 32
    assert measure("the quick brown fox. " * 20)["longest_encoded_run"] == 0
    m = measure("ab\n\nlonger line\n")
    assert (m["max_line_length"], m["mean_line_length"]) == (11, pytest.approx(13 / 3))


def test_only_strings_are_measured():
    with pytest.raises(TypeError, match="int64"):
        compute(pa.array([1]))


def test_cuts_of_another_text_are_refused():
    with pytest.raises(ValueError, match="text of 3 bytes"):
        apply_cuts(b"abc", [0, 4])
    with pytest.raises(ValueError, match="text of 3 bytes"):
        apply_cuts(b"abc", [0, 2, 1])
