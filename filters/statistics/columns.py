"""The columns that are measured on every text: name and definition. `filters.statistics.measure` computes them."""

from __future__ import annotations

import pyarrow as pa

DEFINITIONS: dict[str, str] = {
    "characters": "code points",
    "lines": "lines that are not blank",
    "paragraphs": "runs of lines that are not blank",
    "tokens": "words, and runs of one symbol",
    "words": "tokens with a letter or digit",
    "mean_word_length": "characters per word of the scripts written with blanks; NaN where most words are of others",
    "hashes_per_word": "# per token",
    "ellipses_per_word": "... and … per token",
    "bullet_line_share": "lines that begin with • or -",
    "ellipsis_line_share": "lines that end in ... or …",
    "alphabetic_word_share": "tokens with a letter, of all tokens",
    "stop_words": "different words among the, be, to, of, and, that, have, with",
    "duplicate_line_share": "lines equal to an earlier one, of all lines",
    "duplicate_paragraph_share": "paragraphs equal to an earlier one, of all paragraphs",
    "duplicate_line_character_share": "characters of lines equal to an earlier one, of all characters",
    "duplicate_paragraph_character_share": "characters of paragraphs equal to an earlier one, of all characters",
    **{f"top_{n}_gram_character_share": f"characters of all occurrences of the most frequent {n}-gram, of all" for n in (2, 3, 4)},
    **{f"duplicate_{n}_gram_character_share": f"characters of {n}-grams that occurred before, of all" for n in (5, 6, 7, 8, 9, 10)},
    "line_punctuation_share": "lines that end in an end mark or quotation mark",
    "short_line_share": "lines of at most 30 characters",
    "line_duplicate_character_share": "characters of lines equal to an earlier one, of all characters but line feeds",
    "newlines_per_word": "line feeds per token",
    "c4_sentences": "sentences in the lines that C4's rules keep, without their citations",
    "c4_lines": "lines that C4's rules keep",
    "c4_lorem_ipsum": "lines that make C4 drop a page for 'lorem ipsum'",
    "c4_curly_brackets": "lines that make C4 drop a page for '{'",
    "c4_jmlr_sentences": "sentences in the lines that C4's rules keep as the paper states them, without their citations",
    "c4_jmlr_lines": "lines that C4's rules keep as the paper states them",
    "lorem_ipsum_lines": "lines with 'lorem ipsum'",
    "curly_bracket_lines": "lines with '{'",
    "fineweb_sentences": "sentences in the lines that FineWeb's cuts keep, without their citations",
    "fineweb_lines": "lines that FineWeb's cuts keep",
    "fineweb_lorem_ipsum": "lines that make FineWeb drop a page for 'lorem ipsum'",
    "fineweb_curly_brackets": "lines that make FineWeb drop a page for '{'",
    "fineweb_line_punctuation_share": "line_punctuation_share of the text that FineWeb's cuts leave",
    "fineweb_short_line_share": "short_line_share of the text that FineWeb's cuts leave",
    "fineweb_line_duplicate_character_share": "line_duplicate_character_share of the text that FineWeb's cuts leave",
    "fineweb_newlines_per_word": "newlines_per_word of the text that FineWeb's cuts leave",
    "alphabetic_blank_word_share": "words between blanks with a letter, of all words between blanks",
    "refinedweb_words_cut_share": "words that RefinedWeb's line rules cut, of all: those between blanks that begin with a letter or digit",
    "javascript_lines": "lines with 'javascript'",
    "policy_lines": "lines with a phrase of cookie notices and terms of use",
    "mean_line_length": "characters per line, blank lines and blanks among them",
    "max_line_length": "characters of the longest line",
    "alphanumeric_share": "letters and digits, of all characters",
    "alphabetic_share": "letters, of all characters",
    "xml_header": "1 where the first 100 bytes hold an XML declaration",
    "generated_marker": "1 where the first five lines say that the file was generated",
    "visible_html_share": "characters outside tags, of all; NaN where the text is no HTML",
    "visible_html_characters": "characters outside tags; NaN where the text is no HTML",
    "longest_encoded_run": "bytes of the longest run of base64 or hexadecimal data",
    "encoded_share": "bytes in runs of base64 or hexadecimal data, of all",
}
"""The float32 columns, in order, and what each says."""

CUTS: dict[str, str] = {
    "c4_cuts": "what C4's line rules cut: lines without an end mark, under 5 words, on JavaScript or cookies; citations",
    "c4_jmlr_cuts": "what C4's line rules cut as the paper has them: lines without an end mark, under 3 words, on JavaScript; citations",
    "fineweb_cuts": "what FineWeb's C4 line rules cut: lines under 3 words, of citations alone, on JavaScript or cookies; citations",
    "refinedweb_cuts": "what RefinedWeb's line rules cut: lines of capitals, a word or a counter; 'items in cart', 'Read more'",
}
"""The list<int32> columns of spans, flat [start, end) byte offsets in rising order, for `filters.cuts.apply_cuts`."""

SCHEMA: pa.Schema = pa.schema(
    [pa.field(name, pa.float32(), nullable=False, metadata={"definition": text}) for name, text in DEFINITIONS.items()]
    + [
        pa.field(name, pa.list_(pa.field("item", pa.int32(), nullable=False)), nullable=False, metadata={"definition": text})
        for name, text in CUTS.items()
    ]
)
