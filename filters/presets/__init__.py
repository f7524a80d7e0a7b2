"""Rule sets as tables: which signal must lie within which bounds, in which order.

A preset is named `work@year` or `work@implementation`. Its definition never changes under its name: another reading gets another name.
A signal's definition is in `filters.statistics.measure`. Values and bounds are compared as float32. A signal that does not apply to a text
is NaN and breaks no bound.
"""

from __future__ import annotations

from filters.presets.bounds import Bound, Preset
from filters.presets.code import STARCODER2_2024, STARCODER_2023
from filters.presets.ours import BOOK_2026, DEFAULT_2026

__all__ = ["NEWEST", "PRESETS", "Bound", "Preset"]

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
"""Rae et al. 2021 (arXiv:2112.11446), appendix A.1.1, "quality filtering"; for English.

The paper does not say what a word is, nor whether the two stop words must differ. As datatrove 0.10 does (gopher_quality_filter.py),
`words` and the mean length leave out punctuation, the shares divide by all tokens with punctuation among them, and the stop words must
differ. Bullets are "•" and "-": the paper says "a bullet point" only. Differs from datatrove: lines without a word of text do not count as
lines, and stop words are found in any case ("The" is "the"; datatrove compares as written). Differs from dolma (taggers/gopher.py): its
word length is a median, its words are split at blanks, its bullets are "*" and "-".

The alphabetic share decides most, and by what it divides: over tokens prose has 0.84 and technical documents 0.69, over words between
blanks 0.98 and 0.94. Of 243 pages that people judged (DCLM's), 58 fall by ours, 54 by datatrove's spaCy tokens, 2 by words between blanks.
Beside spaCy ours is lower by 0.006 on pages and novels and by 0.017 on documentation (6 and 5 % of documents change sides), because spaCy
leaves "/dev/sda", "f(x" and "Self::Item" whole and splits "don't" in two; it has no definition that could be followed in their place.

Languages written without blanks have words (`filters.words`) and no mean word length, so that these rules do not remove them for having no
blanks: the Declaration of Human Rights has 1,200 words in Chinese, 1,900 in Japanese, 2,200 in Thai, 2,400 in Khmer and in Lao, 3,100 in
Burmese, its alphabetic shares are 0.87 to 1. The stop words do: 95 % of its 532 languages fall by them alone. Elsewhere put a language's
own bounds in their place.
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

All thirteen numbers are those of the table and of datatrove's gopher_repetition_filter.py. The paper counts characters in duplicate
n-grams and counts overlapping ones once, without saying how; datatrove's reading, followed here, walks the tokens and steps over each
n-gram that it met before. The paper calls the first occurrence no duplicate for lines and is silent for n-grams; here it never is. Dolma
and DCLM count the first as well, DCLM over words without punctuation.
"""

GOPHER_2021 = Preset(name="gopher@2021", bounds=GOPHER_REPETITION + GOPHER_QUALITY)
"""Gopher's two rule sets, repetition first, as FineWeb's pipeline runs them. The paper lists quality first; the keep-set is the same."""

C4_TFDS = Preset(
    name="c4@tfds",
    bounds=(
        Bound("characters", at_most=190_000),
        Bound("c4_lorem_ipsum", at_most=0),
        Bound("c4_curly_brackets", at_most=0),
        Bound("c4_sentences", at_least=3),
    ),
    cuts=("c4_cuts",),
)
"""Raffel et al. 2020 as tensorflow_datasets runs it: text/c4_utils.py, `is_valid_length` and `clean_page`; for English.

Code and paper contradict each other; this is the code, `c4@jmlr` the paper. In the code a line has 5 words or more once its citations are
gone, ends in . ? ! or " and not in "...", and has no word of over 1,000 characters; a page has 3 sentences and at most 190,000
characters. A line without an end mark is cut before it is searched for "lorem ipsum" or "{", so neither counts there.
Differs in: bad words are left to the configuration (a signal made of a list), the language (langdetect, 0.99) to the language rule, and
lines seen elsewhere in the corpus or page to nobody; sentences are counted by the rule of `filters.statistics.lines`, not by NLTK's
splitter. Texts without . ? ! " lose every line: of the Declaration of Human Rights Chinese, Japanese, Thai, Khmer and Burmese are removed.
"""

C4_JMLR = Preset(
    name="c4@jmlr",
    bounds=(
        Bound("lorem_ipsum_lines", at_most=0),
        Bound("curly_bracket_lines", at_most=0),
        Bound("c4_jmlr_sentences", at_least=5),
    ),
    cuts=("c4_jmlr_cuts",),
)
"""Raffel et al. 2020 (JMLR 21/140), section 2.2, as its words say; for English.

Differs from `c4@tfds`: 3 words a line and 5 sentences a page (the code has 5 and 3; so does what is quoted of a later arXiv version),
"lorem ipsum" and "{" remove a page wherever they stand, nothing is said of long words, long pages or lines that end in "...". "A period,
exclamation mark, question mark, or end quotation mark" is read as those of every script, ” » 」 and 』 among them, so that Chinese and
Japanese keep their lines (the Declaration: 60 and 65 sentences); Thai, which has no end marks, is removed. Citations are gone before a line
is judged, as in the code, and sentences are counted in the lines that are left; the paper does not say. Not in it: bad words, left to the
configuration as in `c4@tfds`; repeated three-sentence spans; langdetect.
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
"""Penedo et al. 2024 (arXiv:2406.17557), section 3.6: the quality filter that FineWeb adds, alone.

The numbers are datatrove's (fineweb_quality_filter.py). The paper contradicts itself and the code: its section removes at 0.1 or more of
characters in duplicate lines, its table in appendix E.4 and the code, followed here, above 0.01; newlines per word are only in the code.
The code that made the data removed at equality too (0.12 or less, 0.67 or more) and counted empty lines; datatrove 0.10, followed here,
does neither. The end marks were . ' " ! ? then; datatrove 0.10 has Unicode's sentence terminals (159 characters) and no quotes; here a
line ends well with either, curly quotes among them, and the terminals of dead scripts are left out. Differs in: blanks at a line's ends
are not looked at. Words of languages without blanks are those of `filters.words`; Thai has no end marks and breaks the first bound.
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
datatrove has them (c4_filters.py), and not those of `c4@tfds`; a citation between blanks is a word of its line, as there, and gone before
anything else is looked at. Differs in: a line of citations alone, of which nothing is left, is cut with its line feed.
"""

REFINEDWEB_DCLM = Preset(
    name="refinedweb@dclm",
    bounds=(
        *(bound for bound in GOPHER_QUALITY if bound.signal != "alphabetic_word_share"),
        Bound("alphabetic_blank_word_share", at_least=0.8),
        *GOPHER_REPETITION,
        Bound("refinedweb_words_cut_share", at_most=0.05),
    ),
    cuts=("refinedweb_cuts",),
)
"""Penedo et al. 2023 (arXiv:2306.01116) as Li et al. 2024 (arXiv:2406.11794) rebuilt it: mlfoundations/dclm,
baselines/baselines_configs/dclm_baseline_refinedweb.yaml; for English.

The order is DCLM's: Gopher's quality and repetition rules on the whole text, then the line rules of `filters.statistics.refinedweb`, then
the page is removed if they cut more than 5 % of its words (those between blanks that begin with a letter or digit). So the bounds before
look at the text without cuts, and the last one at what the cuts take. Differs in: Gopher's rules but the alphabetic share are in the
reading of `gopher@2021`; DCLM's splits words at blanks, counts stop words that repeat, takes ● and * for bullets and ". . ." for an
ellipsis, and counts the first of repeated lines and n-grams. Addresses within the text are not removed, nor more than two line feeds in a
row. The rules on page addresses are `extract.screen.urls`, the language (English at 0.65) is the language rule. A line of a script without
blanks is not "of one word".
"""

_NAMED = (
    *(GOPHER_2021, C4_TFDS, C4_JMLR, FINEWEB_2024, FINEWEB_PIPELINE_2024, REFINEDWEB_DCLM),
    *(STARCODER_2023, STARCODER2_2024, BOOK_2026, DEFAULT_2026),
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _NAMED}
"""Every preset by its name."""

NEWEST: dict[str, Preset] = {"default": DEFAULT_2026}
"""Names without a version, for configurations; the ledger has the preset's own."""
