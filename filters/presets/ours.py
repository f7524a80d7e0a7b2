"""Our own rule sets: for web text, and for books."""

from __future__ import annotations

import math

from filters.presets.bounds import Bound, Preset

DEFAULT_2026 = Preset(
    name="default@2026",
    bounds=(
        Bound("words", at_least=50),
        Bound("mean_word_length", at_least=2, at_most=20),  # characters
        Bound("alphabetic_blank_word_share", at_least=0.75),
        Bound("duplicate_line_share", at_most=0.3),
        Bound("duplicate_line_character_share", at_most=0.2),
        Bound("top_2_gram_character_share", at_most=0.2),
        Bound("top_4_gram_character_share", at_most=0.2),
        Bound("duplicate_5_gram_character_share", at_most=0.3),
        Bound("duplicate_10_gram_character_share", at_most=0.2),
        Bound("ellipsis_line_share", at_most=0.3),
        Bound("short_line_share", at_most=0.67),
        Bound("line_punctuation_share", at_least=0.05),
        Bound("fineweb_sentences", at_least=5),
    ),
    languages={
        "en": (Bound("stop_words", at_least=2),),
        "th": (Bound("line_punctuation_share", at_least=-math.inf),),
        **dict.fromkeys(
            ("bo", "dz"),
            (Bound("line_punctuation_share", at_least=-math.inf), Bound("duplicate_5_gram_character_share", at_least=-math.inf)),
        ),
    },
)
"""Ours, for web text of any language: it removes what is no text or hardly any, and leaves style, subject and headings alone.

Measured on the 1,186 English and 1,436 other pages of docs_web (Debian's documentation, extracted), 1,823 technical documents, 191 ELTeC
novels, the Declaration of Human Rights in 532 languages, and 243 pages that people judged good (143) or bad (100) for training (DCLM's). In
per cent removed, beside gopher@2021, c4@tfds and fineweb@2024 together and fineweb-pipeline@2024:

                        English  other  judged good  judged bad  novels  technical  languages
    default@2026           29.0   32.3          1.4        32.0     1.6        8.8        2.1
    the three              73.6   87.4         15.4        62.0    76.4       96.2       95.9
    fineweb-pipeline@2024  75.3   87.5         10.5        61.0    76.4       95.6       95.9

Of what it removes among the judged pages 94 % is bad (the three: 74 %), and it leaves two thirds of the bad ones to a classifier: bounds
on form cannot tell these from good ones. Bound by bound (judged good, judged bad, technical documents):
- 50 words: 0.7, 4, 0. No upper bound, which would remove 37 % of the novels;
- mean word length 2 to 20: none of these; Malayalam and Greenlandic lie above Gopher's 10 and the book rules' 12;
- three quarters of the words between blanks with a letter: 0, 0, 2 (tables, listings, line numbers). Gopher's share of tokens, at 0.8,
  removes 9 % of the good pages and 95 % of the technical documents;
- repetition: 0, 0, 5, at the bounds of `book@2026`, because reference documentation repeats itself (Gopher's 0.15 on 5-grams: 10.5);
- ellipses at the end of more than 0.3 of the lines (teasers): 0, 3, 0;
- more than 0.67 of the lines under 31 characters (menus, tables): 0, 12, 3;
- fewer than 0.05 of the lines with an end mark: 0.7, 9, 0.7 (at FineWeb's 0.12: 2.8, 14, 12); Thai, Tibetan and Dzongkha have none;
- fewer than 5 sentences, each line at least one: 1.4, 12, 0.1;
- English without two of Gopher's stop words: 0, 0, 0.1; of other languages none are asked.
Tibetan and Dzongkha are written in syllables, which repeat: 0.4 of their characters lie in duplicate 5-grams.
Not in it: "{" (51 % of the technical documents), characters in duplicate lines at 0.01 (60 %), hashes and bullets (no difference between
good and bad). No cuts: C4's take 75 % of the technical documents' bytes, FineWeb's 11 %, RefinedWeb's 5 %, and of the good pages' 19, 0.8
and 0 %.
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
