"""Rule sets as tables: which signal must lie within which bounds, in which order.

A preset is named `work@year` or `work@implementation`. Its definition never changes under its name: another reading gets another name.
A signal's definition is in `filters.signals`. Values and bounds are compared as float32. A signal that does not apply to a text is NaN
and breaks no bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bound:
    """The values of one signal that a document may have; both ends belong to the range."""

    signal: str
    """A float32 column of `filters.signals.SCHEMA`."""
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"the bound of {self.signal!r} has neither at_least nor at_most; give it one")


@dataclass(frozen=True, slots=True)
class Preset:
    """A named rule set: bounds in the order in which they are checked, and the cuts that its documents get."""

    name: str
    bounds: tuple[Bound, ...]
    cuts: tuple[str, ...] = ()
    """Columns of spans (`filters.signals.CUTS`) that are cut from the text of a kept document before it is tokenized."""
    languages: Mapping[str, tuple[Bound, ...]] = field(default_factory=dict, hash=False)
    """Language, as the `language` column names it, to bounds that stand in place of those of `bounds` of the same signal for its documents;
    one of a signal that `bounds` lacks is checked after them."""


GOPHER_QUALITY = (
    Bound("words", at_least=50, at_most=100_000),
    Bound("mean_word_length", at_least=3, at_most=10),  # characters
    Bound("hashes_per_word", at_most=0.1),
    Bound("ellipses_per_word", at_most=0.1),
    Bound("bullet_line_share", at_most=0.9),
    Bound("ellipsis_line_share", at_most=0.3),
    Bound("alphabetic_word_share", at_least=0.8),
    Bound("stop_words", at_least=2),
)
"""Rae et al. 2021 (arXiv:2112.11446), appendix A.1.1, "quality filtering".

The paper does not say what a word is, nor whether the two stop words must differ. As datatrove 0.10 does, `words` and the mean length
leave out punctuation, the shares divide by all tokens with punctuation among them (so the alphabetic share of clean English prose is about
0.83, not 1), and the stop words must differ. Bullets are "•" and "-": the paper says "a bullet point" only. Differs from datatrove: lines
without a word of text do not count as lines, and stop words are found in any case ("The" is "the"; datatrove compares as written). Differs
from dolma: its word length is a median and its words are split at blanks.
"""

GOPHER_REPETITION = (
    Bound("duplicate_line_share", at_most=0.3),
    Bound("duplicate_paragraph_share", at_most=0.3),
    Bound("duplicate_line_character_share", at_most=0.2),
    Bound("duplicate_paragraph_character_share", at_most=0.2),
    Bound("top_2_gram_character_share", at_most=0.2),
    Bound("top_3_gram_character_share", at_most=0.18),
    Bound("top_4_gram_character_share", at_most=0.16),
    Bound("duplicate_5_gram_character_share", at_most=0.15),
    Bound("duplicate_6_gram_character_share", at_most=0.14),
    Bound("duplicate_7_gram_character_share", at_most=0.13),
    Bound("duplicate_8_gram_character_share", at_most=0.12),
    Bound("duplicate_9_gram_character_share", at_most=0.11),
    Bound("duplicate_10_gram_character_share", at_most=0.1),
)
"""Rae et al. 2021, table A1, "repetition removal".

The paper counts characters in duplicate n-grams and counts overlapping ones once, without saying how; datatrove's reading, followed
here, walks the tokens and steps over each n-gram that it met before. The paper calls the first occurrence no duplicate for lines
and is silent for n-grams; here it never is.
"""

GOPHER_2021 = Preset(name="gopher@2021", bounds=GOPHER_REPETITION + GOPHER_QUALITY)
"""Gopher's two rule sets, repetition first, as FineWeb's pipeline runs them. The paper lists quality first; the keep-set is the same."""

C4_TFDS = Preset(
    name="c4@tfds",
    bounds=(
        Bound("c4_lorem_ipsum", at_most=0),
        Bound("c4_curly_brackets", at_most=0),
        Bound("c4_sentences", at_least=3),
    ),
    cuts=("c4_cuts",),
)
"""Raffel et al. 2020 (JMLR 21/140) as tensorflow_datasets' `c4_utils.clean_page` runs it.

The paper and that code contradict each other: the paper drops pages under 5 sentences and lines under 3 words, the code (which made the
data) pages under 3 sentences and lines under 5 words. This preset follows the code. The order is the code's: a line without an end mark is
cut before it is searched for "lorem ipsum" or "{", so neither counts there.
Differs in: the list of bad words and the removal of lines seen elsewhere in the corpus are not in it; sentences are counted by
the rule of `filters.signals`, not by NLTK's trained splitter.
"""

FINEWEB_2024 = Preset(
    name="fineweb@2024",
    bounds=(
        Bound("line_punctuation_share", at_least=0.12),
        Bound("short_line_share", at_most=0.67),
        Bound("line_duplicate_character_share", at_most=0.01),
        Bound("newlines_per_word", at_most=0.3),
    ),
)
"""Penedo et al. 2024 (arXiv:2406.17557), section 3.5: the quality filter that FineWeb adds, alone.

Paper and code contradict each other: the paper removes at 0.1 or more of characters in duplicate lines, the code, followed here, above
0.01; newlines per word are only in the code. The code that made the data removed at equality too (0.12 or less, 0.67 or more); datatrove
0.10, followed here, keeps the equal value. The end marks were . ' " ! ? then; datatrove 0.10 has Unicode's sentence terminals and no
quotes; here a line ends well with either, curly quotes among them. Differs in: blanks at a line's ends are not looked at.
"""

FINEWEB_PIPELINE_2024 = Preset(
    name="fineweb-pipeline@2024",
    bounds=(
        *GOPHER_REPETITION,
        *GOPHER_QUALITY,
        Bound("fineweb_lorem_ipsum", at_most=0),
        Bound("fineweb_curly_brackets", at_most=0),
        Bound("fineweb_sentences", at_least=5),
        Bound("fineweb_line_punctuation_share", at_least=0.12),
        Bound("fineweb_short_line_share", at_most=0.67),
        Bound("fineweb_line_duplicate_character_share", at_most=0.01),
        Bound("fineweb_newlines_per_word", at_most=0.3),
    ),
    cuts=("fineweb_cuts",),
)
"""All rules of FineWeb in the order of its published pipeline (datatrove, examples/fineweb.py), after language identification.

Gopher repetition, Gopher quality, C4 without its end-mark rule (the paper found that rule to cost 30 % of the tokens), then FineWeb's own
over what C4's cuts left: hence signals of their own names. C4's numbers are here those of the JMLR paper (3 words, 5 sentences), as
datatrove has them, and not those of `c4@tfds`.
"""

STARCODER_2023 = Preset(
    name="starcoder@2023",
    bounds=(
        Bound("mean_line_length", at_most=100),  # characters
        Bound("max_line_length", at_most=1000),
        Bound("alphanumeric_share", at_least=0.25),
        Bound("alphabetic_share", at_least=0.25),
        Bound("xml_header", at_most=0),
        Bound("visible_html_share", at_least=0.2),
        Bound("visible_html_characters", at_least=100),
    ),
)
"""Li et al. 2023 (arXiv:2305.06161), section 3, and bigcode-dataset/preprocessing/filtering.py.

There the thresholds stand in a table per file extension (alphabetic share for most, none for data formats; no line lengths for TeX and
HTML): this preset has the defaults for all. Alphabetic share is of characters, as in the code; the code leaves alphanumeric share (from
The Stack, arXiv:2211.15533) out for many extensions. The paper keeps HTML with "at least 20 %" visible text and "at least 100" characters,
the code more than either. The JSON and YAML size limits need the file's name and are not in it. What is HTML is told from the text.
"""

STARCODER2_2024 = Preset(
    name="starcoder2@2024",
    bounds=(
        Bound("lines", at_most=100_000),
        *STARCODER_2023.bounds,
        Bound("generated_marker", at_most=0),
        Bound("longest_encoded_run", at_most=1024),
        Bound("encoded_share", at_most=0.5),
    ),
)
"""Lozhkov et al. 2024 (arXiv:2402.19173), appendix A: StarCoder's rules and those against generated code and encoded data.

Encoded data is runs of base64 and of hexadecimal bytes by the regular expressions of that appendix, as `filters.code` states them; escapes
of Unicode code points are not counted. Differs in: linguist's detection of generated files is only its test for a marker in the first five
lines; limits per language are not in it.
"""

BOOK_2026 = Preset(
    name="book@2026",
    bounds=(
        Bound("words", at_least=100),
        Bound("mean_word_length", at_least=2.5, at_most=12),
        Bound("alphabetic_word_share", at_least=0.5),
        Bound("hashes_per_word", at_most=0.05),
        Bound("ellipses_per_word", at_most=0.1),
        Bound("duplicate_line_character_share", at_most=0.3),
        Bound("duplicate_paragraph_character_share", at_most=0.3),
        Bound("top_2_gram_character_share", at_most=0.2),
        Bound("top_4_gram_character_share", at_most=0.2),
        Bound("duplicate_5_gram_character_share", at_most=0.3),
        Bound("duplicate_10_gram_character_share", at_most=0.2),
    ),
)
"""Ours, for long prose that an editor has seen already: it removes what is no prose, and judges no style.

Measured on 64 ELTeC novels (English and French, 20,000 to 290,000 words) and 30 Gutenberg files: alphabetic share 0.74 to 0.89, ellipses
up to 0.057 per token, most frequent 2-gram up to 0.021, duplicate 5-grams 0.010 to 0.078 of the characters and growing with length,
duplicate 10-grams up to 0.007, characters in duplicate lines up to 0.044 (scene breaks, running heads); the Python language reference in
one piece: 0.66, 0.006, 0.26, 0.19, 0.22. So:
- no upper bound on words (Gopher's 100,000 removes 37 % of these novels), and a lower one that lets a chapter pass and stops title pages
  and colophons;
- an alphabetic share for manuals and verse with line numbers; tables of figures, indexes and logs lie under it;
- repetition bounds above a long work's natural repetition, which grows with its length: 5-grams at twice Gopher's 0.15, 10-grams at twice
  its 0.1, lines half as much again as its 0.2;
- no stop words, bullets, line lengths or end marks: verse, drama, contents and other languages have their own.
"""

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (GOPHER_2021, C4_TFDS, FINEWEB_2024, FINEWEB_PIPELINE_2024, STARCODER_2023, STARCODER2_2024, BOOK_2026)
}
"""Every preset by its name."""
